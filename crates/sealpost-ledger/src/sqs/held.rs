//! Bells that this process has heard: those that nobody has followed yet, and those whose task is being worked on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use sealpost_core::id::TaskId;
use sealpost_core::task::WorkKind;

/// Bells of one kind that wait here for a slot. Of more the process knows no more: it claims until nothing is left.
const MOST_WAITING: usize = 10;

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bell {
    /// What SQS knows it by.
    pub(super) handle: String,
    /// When others see it again.
    pub(super) until: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: BTreeMap<WorkKind, VecDeque<Bell>>,
    working: HashMap<TaskId, Bell>,
}

impl Held {
    /// Keeps a bell until somebody follows it. Gives it back where enough of its kind wait.
    pub(super) fn keep(&mut self, kind: WorkKind, bell: Bell) -> Option<Bell> {
        let waiting = self.waiting.entry(kind).or_default();
        waiting.retain(|bell| bell.until > Instant::now());
        if waiting.len() >= MOST_WAITING {
            return Some(bell);
        }
        waiting.push_back(bell);
        None
    }

    /// The bell that led to a task, from now on held with it. One that others see again is theirs.
    pub(super) fn follow(&mut self, kind: WorkKind, task: &TaskId) -> Option<Bell> {
        let waiting = self.waiting.get_mut(&kind)?;
        waiting.retain(|bell| bell.until > Instant::now());
        let bell = waiting.pop_front()?;
        self.working.insert(task.clone(), bell.clone());
        Some(bell)
    }

    /// Bells of these kinds that lead to nothing.
    pub(super) fn idle(&mut self, kinds: &[WorkKind]) -> Vec<Bell> {
        kinds.iter().filter_map(|kind| self.waiting.remove(kind)).flatten().collect()
    }

    /// The bell of a task whose lease was extended by so long.
    pub(super) fn extended(&mut self, task: &TaskId, by: Duration) -> Option<Bell> {
        let bell = self.working.get_mut(task)?;
        bell.until = Instant::now() + by;
        Some(bell.clone())
    }

    /// The bell of a task that is no longer worked on here.
    pub(super) fn let_go(&mut self, task: &TaskId) -> Option<Bell> {
        self.working.remove(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell(handle: &str, seconds: u64) -> Bell {
        Bell { handle: handle.to_owned(), until: Instant::now() + Duration::from_secs(seconds) }
    }

    #[test]
    fn a_bell_goes_with_one_task_of_its_kind() {
        let mut held = Held::default();
        for (kind, name) in [(WorkKind::Deliver, "d1"), (WorkKind::Deliver, "d2"), (WorkKind::Notify, "n")] {
            assert_eq!(held.keep(kind, bell(name, 60)), None);
        }
        let (one, two) = (TaskId::fresh(), TaskId::fresh());
        assert_eq!(held.follow(WorkKind::Deliver, &one).unwrap().handle, "d1");
        assert_eq!(held.follow(WorkKind::Produce, &two), None);
        let idle = held.idle(&[WorkKind::Deliver, WorkKind::Produce]);
        assert_eq!(idle.iter().map(|bell| bell.handle.as_str()).collect::<Vec<_>>(), ["d2"]);
        assert_eq!(held.extended(&one, Duration::from_secs(90)).unwrap().handle, "d1");
        assert_eq!(held.extended(&two, Duration::from_secs(90)), None);
        assert_eq!(held.let_go(&one).unwrap().handle, "d1");
        assert_eq!(held.let_go(&one), None);
        assert_eq!(held.follow(WorkKind::Notify, &two).unwrap().handle, "n");
    }

    #[test]
    fn what_others_see_again_is_not_held_and_enough_is_enough() {
        let mut held = Held::default();
        held.keep(WorkKind::Deliver, bell("gone", 0));
        assert_eq!(held.follow(WorkKind::Deliver, &TaskId::fresh()), None);
        for number in 0..MOST_WAITING {
            assert_eq!(held.keep(WorkKind::Deliver, bell(&number.to_string(), 60)), None);
        }
        assert_eq!(held.keep(WorkKind::Deliver, bell("more", 60)).unwrap().handle, "more");
    }
}
