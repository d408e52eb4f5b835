//! A file on its way to its landing, over one or more connections.

use bytes::Bytes;
use sealpost_core::error::{Error, codes};
use sealpost_core::port::Landing;

use super::packet::Attributes;

/// What tells one state of a file from another: [`Version::agrees`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Version {
    pub(super) size: u64,
    pub(super) modified: Option<u32>,
}

impl Version {
    /// The state that the server's words describe. `None` where it does not say the size.
    pub(super) fn of(found: &Attributes) -> Option<Self> {
        Some(Self { size: found.size?, modified: found.modified })
    }

    /// Whether nothing speaks against both being one state. Some servers tell the time of a path and not of an open file, or the
    /// other way round.
    pub(super) fn agrees(self, other: Self) -> bool {
        self.size == other.size && self.modified.zip(other.modified).is_none_or(|(one, two)| one == two)
    }

    /// Whether only the other one has the time.
    pub(super) fn lacks_time_of(self, other: Self) -> bool {
        self.modified.is_none() && other.modified.is_some()
    }
}

/// Why a file does not come.
pub(super) enum Halt {
    /// A further connection may go on.
    Broken(Error),
    /// Nothing of the kind helps.
    Final(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        let passing = [&codes::deliver::BROKEN, &codes::deliver::TIMEOUT, &codes::deliver::UNREACHABLE];
        if passing.into_iter().any(|code| error.is(code)) { Self::Broken(error) } else { Self::Final(error) }
    }
}

/// A file on its way.
pub(super) struct Download<'a> {
    pub(super) path: &'a str,
    landing: &'a mut dyn Landing,
    /// What it was when it began.
    version: Option<Version>,
    landed: u64,
}

impl<'a> Download<'a> {
    /// A file that has not begun.
    pub(super) fn new(path: &'a str, landing: &'a mut dyn Landing) -> Self {
        Self { path, landing, version: None, landed: 0 }
    }

    /// Bytes that the landing has.
    pub(super) fn landed(&self) -> u64 {
        self.landed
    }

    /// Whether the landing knows of it already.
    pub(super) fn has_begun(&self) -> bool {
        self.version.is_some()
    }

    /// Takes note of what the file is now: the same as at the beginning.
    pub(super) async fn meet(&mut self, found: Version) -> Result<(), Halt> {
        match self.version {
            Some(begun) if begun.agrees(found) => Ok(()),
            Some(begun) => Err(Halt::Final(self.changed(begun, found))),
            None => {
                // Whatever code the landing's refusal has, no other connection helps.
                self.landing.expect(found.size).await.map_err(Halt::Final)?;
                self.version = Some(found);
                Ok(())
            }
        }
    }

    /// Hands the next bytes over.
    pub(super) async fn land(&mut self, bytes: Bytes) -> Result<(), Halt> {
        self.landed += bytes.len() as u64;
        self.landing.write(bytes).await.map_err(Halt::Final)
    }

    /// The error of a file that is not what it was.
    pub(super) fn changed(&self, begun: Version, found: Version) -> Error {
        let detail = if begun.size == found.size {
            format!("`{}` got another time while it was read", self.path)
        } else {
            format!("`{}` had {} bytes at first, and has {} now", self.path, begun.size, found.size)
        };
        Error::new(&codes::deliver::CHANGED, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_not_told_is_not_another_one() {
        let version = |size, modified| Version { size, modified };
        assert!(version(3, Some(7)).agrees(version(3, Some(7))));
        assert!(version(3, Some(7)).agrees(version(3, None)) && version(3, None).agrees(version(3, Some(7))));
        assert!(version(3, None).agrees(version(3, None)));
        assert!(!version(3, Some(7)).agrees(version(3, Some(8))));
        assert!(!version(3, None).agrees(version(4, None)));
    }
}
