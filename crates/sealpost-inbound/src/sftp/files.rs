//! The file operations of one session: blocking, in the order they were asked.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, ReadDir};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;

use bytes::Bytes;
use russh_sftp::protocol::{Attrs, Data, FileAttributes, Handle, Name, Open, OpenFlags, Packet, SetStat, StatusCode};

use super::confine::{Home, Last, absolute};
use super::packet::{self, MOST_DATA, MOST_HANDLES, Refusal};
use super::{attributes, files::rename::rename_new};

mod rename;

/// Names in one answer to `READDIR`.
const NAMES: usize = 100;

/// A user's folder and what the session has open in it.
pub(super) struct Files {
    home: Home,
    open: BTreeMap<String, Opened>,
    last_handle: u64,
}

enum Opened {
    File(File),
    Folder(ReadDir),
}

type Answer = Result<Packet, Refusal>;

impl Files {
    pub(super) fn new(home: PathBuf) -> Self {
        Self { home: Home::new(home), open: BTreeMap::new(), last_handle: 0 }
    }

    /// Answers one request.
    pub(super) fn handle(&mut self, request: Packet) -> Packet {
        let id = request.get_request_id();
        let answer = match request {
            Packet::Init(_) => Ok(packet::version()),
            Packet::Open(open) => self.open(open),
            Packet::Close(close) => self.close(id, &close.handle),
            Packet::Read(read) => self.read(id, &read.handle, read.offset, read.len),
            Packet::Write(write) => self.write(id, &write.handle, write.offset, &write.data),
            Packet::Lstat(lstat) => self.stat(id, &lstat.path, Last::Keep),
            Packet::Stat(stat) => self.stat(id, &stat.path, Last::Follow),
            Packet::Fstat(fstat) => self.file(&fstat.handle).and_then(|file| attrs(id, &file.metadata()?)),
            Packet::SetStat(setstat) => self.set_stat(id, &setstat),
            Packet::FSetStat(set) => {
                self.file(&set.handle).and_then(|file| done(id, attributes::set(file, &set.attrs)))
            }
            Packet::OpenDir(opendir) => self.open_folder(id, &opendir.path),
            Packet::ReadDir(readdir) => self.read_folder(id, &readdir.handle),
            Packet::Remove(remove) => {
                self.home.resolve_entry(&remove.filename).and_then(|path| done(id, fs::remove_file(path)))
            }
            Packet::MkDir(mkdir) => self.make_folder(id, &mkdir.path, &mkdir.attrs),
            Packet::RmDir(rmdir) => {
                self.home.resolve_entry(&rmdir.path).and_then(|path| done(id, fs::remove_dir(path)))
            }
            Packet::RealPath(realpath) => real_path(id, &realpath.path),
            Packet::Rename(rename) => self.rename(id, &rename.oldpath, &rename.newpath, rename_new),
            Packet::Extended(extended) => self.extended(id, &extended.request, extended.data.into()),
            // No links: they are the way out of a folder.
            _ => Err(StatusCode::OpUnsupported.into()),
        };
        answer.unwrap_or_else(|refusal| refusal.into_packet(id))
    }

