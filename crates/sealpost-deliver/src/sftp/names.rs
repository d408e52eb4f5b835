//! The names that a delivery uses on the server.

use std::fmt::Display;

use sealpost_core::port::Traces;

use super::directory::join;

/// Suffix of the checksum beside a file.
pub(super) const CHECKSUM: &str = ".sha256";
/// Suffix of the marker that a file is complete.
pub(super) const DONE: &str = ".done";
/// Marks the hidden name of what one of ours replaces.
const ASIDE: &str = ".old";

/// How many earlier attempts' names are looked for: as many as may lie between one that left something and its successor. A
/// connector has 100 attempts at most, and a secret store is waited for 12 hours, 150 s or more at a time. More than these are
/// only those that a crash cut off, one after another.
const LOOK_BACK: u32 = 400;

/// The longest name that file systems take, in bytes.
const LONGEST_NAME: usize = 255;
/// Bytes of a hidden name beside the file's name and the delivery's id: its dots, the longest suffix with [`ASIDE`], an
/// attempt's four digits, and `part`.
const BESIDE: usize = "....part".len() + CHECKSUM.len() + ASIDE.len() + 4;

/// The most rounds of one attempt: connections that it tries one after another, because one that was kept turned out to be
/// dead, or broke with several channels.
pub(super) const ROUNDS: u32 = 4;

/// The names of one delivery in one directory. All of them follow from the delivery, so that a later attempt finds
/// what an earlier one left without listing the directory.
///
/// Each round of each attempt has a hidden name of its own. On a connection that was given up, the request to open and empty
/// the hidden file may still wait; should the server do it while a later one writes, it must not be that one's file: what was
/// written before would be zeros, and the size right in the end. (To refuse to open what is there, `SSH_FXF_EXCL`, would do as
/// well, where servers keep to it.)
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) folder: String,
    file: String,
    delivery: String,
    pub(super) attempt: u32,
    /// Which of the attempt's rounds it is, from 0.
    round: u32,
}

impl Names {
    /// The names in the first round.
    pub(super) fn new(folder: String, traces: &Traces<'_>) -> Self {
        Self {
            folder,
            file: traces.file_name.to_owned(),
            delivery: traces.id.to_owned(),
            attempt: traces.attempts,
            round: 0,
        }
    }

    /// The same in this round.
    pub(super) fn in_round(self, round: u32) -> Self {
        Self { round, ..self }
    }

    /// Whether nothing of this delivery was tried before.
    pub(super) fn are_first(&self) -> bool {
        self.attempt <= 1 && self.round == 0
    }

    /// The hidden name of this round's file.
    pub(super) fn own(&self) -> String {
        self.temporary(self.attempt, self.round)
    }

    /// The hidden name of a round's file. The first round's says the attempt only.
    fn temporary(&self, attempt: u32, round: u32) -> String {
        if round == 0 { self.hidden("", attempt) } else { self.hidden("", format!("{attempt}-{round}")) }
    }

    /// The hidden name of an attempt's small file with this suffix.
    pub(super) fn hidden(&self, suffix: &str, attempt: impl Display) -> String {
        join(&self.folder, &format!(".{}{suffix}.{}.{attempt}.part", self.stem(), self.delivery))
    }

    /// The file's name, or as much of it as a hidden name has room for: what the server takes as a name must not fail for what
    /// is put around it. The delivery's id tells hidden names apart.
    fn stem(&self) -> &str {
        let room = LONGEST_NAME.saturating_sub(BESIDE + self.delivery.len()).min(self.file.len());
        let end = (0..=room).rev().find(|end| self.file.is_char_boundary(*end)).unwrap_or_default();
        self.file.get(..end).unwrap_or_default()
    }

    /// The hidden name to which an attempt moves what has the name of its file, or of its small file with this suffix, where
    /// the server can't replace it in one step. Each attempt has its own, so that what an earlier one has left there is in
    /// nobody's way.
    pub(super) fn aside(&self, suffix: &str, attempt: u32) -> String {
        self.hidden(&format!("{suffix}{ASIDE}"), attempt)
    }

    /// [`Self::aside`] of the file, in this attempt and the earlier ones, the newest first.
    pub(super) fn asides(&self) -> Vec<String> {
        self.attempts().map(|attempt| self.aside("", attempt)).collect()
    }

    /// The file's own name.
    pub(super) fn visible(&self) -> String {
        join(&self.folder, &self.file)
    }

    /// The name to keep beside others: `name.ext`, `name-1.ext`, `name-2.ext`, … The number stands before the first
    /// extension, so that `.csv.pgp` stays what a partner's software looks for.
    pub(super) fn kept(&self, number: u32) -> String {
        if number == 0 {
            return self.visible();
        }
        let (stem, extensions) = self.file.split_at(self.file.find('.').unwrap_or(self.file.len()));
        join(&self.folder, &format!("{stem}-{number}{extensions}"))
    }

