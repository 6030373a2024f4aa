//! Feeds the flight recorder. A transition is in memory at once; its line is written later, where it may block, and holds
//! up nobody: no caller, no flight and no store waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::core::Core;
use super::ledger::Role;
use crate::error::{EndReason, Failure, StorageFailure};
use crate::flight::{Event, Look, SendFailure, Step, Written};
use crate::history::{self, History};
use crate::record::Record;
use crate::spawn::Spawner;
use crate::state::{Cause, Trail, Transition};
use crate::storage::Journal;
use crate::time::WallTime;
use crate::token::Generation;
use crate::wire::{RefreshAnswer, Said};

/// The history of one session, in memory and, if it has a folder, in a file that all its processes share.
pub(super) struct Recorder {
    notes: Mutex<Notes>,
    /// One job at a time reads and writes the file. Held across that I/O, and never by who notes or asks.
    file: Mutex<Option<Journal>>,
    keeps: bool,
    role: Role,
}

#[derive(Default)]
struct Notes {
    history: History,
    /// What the file does not hold yet.
    unwritten: Vec<Transition>,
    /// How long the file was when this process last looked: another length is another process's doing.
    length: Option<u64>,
    /// A job is on its way.
    job: bool,
}

impl Recorder {
    pub(super) fn new(journal: Option<Journal>, role: Role) -> Self {
        Self {
            notes: Mutex::default(),
            keeps: journal.is_some(),
            file: Mutex::new(journal),
            role,
        }
    }

    pub(super) fn list(&self) -> Vec<Transition> {
        self.notes().history.list()
    }

    pub(super) fn trail(&self) -> Trail {
        self.notes().history.trail()
    }

    /// Deletes the file, and keeps none from here on. Blocking.
    pub(super) fn erase(&self) {
        if let Some(journal) = self.file.lock().unwrap_or_else(PoisonError::into_inner).take() {
            journal.erase();
        }
    }

    fn note(&self, mut transition: Transition) {
        let mut notes = self.notes();
        if transition.generation == Generation::default() {
            // What could not be read has no name: it happens to what was known last.
            transition.generation = notes.history.generation();
        }
        let Some(line) = notes.history.push(transition) else {
            return;
        };
        if self.keeps {
            notes.unwritten.push(line);
            let excess = notes.unwritten.len().saturating_sub(history::MOST);
            notes.unwritten.drain(..excess);
        }
    }

    /// Reads what earlier lives and other processes wrote. Blocking.
    pub(super) fn look(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(journal) = &*file else { return };
        let length = journal.length();
        if self.notes().length == Some(length) {
            return;
        }
        let written = History::read(&journal.read());
        let mut notes = self.notes();
        notes.history = written.with_what_only(&notes.history);
        notes.length = Some(length);
    }

    /// Sees to it that what was noted gets into the file.
    fn write_soon(self: &Arc<Self>, spawner: &dyn Spawner) {
        {
            let mut notes = self.notes();
            if !self.keeps || notes.job || notes.unwritten.is_empty() {
                return;
            }
            notes.job = true;
        }
        let recorder = self.clone();
        spawner.spawn_blocking(Box::new(move || recorder.write()));
    }