    fn open(&mut self, open: Open) -> Answer {
        let path = self.home.resolve(&open.filename, Last::Follow)?;
        let flags = open.pflags;
        let file = OpenOptions::new()
            .read(flags.contains(OpenFlags::READ))
            .write(flags.contains(OpenFlags::WRITE) && !flags.contains(OpenFlags::APPEND))
            .append(flags.contains(OpenFlags::APPEND))
            .create(flags.contains(OpenFlags::CREATE))
            .create_new(flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUDE))
            .truncate(flags.contains(OpenFlags::TRUNCATE))
            .mode(attributes::mode(&open.attrs).unwrap_or(0o666))
            .open(path)?;
        if file.metadata()?.is_dir() {
            return Err(Refusal::new(StatusCode::Failure, "is a directory"));
        }
        self.remember(open.id, Opened::File(file))
    }

    fn remember(&mut self, id: u32, opened: Opened) -> Answer {
        if self.open.len() >= MOST_HANDLES {
            return Err(Refusal::new(StatusCode::Failure, "too many open handles"));
        }
        self.last_handle += 1;
        let handle = self.last_handle.to_string();
        self.open.insert(handle.clone(), opened);
        Ok(Handle { id, handle }.into())
    }

    fn file(&self, handle: &str) -> Result<&File, Refusal> {
        match self.open.get(handle) {
            Some(Opened::File(file)) => Ok(file),
            _ => Err(Refusal::new(StatusCode::Failure, "no such handle")),
        }
    }

    fn close(&mut self, id: u32, handle: &str) -> Answer {
        match self.open.remove(handle) {
            Some(_) => done(id, Ok(())),
            None => Err(Refusal::new(StatusCode::Failure, "no such handle")),
        }
    }

    fn read(&self, id: u32, handle: &str, offset: u64, len: u32) -> Answer {
        let file = self.file(handle)?;
        let mut data = vec![0; len.min(MOST_DATA) as usize];
        let mut filled = 0;
        // A short answer in the middle of a file costs the client a round trip.
        while filled < data.len() {
            match file.read_at(&mut data[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if filled == 0 && len > 0 {
            return Err(StatusCode::Eof.into());
        }
        data.truncate(filled);
        Ok(Data { id, data }.into())
    }

    fn write(&self, id: u32, handle: &str, offset: u64, data: &[u8]) -> Answer {
        done(id, self.file(handle)?.write_all_at(data, offset))
    }

    fn stat(&self, id: u32, path: &str, last: Last) -> Answer {
        attrs(id, &self.home.resolve(path, last)?.symlink_metadata()?)
    }

    fn set_stat(&self, id: u32, set: &SetStat) -> Answer {
        let path = self.home.resolve(&set.path, Last::Follow)?;
        let file = OpenOptions::new().read(true).write(set.attrs.size.is_some()).open(path)?;
        done(id, attributes::set(&file, &set.attrs))
    }

    fn open_folder(&mut self, id: u32, path: &str) -> Answer {
        let folder = fs::read_dir(self.home.resolve(path, Last::Follow)?)?;
        self.remember(id, Opened::Folder(folder))
    }

    fn read_folder(&mut self, id: u32, handle: &str) -> Answer {
        let Some(Opened::Folder(folder)) = self.open.get_mut(handle) else {
            return Err(Refusal::new(StatusCode::Failure, "no such handle"));
        };
        let mut files = Vec::new();
        for entry in folder.by_ref() {
            let entry = entry?;
            // Names that are not UTF-8 can't be asked for either; files may vanish while we look.
            if let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) {
                files.push(russh_sftp::protocol::File::new(name, attributes::of(&metadata)));
            }
            if files.len() == NAMES {
                break;
            }
        }
        if files.is_empty() { Err(StatusCode::Eof.into()) } else { Ok(Name { id, files }.into()) }
    }

    fn make_folder(&self, id: u32, path: &str, attrs: &FileAttributes) -> Answer {
        let path = self.home.resolve_entry(path)?;
        done(id, DirBuilder::new().mode(attributes::mode(attrs).unwrap_or(0o777)).create(path))
    }

    fn rename(
        &self,
        id: u32,
        old: &str,
        new: &str,
        how: fn(&std::path::Path, &std::path::Path) -> std::io::Result<()>,
    ) -> Answer {
        done(id, how(&self.home.resolve_entry(old)?, &self.home.resolve_entry(new)?))
    }

    fn extended(&self, id: u32, name: &str, mut payload: Bytes) -> Answer {
        match name {
            packet::POSIX_RENAME => {
                let old = packet::take_string(&mut payload)?;
                let new = packet::take_string(&mut payload)?;
                self.rename(id, &old, &new, |old, new| fs::rename(old, new))
            }
            packet::FSYNC => {
                let handle = packet::take_string(&mut payload)?;
                done(id, self.file(&handle)?.sync_all())
            }
            packet::LIMITS => Ok(packet::limits(id)),
            _ => Err(StatusCode::OpUnsupported.into()),
        }
    }
}

fn real_path(id: u32, path: &str) -> Answer {
    Ok(Name { id, files: vec![russh_sftp::protocol::File::dummy(absolute(path)?)] }.into())
}

fn attrs(id: u32, metadata: &fs::Metadata) -> Answer {
    Ok(Attrs { id, attrs: attributes::of(metadata) }.into())
}

fn done(id: u32, result: std::io::Result<()>) -> Answer {
    result?;
    Ok(Packet::error(id, StatusCode::Ok))
}
