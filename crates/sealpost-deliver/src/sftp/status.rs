//! What a server's refusal means: SFTP status codes to our error codes.

use sealpost_core::error::{Code, Error, codes};

use super::session::printable;

pub(super) const OK: u32 = 0;
const END_OF_FILE: u32 = 1;
const NO_SUCH_FILE: u32 = 2;
const PERMISSION_DENIED: u32 = 3;
const FAILURE: u32 = 4;
const BAD_MESSAGE: u32 = 5;
const NO_CONNECTION: u32 = 6;
const CONNECTION_LOST: u32 = 7;
// Of later drafts; some servers send them under version 3 too.
const NO_SUCH_PATH: u32 = 10;
const FILE_ALREADY_EXISTS: u32 = 11;
const WRITE_PROTECT: u32 = 12;
const NO_SPACE_ON_FILESYSTEM: u32 = 14;
const QUOTA_EXCEEDED: u32 = 15;

/// A reply that refuses a request; the connection goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: String,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server refused it. It certainly did not happen.
    Refused(Refusal),
    /// No answer: whether it happened is unknown, and the connection is of no more use.
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Fault {
    /// The error of a request to do `what`, such as "create `/in/x`".
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Refused(refusal) => refusal.error(what),
            Self::Failed(error) => error,
        }
    }
}

impl Refusal {
    /// Whether the path does not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.code, NO_SUCH_FILE | NO_SUCH_PATH)
    }

    /// Whether there is no more to read: of a file, or of a directory's entries.
    pub(super) fn is_end(&self) -> bool {
        self.code == END_OF_FILE
    }

    /// Whether the server is out of space, as far as it says so. OpenSSH says only "Failure".
    pub(super) fn is_full(&self) -> bool {
        match self.code {
            NO_SPACE_ON_FILESYSTEM | QUOTA_EXCEEDED => true,
            FAILURE => self.speaks_of_space(),
            // It gives a reason already. Its words may be of insufficient permissions, or have a path in them.
            _ => false,
        }
    }

    fn speaks_of_space(&self) -> bool {
        const WORDS: [&str; 9] = [
            "no space",
            "disk full",
            "disk quota",
            "over quota",
            "enospc",
            "insufficient space",
            "insufficient disk",
            "insufficient storage",
            "out of space",
        ];
        let said = self.message.to_ascii_lowercase();
        // A path says nothing of space: `/in/quota.csv`.
        let said = said.split_whitespace().filter(|word| !word.contains(['/', '\\'])).collect::<Vec<_>>().join(" ");
        WORDS.iter().any(|words| said.contains(words)) || (said.contains("quota") && said.contains("exceed"))
    }

    /// Whether it gives no reason at all.
    pub(super) fn is_unexplained(&self) -> bool {
        self.code == FAILURE && !self.is_full()
    }

    /// The error of a request to do `what`.
    pub(super) fn error(&self, what: &str) -> Error {
        Error::new(self.meaning(), format!("{what}: the server says {self}"))
    }

    fn meaning(&self) -> &'static Code {
        match self.code {
            _ if self.is_full() => &codes::deliver::FULL,
            NO_SUCH_FILE | NO_SUCH_PATH => &codes::deliver::DIRECTORY,
            PERMISSION_DENIED | WRITE_PROTECT => &codes::deliver::PERMISSION,
            FILE_ALREADY_EXISTS => &codes::deliver::EXISTS,
            BAD_MESSAGE => &codes::deliver::PROTOCOL,
            NO_CONNECTION | CONNECTION_LOST => &codes::deliver::BROKEN,
            _ => &codes::deliver::REFUSED,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (status {})", printable(&self.message), self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_code_and_keeps_the_servers_words() {
        let code = |code, message: &str| {
            let error = Refusal { code, message: message.to_owned() }.error("write `x`");
            assert!(error.detail().contains(message));
            error.code().id
        };
        assert_eq!(code(2, "No such file"), codes::deliver::DIRECTORY.id);
        assert_eq!(code(3, "Permission denied"), codes::deliver::PERMISSION.id);
        assert_eq!(code(4, "Failure"), codes::deliver::REFUSED.id);
        assert_eq!(code(4, "No space left on device"), codes::deliver::FULL.id);
        assert_eq!(code(4, "Disk quota exceeded"), codes::deliver::FULL.id);
        assert_eq!(code(4, "Insufficient disk space"), codes::deliver::FULL.id);
        assert_eq!(code(4, "write /in/x.pgp: user exceeds its quota"), codes::deliver::FULL.id);
        assert_eq!(code(4, "/in/x.pgp: account is over quota"), codes::deliver::FULL.id);
        let renamed = "rename /in/.quota.csv.part /in/quota.csv: permission denied";
        for refused in [renamed, "open \\in\\disk quota\\exceeded.csv: sharing violation", "quota.csv: is locked"] {
            assert_eq!(code(4, refused), codes::deliver::REFUSED.id, "{refused}");
        }
        assert_eq!(code(4, "Insufficient system resources"), codes::deliver::REFUSED.id);
        assert_eq!(code(14, "full"), codes::deliver::FULL.id);
        // Whatever words it takes for a reason that it gives.
        assert_eq!(code(3, "Insufficient permissions"), codes::deliver::PERMISSION.id);
        assert_eq!(code(2, "/quota/x: no such file"), codes::deliver::DIRECTORY.id);
        assert_eq!(code(11, "exists"), codes::deliver::EXISTS.id);
    }
}
