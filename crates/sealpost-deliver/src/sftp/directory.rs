//! The remote directory: found, checked, made on request.

use sealpost_core::connector::ConnectorSettings;
use sealpost_core::error::{Error, Result, codes};

use super::client::Client;
use super::packet::Attributes;
use super::pool::Lease;
use super::status::Fault;

/// The connector's directory as a path without a trailing slash (but `/` itself), absolute where the server can say
/// where a login begins. It exists, unless the server hides that.
///
/// # Errors
/// `SP-DELIVER-008` where it is missing and may not be made, or is no directory.
pub(super) async fn enter(client: &Client, settings: &ConnectorSettings) -> Result<String> {
    let directory = without_trailing_slash(settings.directory.trim().trim_start_matches("./"));
    let (folder, found) = if directory.starts_with('/') {
        (directory.to_owned(), client.stat(directory).await)
    } else {
        // The server begins relative paths where a login begins, so both can be asked at once.
        let here = directory.is_empty() || directory == ".";
        let looked = if here { "." } else { directory };
        let home = async {
            match client.home().await {
                Some(home) => Ok(home.to_string()),
                None => client.real_path(".").await,
            }
        };
        if here
            && !settings.create_directories
            && let Some(home) = client.home().await
        {
            // Where a login begins there is a directory, or creating the file will tell.
            return Ok(without_trailing_slash(&home).to_owned());
        }
        let (home, found) = tokio::join!(home, client.stat(looked));
        let home = match home {
            Ok(home) => home,
            Err(Fault::Refused(_)) => ".".to_owned(),
            Err(Fault::Failed(error)) => return Err(error),
        };
        (if here { without_trailing_slash(&home).to_owned() } else { join(&home, directory) }, found)
    };
    match found {
        Ok(Some(found)) => only_directory(&folder, found)?,
        Ok(None) if settings.create_directories => make(client, &folder).await?,
        Ok(None) => {
            return Err(Error::new(&codes::deliver::DIRECTORY, format!("`{folder}` does not exist on the server")));
        }
        // Drop boxes may forbid to look. Creating the file will tell.
        Err(Fault::Refused(_)) => {}
        Err(Fault::Failed(error)) => return Err(error),
    }
    Ok(folder)
}

/// The same, at most once on a connection: `true` beside the path says that it was entered before, and may be gone.
///
/// # Errors
/// As [`enter`].
pub(super) async fn enter_once(lease: &Lease, settings: &ConnectorSettings) -> Result<(String, bool)> {
    if let Some(folder) = lease.link().and_then(|link| link.folder(&settings.directory)) {
        return Ok((folder, true));
    }
    let folder = enter(lease.client(), settings).await?;
    if let Some(link) = lease.link() {
        link.note_folder(&settings.directory, Some(&folder));
    }
    Ok((folder, false))
}

fn without_trailing_slash(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() && !path.is_empty() { "/" } else { trimmed }
}

/// A name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}

fn only_directory(folder: &str, found: Attributes) -> Result<()> {
    if found.is_directory() == Some(false) {
        return Err(Error::new(&codes::deliver::DIRECTORY, format!("`{folder}` is a file, not a directory")));
    }
    Ok(())
}

/// Makes the directory and its missing parents. Another worker may be at it too: what exists afterwards is well.
async fn make(client: &Client, folder: &str) -> Result<()> {
    let starts: Vec<usize> = folder.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).collect();
    let parents = starts.into_iter().filter_map(|at| folder.get(..at));
    for path in parents.chain([folder]) {
        match client.stat(path).await {
            Ok(Some(found)) => {
                only_directory(path, found)?;
                continue;
            }
            // A parent that may not be looked at exists, or making the next one fails.
            Err(Fault::Refused(_)) => continue,
            Err(Fault::Failed(error)) => return Err(error),
            Ok(None) => {}
        }
        match client.make_directory(path).await {
            Ok(()) => {}
            Err(Fault::Refused(refusal)) => {
                if !matches!(client.stat(path).await, Ok(Some(_))) {
                    return Err(refusal.error(&format!("make the directory `{path}`")));
                }
            }
            Err(Fault::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_without_doubled_slashes() {
        assert_eq!(join("/", "a"), "/a");
        assert_eq!(join("/in", "a"), "/in/a");
        assert_eq!(without_trailing_slash("/"), "/");
        assert_eq!(without_trailing_slash("/in//"), "/in");
        assert_eq!(without_trailing_slash(""), "");
    }
}
