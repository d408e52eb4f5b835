//! SFTP version 3 packets (draft-ietf-secsh-filexfer-02): requests that we send, replies that we read.

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSTAT: u8 = 8;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const REALPATH: u8 = 16;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const EXTENDED: u8 = 200;

const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED_REPLY: u8 = 201;

/// Open flags (section 6.3).
pub(super) const FOR_READ: u32 = 0x01;
pub(super) const FOR_WRITE: u32 = 0x02;
pub(super) const CREATE: u32 = 0x08;
pub(super) const TRUNCATE: u32 = 0x10;

/// A request being put together.
pub(super) struct Request(BytesMut);

impl Request {
    pub(super) fn new(kind: u8, id: u32) -> Self {
        let mut bytes = BytesMut::with_capacity(128);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        bytes.put_u32(id);
        Self(bytes)
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    pub(super) fn string(mut self, value: &[u8]) -> Self {
        // Paths and handles: far below 4 GiB.
        self.0.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.put_slice(value);
        self
    }

    /// How long a packet may be that answers it, beside one with a status: what is longer is not what was asked for, and
    /// would wait in memory until somebody looks at it.
    pub(super) fn longest_reply(&self) -> usize {
        match self.0.get(4).copied() {
            // How much is asked for stands last (section 6.4).
            Some(READ) => self.0.last_chunk::<4>().map_or(0, |asked| {
                usize::try_from(u32::from_be_bytes(*asked)).unwrap_or(usize::MAX).saturating_add(DATA_HEADER)
            }),
            // There is no other answer than a status.
            Some(WRITE) => 0,
            _ => LONGEST_REPLY,
        }
    }

    /// The packet, to be followed by `payload` bytes that are sent on their own.
    pub(super) fn finish_with_payload(mut self, payload: usize) -> Bytes {
        let length = u32::try_from(self.0.len() - 4 + payload).unwrap_or(u32::MAX);
        if let Some(prefix) = self.0.get_mut(..4) {
            prefix.copy_from_slice(&length.to_be_bytes());
        }
        self.0.freeze()
    }

    pub(super) fn finish(self) -> Bytes {
        self.finish_with_payload(0)
    }
}

/// A file's attributes (section 5), as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) permissions: Option<u32>,
    pub(super) modified: Option<u32>,
}

impl Attributes {
    /// Whether it is a directory; `None` where the server does not say.
    pub(super) fn is_directory(&self) -> Option<bool> {
        self.permissions.map(|bits| bits & 0o170_000).filter(|kind| *kind != 0).map(|kind| kind == 0o040_000)
    }

    fn read(reader: &mut Reader) -> Option<Self> {
        let flags = reader.u32()?;
        let size = if flags & 0x01 != 0 { Some(reader.u64()?) } else { None };
        let owner = if flags & 0x02 != 0 { Some((reader.u32()?, reader.u32()?)) } else { None };
        let permissions = if flags & 0x04 != 0 { Some(reader.u32()?) } else { None };
        let modified = if flags & 0x08 != 0 {
            reader.u32()?;
            Some(reader.u32()?)
        } else {
            None
        };
        if flags & 0x8000_0000 != 0 {
            for _ in 0..reader.u32()? {
                reader.string()?;
                reader.string()?;
            }
        }
        Some(Self { size, owner, permissions, modified })
    }
}

/// A name with what the server says of it (section 7).
#[derive(Debug)]
pub(super) struct Name {
    /// The name, in the server's encoding.
    pub(super) name: Bytes,
    /// A line as `ls -l` prints it, in no fixed form.
    pub(super) line: Bytes,
    pub(super) attributes: Attributes,
}

/// A server's reply.
#[derive(Debug)]
pub(super) enum Reply {
    Status {
        code: u32,
        message: String,
    },
    Handle(Bytes),
    /// Bytes of a file.
    Data(Bytes),
    /// One name for a path that was resolved; some entries of a directory.
    Names(Vec<Name>),
    Attributes(Attributes),
    Extended(Bytes),
}