    /// This attempt and the earlier ones, the newest first.
    pub(super) fn attempts(&self) -> impl Iterator<Item = u32> + use<> {
        (self.attempt.saturating_sub(LOOK_BACK).max(1)..=self.attempt).rev()
    }

    /// Every hidden name that the file's beginning may have: this round's, and those of the earlier ones, the newest first.
    pub(super) fn beginnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        for attempt in self.attempts() {
            let newest = if attempt == self.attempt { self.round } else { ROUNDS - 1 };
            all.extend((0..=newest).rev().map(|round| self.temporary(attempt, round)));
        }
        all
    }

    /// Every hidden name that this attempt or an earlier one may have left.
    pub(super) fn all_hidden(&self) -> Vec<String> {
        let mut all = Vec::new();
        for attempt in self.attempts() {
            all.extend((1..ROUNDS).map(|round| self.temporary(attempt, round)));
            for suffix in ["", CHECKSUM, DONE] {
                all.extend([self.hidden(suffix, attempt), self.aside(suffix, attempt)]);
            }
        }
        all
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str) -> Names {
        Names { folder: "/in".to_owned(), file: file.to_owned(), delivery: "dlv_x".to_owned(), attempt: 3, round: 0 }
    }

    #[test]
    fn the_number_stands_before_the_first_extension() {
        assert_eq!(names("a.csv.pgp").kept(0), "/in/a.csv.pgp");
        assert_eq!(names("a.csv.pgp").kept(2), "/in/a-2.csv.pgp");
        assert_eq!(names("plain").kept(1), "/in/plain-1");
    }

    #[test]
    fn hidden_names_are_hidden_and_differ_by_attempt() {
        let names = names("a.csv");
        assert_eq!(names.own(), "/in/.a.csv.dlv_x.3.part");
        let all = names.all_hidden();
        assert_eq!(all.len(), 27);
        assert!(all.iter().all(|path| file_name(path).starts_with('.')));
    }

    #[test]
    fn each_round_has_a_name_that_later_ones_look_for_and_tidy_up() {
        let names = names("a.csv");
        assert_eq!(names.clone().in_round(2).own(), "/in/.a.csv.dlv_x.3-2.part");
        let mut second = Names { attempt: 2, ..names }.in_round(1);
        let expected = ["2-1", "2", "1-3", "1-2", "1-1", "1"];
        assert_eq!(second.beginnings(), expected.map(|round| format!("/in/.a.csv.dlv_x.{round}.part")));
        let mut own = Vec::new();
        for round in 0..ROUNDS {
            second = second.in_round(round);
            assert!(!own.contains(&second.own()), "round {round}");
            own.push(second.own());
        }
        let third = Names { attempt: 3, ..second }.in_round(0);
        let (beginnings, all) = (third.beginnings(), third.all_hidden());
        assert!(own.iter().all(|path| beginnings.contains(path) && all.contains(path)));
        assert!(beginnings.iter().all(|path| all.contains(path)));
    }

    #[test]
    fn what_is_replaced_has_a_hidden_name_of_its_own_that_is_tidied_up() {
        let names = names("a.csv");
        assert_eq!(names.aside("", 2), "/in/.a.csv.old.dlv_x.2.part");
        for aside in [names.aside("", 1), names.aside(CHECKSUM, 2), names.aside(DONE, 3)] {
            assert_eq!(names.all_hidden().iter().filter(|path| **path == aside).count(), 1, "{aside}");
        }
    }

    #[test]
    fn the_longest_file_name_still_makes_a_name_that_file_systems_take() {
        let mut names = names(&"x".repeat(200));
        names.delivery = "dlv_01jd0000000000000000000000".to_owned();
        names.attempt = 99;
        assert!(names.all_hidden().iter().all(|path| file_name(path).len() <= 255));
        assert!(file_name(&names.own()).contains(&names.file), "as it was before longer ones were shortened");
    }

    #[test]
    fn a_name_as_long_as_a_server_takes_has_hidden_names_that_it_takes() {
        for file in ["x".repeat(255), format!("{}{}", "x".repeat(100), "ä".repeat(77)), "€".repeat(85)] {
            let mut names = names(&file);
            names.delivery = "i".repeat(40);
            names.attempt = 1_234;
            let all = names.all_hidden();
            let longest = all.iter().map(|path| file_name(path).len()).max();
            assert!(longest.is_some_and(|longest| (252..=255).contains(&longest)), "{longest:?}");
            let apart: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(apart.len(), all.len());
            assert_eq!(file_name(&names.visible()), file);
        }
    }
}
