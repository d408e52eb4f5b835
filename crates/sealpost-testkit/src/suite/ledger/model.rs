//! Random operations on the queue, beside a model of it that fits on one page.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::error::codes;
use sealpost_core::id::ConnectorId;
use sealpost_core::job::{Job, JobEvent};
use sealpost_core::task::{Lease, QueueDepth, Work, WorkKind};
use sealpost_core::transfer::TransferConnector;

use super::access::sample_transfer_connector;
use super::transfers::new_transfer;
use super::{HOUR, Ports, admission, refused};

/// One operation. Numbers choose among what there is, modulo how many there are; times are either nothing or an hour,
/// so that the model needs no clock.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Admit a report: a produce task.
    Admit,
    /// Cancel a queued report: a purge task.
    Cancel(u8),
    /// Set the limit of a lane's connector, one to three, and start a transfer on it: so many tasks, one to three.
    Start {
        /// Which lane.
        lane: u8,
        /// How many files, less one.
        files: u8,
        /// The limit, less one.
        limit: u8,
    },
    /// Claim for an hour, or for no time at all (the worker dies at once).
    Claim {
        /// Bits 0, 1 and 2: produce, purge, transfer.
        kinds: u8,
        /// Whether the lease holds.
        holds: bool,
    },
    /// Extend any lease that was ever given.
    Extend(u8),
    /// Complete it.
    Complete(u8),
    /// Release it, at once or for later.
    Release(u8, bool),
    /// Bury it.
    Bury(u8),
    /// Revive any task that was ever claimed.
    Revive(u8),
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Ready; the number orders those that are.
    Ready {
        since: usize,
        leased: bool,
    },
    Delayed,
    Leased,
    Dead,
    Gone,
}

struct Task {
    work: Work,
    epoch: u32,
    place: Place,
    /// Its lane, if it has one.
    lane: Option<usize>,
}

struct Lane {
    connector: ConnectorId,
    limit: usize,
    /// The number of the claim that took from it last.
    served: usize,
}

#[derive(Default)]
struct Model {
    tasks: Vec<Task>,
    leases: Vec<(Lease, usize)>,
    jobs: Vec<Job>,
    /// By the ids of their connectors.
    lanes: Vec<Lane>,
    clock: usize,
}

impl Model {
    fn ready(&mut self, leased: bool) -> Place {
        self.clock += 1;
        Place::Ready { since: self.clock, leased }
    }

    fn enqueue(&mut self, work: Work, lane: Option<usize>) {
        let place = self.ready(false);
        self.tasks.push(Task { work, epoch: 0, place, lane });
    }

    /// The task that a claim must get.
    fn next(&self, kinds: &[WorkKind]) -> Option<usize> {
        let first = |lane: Option<usize>| {
            let ready = self.tasks.iter().enumerate().filter_map(|(index, task)| match task.place {
                Place::Ready { since, .. } if task.lane == lane && kinds.contains(&task.work.kind()) => {
                    Some((since, index))
                }
                _ => None,
            });
            ready.min()
        };
        let lanes = self.lanes.iter().enumerate().filter(|(number, _)| self.has_room(*number));
        let turn = lanes.filter_map(|(number, lane)| Some(((lane.served, number), first(Some(number))?))).min();
        [first(None), turn.map(|(_, task)| task)].into_iter().flatten().min().map(|(_, index)| index)
    }

    fn has_room(&self, lane: usize) -> bool {
        let leased = self.tasks.iter().filter(|task| task.lane == Some(lane) && task.place == Place::Leased);
        leased.count() < self.lanes[lane].limit
    }

    /// A lease that was given, the task it is of, and whether it is still the task's newest.
    fn lease(&self, number: u8) -> Option<(usize, usize, bool)> {
        let chosen = usize::from(number).checked_rem(self.leases.len())?;
        let (lease, task) = &self.leases[chosen];
        let held = matches!(self.tasks[*task].place, Place::Leased | Place::Ready { leased: true, .. });
        Some((chosen, *task, held && self.tasks[*task].epoch == lease.epoch))
    }

    fn depth(&self) -> QueueDepth {
        let count = |wanted: fn(&Place) -> bool| self.tasks.iter().filter(|task| wanted(&task.place)).count() as u64;
        QueueDepth {
            ready: count(|place| matches!(place, Place::Ready { .. })),
            delayed: count(|place| *place == Place::Delayed),
            leased: count(|place| *place == Place::Leased),
            dead: count(|place| *place == Place::Dead),
        }
    }
}

