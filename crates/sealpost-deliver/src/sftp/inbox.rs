//! The receiving side of an SFTP channel: bytes to packets.

use bytes::{Buf, Bytes, BytesMut};
use russh::ChannelMsg;
use russh::ChannelReadHalf;

use super::session::printable;

/// The longest reply that makes sense: no read asks for so much. It also bounds what comes before SFTP is granted.
const LONGEST: usize = 1 << 20;

/// Collects packets. Waiting for one may be cancelled at any time without losing anything.
pub(super) struct Inbox {
    channel: ChannelReadHalf,
    buffer: BytesMut,
    /// What the server wrote to standard error: often the only explanation of a failed start.
    complaint: String,
}

/// Why no further packet comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closed {
    /// The channel or connection ended; with what the server wrote to standard error.
    Ended(String),
    /// The server sent something that is not an SFTP packet.
    NotSftp(String),
    /// The server sent a packet that makes no sense.
    Malformed,
}

impl Default for Closed {
    fn default() -> Self {
        Self::Ended(String::new())
    }
}

impl Inbox {
    pub(super) fn new(channel: ChannelReadHalf) -> Self {
        Self { channel, buffer: BytesMut::new(), complaint: String::new() }
    }

    /// Waits for the answer to a channel request (RFC 4254 section 5.4): whether it was granted.
    pub(super) async fn granted(&mut self) -> Result<bool, Closed> {
        loop {
            match self.channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(true),
                Some(ChannelMsg::Failure) => return Ok(false),
                other => self.take(other)?,
            }
            // What comes before the answer is kept, as it may be the server's version. That is short.
            if self.buffer.len() > LONGEST {
                return Err(self.not_sftp());
            }
        }
    }

    /// The next packet, without its length.
    pub(super) async fn next(&mut self) -> Result<Bytes, Closed> {
        loop {
            if let Some(prefix) = self.buffer.first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
                if length == 0 || length > LONGEST {
                    return Err(self.not_sftp());
                }
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    return Ok(self.buffer.split_to(length).freeze());
                }
            }
            let message = self.channel.wait().await;
            self.take(message)?;
        }
    }

    /// A shell that greets, or a server that prints instead of starting its SFTP part.
    fn not_sftp(&self) -> Closed {
        let start = String::from_utf8_lossy(self.buffer.get(..80).unwrap_or(&self.buffer)).into_owned();
        Closed::NotSftp(printable(&start))
    }

    fn take(&mut self, message: Option<ChannelMsg>) -> Result<(), Closed> {
        match message {
            Some(ChannelMsg::Data { data }) => self.buffer.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) if self.complaint.len() < 300 => {
                self.complaint.push_str(&printable(&String::from_utf8_lossy(&data)));
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                return Err(Closed::Ended(self.complaint.trim().to_owned()));
            }
            Some(_) => {}
        }
        Ok(())
    }
}