/// The longest packet in answer to most requests: OpenSSH's client takes no longer one (`SFTP_MAX_MSG_LENGTH`).
const LONGEST_REPLY: usize = 256 << 10;
/// What stands before the bytes that were read: kind, id and their length.
const DATA_HEADER: usize = 9;
/// How much of a status's text is kept, in bytes: more than is ever shown.
const LONGEST_TEXT: usize = 1 << 10;
/// The longest handle, by the draft (section 6.3).
const LONGEST_HANDLE: usize = 256;
/// Entries of one reply: servers send a hundred or so; each takes ten times its bytes in memory.
const MOST_NAMES: u32 = 16_384;
/// Data that is cheaper copied than kept with the buffer it came in.
const SMALL: usize = 32 << 10;

/// Reads the reply in a packet (without its length): the request's id and what the server says. `None` for a
/// malformed or unknown packet.
pub(super) fn read_reply(packet: Bytes) -> Option<(u32, Reply)> {
    let mut reader = Reader(packet);
    let kind = reader.u8()?;
    let id = reader.u32()?;
    let reply = match kind {
        STATUS => {
            let code = reader.u32()?;
            // Some old servers leave the message out.
            let message = reader.string().map(|text| status_text(&text)).unwrap_or_default();
            Reply::Status { code, message }
        }
        // Copied: a handle is kept and sent with every request, and must not keep its whole packet in memory.
        HANDLE => Reply::Handle(
            reader
                .string()
                .filter(|handle| handle.len() <= LONGEST_HANDLE)
                .map(|handle| Bytes::copy_from_slice(&handle))?,
        ),
        // Nothing but the bytes asked for: they wait for their turn, and what stands beside them would wait too.
        DATA => {
            let data = reader.string().filter(|_| reader.0.is_empty())?;
            Reply::Data(if data.len() < SMALL { Bytes::copy_from_slice(&data) } else { data })
        }
        NAME => {
            // Their number is the server's word: nothing is set aside for it.
            let mut names = Vec::new();
            for _ in Some(reader.u32()?).filter(|number| *number <= MOST_NAMES).map(|number| 0..number)? {
                let (name, line) = (reader.string()?, reader.string()?);
                names.push(Name { name, line, attributes: Attributes::read(&mut reader)? });
            }
            Reply::Names(names)
        }
        ATTRS => Reply::Attributes(Attributes::read(&mut reader)?),
        EXTENDED_REPLY => Reply::Extended(reader.0),
        _ => return None,
    };
    Some((id, reply))
}

/// A status's text. It is cut before it is decoded, which makes three bytes of each one that is no UTF-8.
fn status_text(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..LONGEST_TEXT).unwrap_or(text)).into_owned()
}

/// Reads `SSH_FXP_VERSION`: the version and the extensions' names. `None` for anything else.
pub(super) fn read_version(packet: Bytes) -> Option<(u32, Vec<String>)> {
    let mut reader = Reader(packet);
    if reader.u8()? != VERSION {
        return None;
    }
    let version = reader.u32()?;
    let mut extensions = Vec::new();
    while let Some(name) = reader.string() {
        extensions.push(String::from_utf8_lossy(&name).into_owned());
        reader.string()?;
    }
    Some((version, extensions))
}

/// Reads values off the front; `None` where the bytes run out.
pub(super) struct Reader(pub(super) Bytes);

impl Reader {
    fn u8(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.0.try_get_u32().ok()
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.0.try_get_u64().ok()
    }

    fn string(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.u32()?).ok()?;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_framed_as_the_draft_says() {
        let packet = Request::new(RENAME, 7).string(b"a").string(b"bc").finish();
        assert_eq!(&packet[..], b"\0\0\0\x10\x12\0\0\0\x07\0\0\0\x01a\0\0\0\x02bc");
        let header = Request::new(WRITE, 1).string(b"h").u64(5).u32(3).finish_with_payload(3);
        assert_eq!(&header[..4], (header.len() as u32 - 4 + 3).to_be_bytes());
    }