/// Runs the steps on the queue and on the model; they must agree at each.
pub async fn agrees(ports: Ports, steps: &[Step]) {
    let mut model = Model::default();
    for _ in 0..3 {
        let connector = sample_transfer_connector();
        ports.transfers.create_transfer_connector(&connector, 3).await.unwrap();
        let limit = connector.settings.limits.concurrency as usize;
        model.lanes.push(Lane { connector: connector.id, limit, served: 0 });
    }
    model.lanes.sort_by(|one, other| one.connector.cmp(&other.connector));
    for (position, step) in steps.iter().enumerate() {
        run(&ports, &mut model, *step).await;
        assert_eq!(ports.queue.depth().await.unwrap(), model.depth(), "after step {position}: {step:?}");
    }
    let dead = ports.queue.dead(1000).await.unwrap();
    for task in dead {
        let known = model.tasks.iter().find(|known| known.work == task.work).unwrap();
        assert_eq!((known.place, known.epoch), (Place::Dead, task.claims));
    }
}

async fn run(ports: &Ports, model: &mut Model, step: Step) {
    let queue = &ports.queue;
    match step {
        Step::Admit => {
            let job = ports.admit(admission("acme")).await;
            model.enqueue(Work::Produce(job.id.clone()), None);
            model.jobs.push(job);
        }
        Step::Cancel(number) => {
            let Some(chosen) = usize::from(number).checked_rem(model.jobs.len()) else { return };
            let job = model.jobs.swap_remove(chosen);
            ports.apply(&job, &JobEvent::CancelRequested, None).await;
            model.enqueue(Work::Purge(job.id), None);
        }
        Step::Start { lane, files, limit } => {
            let (number, limit) = (usize::from(lane % 3), u32::from(limit % 3) + 1);
            let lane = &mut model.lanes[number];
            lane.limit = limit as usize;
            let edit = move |mut one: TransferConnector| {
                one.settings.limits.concurrency = limit;
                Ok(one)
            };
            ports.transfers.edit_transfer_connector(&lane.connector, &edit).await.unwrap().expect("the connector");
            let new = new_transfer(&lane.connector, u32::from(files % 3) + 1);
            let (_, items) = ports.start_transfer(&new).await;
            for item in items {
                model.enqueue(Work::Transfer(item.id), Some(number));
            }
        }
        Step::Claim { kinds, holds } => {
            let kinds: Vec<_> = [(1, WorkKind::Produce), (2, WorkKind::Purge), (4, WorkKind::Transfer)]
                .into_iter()
                .filter_map(|(bit, kind)| (kinds & bit != 0).then_some(kind))
                .collect();
            let lease = queue.claim(&kinds, if holds { HOUR } else { Duration::ZERO }).await.unwrap();
            let expected = model.next(&kinds);
            assert_eq!(lease.as_ref().map(|lease| &lease.work), expected.map(|index| &model.tasks[index].work));
            let (Some(lease), Some(index)) = (lease, expected) else { return };
            let place = if holds { Place::Leased } else { model.ready(true) };
            if let Some(lane) = model.tasks[index].lane {
                model.lanes[lane].served = 1 + model.lanes.iter().map(|lane| lane.served).max().unwrap_or(0);
            }
            let task = &mut model.tasks[index];
            task.epoch += 1;
            task.place = place;
            assert_eq!(lease.epoch, task.epoch);
            model.leases.push((lease, index));
        }
        Step::Extend(number) => {
            let Some((chosen, task, good)) = model.lease(number) else { return };
            let outcome = queue.extend(&mut model.leases[chosen].0, HOUR).await;
            // One that has run out needs a place in its lane again.
            let holds = model.tasks[task].place == Place::Leased;
            let good = good && (holds || model.tasks[task].lane.is_none_or(|lane| model.has_room(lane)));
            settle(model, task, good, outcome, Place::Leased);
        }
        Step::Complete(number) => {
            let Some((chosen, task, good)) = model.lease(number) else { return };
            let outcome = queue.complete(&model.leases[chosen].0).await;
            settle(model, task, good, outcome, Place::Gone);
        }
        Step::Release(number, later) => {
            let Some((chosen, task, good)) = model.lease(number) else { return };
            let delay = if later { HOUR } else { Duration::ZERO };
            let outcome = queue.release(&model.leases[chosen].0, delay).await;
            let place = if later { Place::Delayed } else { model.ready(false) };
            settle(model, task, good, outcome, place);
        }
        Step::Bury(number) => {
            let Some((chosen, task, good)) = model.lease(number) else { return };
            let outcome = queue.bury(&model.leases[chosen].0, "the model").await;
            settle(model, task, good, outcome, Place::Dead);
        }
        Step::Revive(number) => {
            let Some((chosen, task, _)) = model.lease(number) else { return };
            let revived = queue.revive(&model.leases[chosen].0.task).await.unwrap();
            assert_eq!(revived, model.tasks[task].place == Place::Dead);
            if revived {
                model.tasks[task].place = model.ready(false);
            }
        }
    }
    // Two steps must not share an instant: the order of the model is the order of its steps.
    let now = Timestamp::now();
    while Timestamp::now() == now {}
}

fn settle(model: &mut Model, task: usize, good: bool, outcome: sealpost_core::Result<()>, place: Place) {
    if good {
        outcome.unwrap();
        model.tasks[task].place = place;
    } else {
        refused(outcome, &codes::ledger::LEASE_LOST);
    }
}