    /// Blocking. What cannot be written now is tried with the next transition.
    fn write(&self) {
        self.look();
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = {
            let mut notes = self.notes();
            notes.job = false;
            if self.role == Role::Reader {
                // Only looks: its own notes stay with it.
                return;
            }
            notes.unwritten.iter().map(history::line).collect()
        };
        let Some(journal) = file.as_ref().filter(|_| !lines.is_empty()) else {
            return;
        };
        let appended = journal.append(&lines);
        let mut notes = self.notes();
        match appended {
            Ok(longer) => {
                let written = lines.len().min(notes.unwritten.len());
                notes.unwritten.drain(..written);
                // What another process wrote since the look makes another length, and another look.
                notes.length = notes.length.map(|length| length + longer);
            }
            Err(error) => tracing::debug!(kind = ?error.kind(), "the session's history could not be written"),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Notes what happened to the token set of that generation. Its line is written with the next delivery.
    pub(super) fn note(&self, cause: Cause, generation: Generation) {
        self.note_at(cause, generation, self.clock.wall(), None);
    }

    pub(super) fn note_at(&self, cause: Cause, generation: Generation, at: WallTime, said: Option<Said>) {
        self.recorder.note(Transition {
            at,
            cause,
            status: said.as_ref().map(|said| said.status),
            server_code: said.and_then(|said| said.code),
            generation,
            times: 1,
            process: std::process::id(),
        });
    }

    /// Takes in what other processes noted: one of them may have heard why the session ended.
    pub(super) async fn learn_history(&self) {
        if self.recorder.keeps {
            let recorder = self.recorder.clone();
            self.ledger.aside(move || recorder.look()).await;
        }
    }

    /// Before the end of a session is told that another process may have heard.
    pub(super) async fn learn_of_the_end(&self, found: &Record) {
        let reason = found.end_reason();
        if reason.is_some_and(|reason| reason != EndReason::SignedOut) {
            self.learn_history().await;
        }
    }

    pub(super) fn write_history_soon(&self) {
        self.recorder.write_soon(&*self.spawner);
    }

    /// A page reported a 401.
    pub(super) fn note_rejection(&self, used: Generation) {
        if self.memory().generation() == used {
            self.note(Cause::Rejected, used);
        }
    }
}

/// What one flight met on its way, until it lands.
#[derive(Default)]
pub(super) struct Course {
    /// The token set that it builds on.
    generation: Generation,
    /// It has read the record once.
    looked: bool,
    /// The last answer.
    pub(super) said: Option<Said>,
    superseded: bool,
    /// The new tokens are in memory, and were not saved when they came there.
    unsaved: bool,
    /// The last write stands in the storage.
    landed: bool,
}

impl Course {
    pub(super) fn takes(&mut self, step: &Step) {
        match step {
            Step::Write(draft) if draft.inflight.is_some() => self.generation = draft.generation,
            Step::Serve(..) => self.unsaved = true,
            _ => {}
        }
    }

    pub(super) fn meets(&mut self, core: &Core, event: &Event) {
        match event {
            Event::Look(Look::Found(found)) => self.finds(core, found),
            Event::Written(Written::Adopt(found)) => {
                self.landed = false;
                self.finds(core, found);
            }
            Event::Written(written) => self.landed = matches!(written, Written::Landed(_)),
            Event::Unanswered(SendFailure::BeforeHead | SendFailure::Incomplete) | Event::Lapsed => {
                core.note(Cause::AnswerLost, self.generation);
                core.write_history_soon();
            }
            Event::Answered(answer) => {
                self.superseded = matches!(answer, RefreshAnswer::Superseded { .. });
                if *answer == RefreshAnswer::Unreadable {
                    core.note_at(
                        Cause::AnswerLost,
                        self.generation,
                        core.clock.wall(),
                        self.said.clone(),
                    );
                    core.write_history_soon();
                }
            }
            _ => {}
        }
    }

    /// Reads a record under the flight lock: whoever began its exchange is not on the way any more.
    fn finds(&mut self, core: &Core, found: &Record) {
        let looked = std::mem::replace(&mut self.looked, true);
        if looked && found.generation <= self.generation {
            return;
        }
        self.generation = found.generation;
        if let Some(intent) = found.inflight.filter(|_| !found.is_tombstone()) {
            let since = intent.started;
            core.note(Cause::Interrupted { since }, found.generation);
            core.write_history_soon();
        }
    }

    /// A new token set is in memory.
    pub(super) fn renewed(&self, core: &Core, generation: Generation) {
        match (self.unsaved, self.landed) {
            (false, _) => core.note(Cause::Renewed, generation),
            (true, true) => core.note(Cause::SavedLater, generation),
            // The next write carries it.
            (true, false) => {}
        }
    }

    pub(super) fn ended(&mut self, core: &Core, reason: EndReason, generation: Generation) {
        // Found in the storage, it was another process that heard the server.
        let said = self.said.take().filter(|_| !self.superseded);
        core.note_at(end(reason), generation, core.clock.wall(), said);
    }

    pub(super) fn failed(&mut self, core: &Core, failure: &Failure) {
        let said = self.said.take();
        if let Some(cause) = cause_of(failure, self.superseded) {
            let said = said.filter(|_| {
                matches!(
                    cause,
                    Cause::ServerBusy | Cause::Superseded | Cause::Misconfigured
                )
            });
            core.note_at(cause, self.generation, core.clock.wall(), said);
        }
    }
}

/// The end as it is told.
pub(super) fn end(reason: EndReason) -> Cause {
    match reason {
        EndReason::SignedOut => Cause::SignedOut,
        reason => Cause::Ended(reason),
    }
}

/// Why nothing came of a refresh; `None` when it is noted already or was none.
pub(super) fn cause_of(failure: &Failure, superseded: bool) -> Option<Cause> {
    Some(match failure {
        Failure::Offline => Cause::Offline,
        Failure::Untrusted => Cause::Untrusted,
        Failure::ServerBusy { .. } if superseded => Cause::Superseded,
        Failure::ServerBusy { .. } => Cause::ServerBusy,
        Failure::LockHeld => Cause::Busy,
        Failure::TimeIsUp => Cause::BackgroundTimeOver,
        Failure::NoFields => Cause::NoFields,
        Failure::Locked(cause) | Failure::Storage(StorageFailure::Unavailable(cause)) => {
            Cause::Locked(cause.clone())
        }
        Failure::Storage(failure) => Cause::StorageFailed(failure.clone()),
        Failure::Misconfigured { .. } | Failure::NoRandomness => Cause::Misconfigured,
        Failure::AnswerLost
        | Failure::Ended(_)
        | Failure::Refused(_)
        | Failure::CoolingDown { .. }
        | Failure::Closed => return None,
    })
}

/// What a storage said of a save.
pub(super) fn save_failed(failure: &Failure) -> Cause {
    Cause::SaveFailed(match failure {
        Failure::Storage(failure) => failure.clone(),
        Failure::Locked(cause) => StorageFailure::Unavailable(cause.clone()),
        _ => StorageFailure::Unconfirmed,
    })
}