    #[test]
    fn a_reply_keeps_no_more_in_memory_than_was_asked_for() {
        let reply = |kind: u8, length: usize, padding: usize| {
            let mut bytes = BytesMut::new();
            bytes.put_u8(kind);
            bytes.put_u32(1);
            bytes.put_u32(u32::try_from(length).expect("short"));
            bytes.put_bytes(7, length + padding);
            read_reply(bytes.freeze())
        };
        assert!(matches!(reply(HANDLE, 256, 0), Some((1, Reply::Handle(handle))) if handle.len() == 256));
        assert!(reply(HANDLE, 257, 0).is_none(), "a handle goes out with every request");
        assert!(matches!(reply(DATA, 512, 0), Some((1, Reply::Data(data))) if data.len() == 512));
        assert!(reply(DATA, 512, 1 << 20).is_none(), "padding would wait with the data");
        let names = [&[NAME][..], &1_u32.to_be_bytes(), &u32::MAX.to_be_bytes()].concat();
        assert!(read_reply(names.into()).is_none());
    }

    #[test]
    fn the_text_of_a_status_is_cut() {
        let status = |text: &[u8]| {
            let length = u32::try_from(text.len()).expect("short").to_be_bytes();
            let packet = [&[STATUS][..], &1_u32.to_be_bytes(), &4_u32.to_be_bytes(), &length, text].concat();
            match read_reply(packet.into()) {
                Some((1, Reply::Status { code: 4, message })) => message,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(status("voilà".as_bytes()), "voilà");
        assert_eq!(status(&[b'x'; 1 << 19]), "x".repeat(LONGEST_TEXT));
        assert_eq!(status(&[0xff; 1 << 19]).len(), 3 * LONGEST_TEXT);
    }

    #[test]
    fn a_request_knows_how_much_may_come() {
        let read = Request::new(READ, 1).string(b"handle").u64(7).u32(32 << 10);
        assert_eq!(read.longest_reply(), (32 << 10) + 9);
        assert_eq!(Request::new(WRITE, 1).string(b"handle").u64(7).u32(32 << 10).longest_reply(), 0);
        assert_eq!(Request::new(READDIR, 1).string(b"handle").longest_reply(), 256 << 10);
    }

    #[test]
    fn attributes_are_read_in_the_order_of_their_flags() {
        let mut bytes = BytesMut::new();
        bytes.put_u8(ATTRS);
        bytes.put_u32(9);
        bytes.put_u32(0x0f);
        bytes.put_u64(5_000_000_000);
        for value in [1000, 1001, 0o100_644, 11, 22] {
            bytes.put_u32(value);
        }
        let Some((9, Reply::Attributes(found))) = read_reply(bytes.freeze()) else { panic!("attributes") };
        let expected = Attributes {
            size: Some(5_000_000_000),
            owner: Some((1000, 1001)),
            permissions: Some(0o100_644),
            modified: Some(22),
        };
        assert_eq!(found, expected);
        assert_eq!(found.is_directory(), Some(false));
    }

    #[test]
    fn names_are_read_past_attributes_that_nobody_knows() {
        let mut bytes = BytesMut::new();
        bytes.put_u8(NAME);
        bytes.put_u32(9);
        bytes.put_u32(2);
        for name in [&b"a"[..], &b"bc"[..]] {
            for text in [name, b"-rw-r--r-- 1 x"] {
                bytes.put_u32(text.len() as u32);
                bytes.put_slice(text);
            }
            bytes.put_u32(0x8000_0001);
            bytes.put_u64(7);
            bytes.put_u32(1);
            for text in [&b"acl@example.org"[..], &b"anything"[..]] {
                bytes.put_u32(text.len() as u32);
                bytes.put_slice(text);
            }
        }
        let whole = bytes.freeze();
        let Some((9, Reply::Names(names))) = read_reply(whole.clone()) else { panic!("names") };
        let read: Vec<_> = names.iter().map(|found| (&found.name[..], found.attributes.size)).collect();
        assert_eq!(read, [(&b"a"[..], Some(7)), (&b"bc"[..], Some(7))]);
        for length in 0..whole.len() {
            assert!(read_reply(whole.slice(..length)).is_none(), "{length}");
        }
    }

    #[test]
    fn cut_packets_are_refused_not_misread() {
        let mut whole = BytesMut::new();
        whole.put_u8(HANDLE);
        whole.put_u32(1);
        whole.put_u32(4);
        whole.put_slice(b"abcd");
        let whole = whole.freeze();
        assert!(read_reply(whole.clone()).is_some());
        for length in 0..whole.len() {
            assert!(read_reply(whole.slice(..length)).is_none(), "{length}");
        }
    }
}
