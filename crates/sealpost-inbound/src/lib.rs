//! Servers that partners come to. For now one: an SFTP site over plain folders, the partner's side of the demo and of
//! the tests; the server in front of the store grows out of it.

pub mod sftp;

pub use sftp::{HostKey, RunningSite, SftpSite, SiteSettings, SiteUser, generate_host_key, public_key_of};
