//! What an ELF file needs of the system that it runs on: machine, libraries, versions of glibc's symbols.
//!
//! Only what the linker writes for 64-bit little-endian programs (System V ABI; the versions as in the Linux Standard Base,
//! "Symbol Versioning"): sections `.dynamic` and `.gnu.version_r` with their string tables.

use std::collections::BTreeSet;
use std::fmt;

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What a program needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// `e_machine`.
    pub(super) machine: u16,
    /// Shared libraries, in the file's order.
    pub(super) libraries: Vec<String>,
    /// Versions of glibc that symbols are bound to.
    pub(super) glibc: BTreeSet<Version>,
}

const DYNAMIC: u64 = 6;
const VERSIONS_NEEDED: u64 = 0x6fff_fffe;
const NEEDED: u64 = 1;

struct Section {
    kind: u64,
    offset: usize,
    size: usize,
    link: usize,
}

/// Reads a program.
pub(super) fn read(file: &[u8]) -> Result<Needs, String> {
    if file.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err("no 64-bit little-endian ELF file".to_owned());
    }
    let sections = sections(file).ok_or("its table of sections is broken")?;
    let mut needs = Needs { machine: number(file, 18, 2).ok_or("no machine")? as u16, ..Needs::default() };
    for section in &sections {
        let strings = sections.get(section.link).map_or(0, |strings| strings.offset);
        let read = match section.kind {
            DYNAMIC => libraries(file, section, strings, &mut needs),
            VERSIONS_NEEDED => versions(file, section, strings, &mut needs),
            _ => Some(()),
        };
        read.ok_or("one of its sections is broken")?;
    }
    Ok(needs)
}

fn number(file: &[u8], at: usize, bytes: usize) -> Option<u64> {
    let field = file.get(at..at.checked_add(bytes)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn text(file: &[u8], at: usize) -> Option<String> {
    let rest = file.get(at..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
}

fn sections(file: &[u8]) -> Option<Vec<Section>> {
    let (table, size, count) =
        (number(file, 40, 8)? as usize, number(file, 58, 2)? as usize, number(file, 60, 2)? as usize);
    let section = |index: usize| {
        let at = table.checked_add(index * size)?;
        Some(Section {
            kind: number(file, at + 4, 4)?,
            offset: number(file, at + 24, 8)? as usize,
            size: number(file, at + 32, 8)? as usize,
            link: number(file, at + 40, 4)? as usize,
        })
    };
    (0..count).map(section).collect()
}

fn libraries(file: &[u8], section: &Section, strings: usize, needs: &mut Needs) -> Option<()> {
    for at in (section.offset..section.offset.checked_add(section.size)?).step_by(16) {
        if number(file, at, 8)? == NEEDED {
            needs.libraries.push(text(file, strings.checked_add(number(file, at + 8, 8)? as usize)?)?);
        }
    }
    Some(())
}

/// A list of libraries, each with a list of the versions that are needed of it.
fn versions(file: &[u8], section: &Section, strings: usize, needs: &mut Needs) -> Option<()> {
    let mut library = section.offset;
    loop {
        let mut version = library.checked_add(number(file, library + 8, 4)? as usize)?;
        for _ in 0..number(file, library + 2, 2)? {
            let name = text(file, strings.checked_add(number(file, version + 8, 4)? as usize)?)?;
            needs.glibc.extend(name.strip_prefix("GLIBC_").and_then(parse));
            version = version.checked_add(number(file, version + 12, 4)? as usize)?;
        }
        match number(file, library + 12, 4)? as usize {
            0 => return Some(()),
            next => library = library.checked_add(next)?,
        }
    }
}

/// `2.34`, or `2.2.5`, of which the third number says nothing here.
fn parse(version: &str) -> Option<Version> {
    let mut numbers = version.split('.').map(str::parse);
    Some(Version(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The program that runs this test, as binutils see it.
    #[test]
    fn this_program_needs_what_binutils_say() {
        let program = std::env::current_exe().expect("this program");
        let needs = read(&std::fs::read(&program).expect("read it")).expect("an ELF file");
        let run = |arguments: &[&str]| {
            let output = Command::new("objdump").args(arguments).arg(&program).output().expect("objdump, of binutils");
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let listed = run(&["-p"]);
        let libraries: Vec<&str> =
            listed.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")).map(str::trim).collect();
        assert_eq!(needs.libraries, libraries);
        let symbols = run(&["-T"]);
        let used: BTreeSet<Version> = symbols
            .split(['(', ')', ' ', '\n'])
            .filter_map(|word| word.strip_prefix("GLIBC_").and_then(parse))
            .collect();
        assert!(!used.is_empty());
        assert_eq!(needs.glibc, used);
    }

    #[test]
    fn versions_compare_as_numbers_and_rubbish_is_refused() {
        assert!(parse("2.34") > parse("2.4") && parse("2.2.5") == Some(Version(2, 2)) && parse("PRIVATE").is_none());
        for rubbish in [&b""[..], b"\x7fELF\x02\x01", b"\x7fELF\x01\x01 of 32 bits", &[0; 100]] {
            assert!(read(rubbish).is_err());
        }
    }
}
