//! Answers of the server, and the failures that become `SSH_FXP_STATUS`.

use std::io;

use bytes::{Buf, BufMut, Bytes};
use russh_sftp::protocol::{ExtendedReply, Packet, StatusCode, Version};

use super::session::MOST_PACKET;

/// Data bytes in one read or write: room for the longest header in a packet.
pub(super) const MOST_DATA: u32 = MOST_PACKET - 1024;

/// Handles open at once in one session.
pub(super) const MOST_HANDLES: usize = 256;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    code: StatusCode,
    text: String,
}

impl Refusal {
    pub(super) fn new(code: StatusCode, text: &str) -> Self {
        Self { code, text: text.to_owned() }
    }

    pub(super) fn into_packet(self, id: u32) -> Packet {
        Packet::status(id, self.code, &self.text, "en")
    }
}

impl From<StatusCode> for Refusal {
    fn from(code: StatusCode) -> Self {
        Self { code, text: code.to_string() }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => StatusCode::NoSuchFile,
            io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
            // Version 3 has no more codes; clients go by the text.
            _ => StatusCode::Failure,
        };
        // The kind only: the system's text may show a path outside the user's view.
        Self { code, text: error.kind().to_string() }
    }
}

/// `SSH_FXP_VERSION` with the extensions that OpenSSH's server has and we share.
pub(super) fn version() -> Packet {
    let mut version = Version::new();
    for name in [POSIX_RENAME, FSYNC, LIMITS] {
        version.extensions.insert(name.to_owned(), "1".to_owned());
    }
    version.into()
}

/// Rename that replaces its target, atomically.
pub(super) const POSIX_RENAME: &str = "posix-rename@openssh.com";
/// Durability of an open file.
pub(super) const FSYNC: &str = "fsync@openssh.com";
/// The server's limits.
pub(super) const LIMITS: &str = "limits@openssh.com";

/// The answer to `limits@openssh.com`: four 64-bit numbers (OpenSSH's PROTOCOL, 4.8).
pub(super) fn limits(id: u32) -> Packet {
    let mut data = Vec::with_capacity(32);
    for limit in [u64::from(MOST_PACKET), u64::from(MOST_DATA), u64::from(MOST_DATA), MOST_HANDLES as u64] {
        data.put_u64(limit);
    }
    ExtendedReply { id, data }.into()
}

/// A string (RFC 4251, 5) from the payload of an extended request.
pub(super) fn take_string(payload: &mut Bytes) -> Result<String, Refusal> {
    let bad = || Refusal::from(StatusCode::BadMessage);
    let len = payload.try_get_u32().map_err(|_| bad())? as usize;
    if payload.len() < len {
        return Err(bad());
    }
    String::from_utf8(payload.split_to(len).into()).map_err(|_| bad())
}
