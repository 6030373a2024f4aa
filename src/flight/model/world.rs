//! One state of everything.

use super::alphabet::{NONE, Rec};
use super::cast::{GROUNDED, Id};
use super::faults::{Fault, Happened};
use super::server::{Answer, Request, Rules, Server};

/// The protocol as it is, or with one of its defences taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) rules: Rules,
    /// The flight lock may go before a failed save has succeeded.
    pub(super) releases_unsaved: bool,
    pub(super) processes: usize,
    /// How many flights are started, by anybody.
    pub(super) demands: u8,
    pub(super) most_faults: usize,
    /// Faults that may happen; all others do not.
    pub(super) faults: &'static [Fault],
    /// The stored record has no key yet: it was made before the server kept the contract.
    pub(super) without_key: bool,
    /// A flight may lend its request to a page.
    pub(super) lends: bool,
    pub(super) taken_out: &'static [Defence],
}

/// What a mutant of the driver does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defence {
    FlightLock,
    /// The record is read again under the flight lock.
    ReadAgain,
    /// A write compares before it replaces.
    Compare,
    /// The intent is written before the request leaves.
    Intent,
    /// While memory is newer, the record's token is not presented.
    MemoryFirst,
    /// A new key at every commit: without it one key for ever.
    NewKeyAtCommit,
    /// The key belongs to the token: without it each flight draws its own.
    KeyOfTheToken,
    /// A save over the same credential keeps the key that it is stored with.
    StoredKeyStays,
    /// A hung write keeps the record lock.
    HungWriteKeepsLock,
    /// A write is read back.
    ReadBack,
}

impl Variant {
    pub(super) const CONTRACT: Self = Self {
        rules: Rules::CONTRACT,
        releases_unsaved: true,
        processes: 2,
        demands: 3,
        most_faults: 1,
        faults: &Fault::ALL,
        without_key: false,
        lends: false,
        taken_out: &[],
    };
    pub(super) const PLAIN: Self = Self {
        rules: Rules::PLAIN,
        releases_unsaved: false,
        ..Self::CONTRACT
    };

    pub(super) fn lacks(&self, defence: Defence) -> bool {
        self.taken_out.contains(&defence)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) processes: [Process; 2],
    pub(super) stored: Rec,
    pub(super) flight_lock: Holder,
    pub(super) record_lock: Holder,
    pub(super) hung: Option<HungWrite>,
    /// Writes do not land at present.
    pub(super) outage: bool,
    pub(super) server: Server,
    /// Requests that are under way without anybody waiting for the answer.
    pub(super) strays: [Option<Request>; 2],
    pub(super) happened: Happened,
    pub(super) demands: u8,
    pub(super) next_key: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Nobody,
    Process(u8),
    HungWrite,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct HungWrite {
    pub(super) draft: Rec,
    pub(super) of: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) at: At,
    pub(super) memory: Rec,
    pub(super) flight: Id,
    /// What the mutant without [`Defence::KeyOfTheToken`] sends instead.
    pub(super) own_key: u8,
    /// The flight has lent its request: once is all.
    pub(super) lent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum At {
    Down,
    Idle,
    Lock,
    Read,
    Write(Rec),
    /// Under the record lock, after the write.
    ReadBack(Rec),
    /// The request is under way.
    Wire(Request),
    /// The answer is.
    Answer(Request, Answer),
    /// A page has been lent the request.
    Lent(Request),
    /// A page has the answer.
    Exchanged(Request, Answer),
    /// The server is asked whose the pair is.
    Proving,
}

impl Process {
    pub(super) const DOWN: Self = Self {
        at: At::Down,
        memory: Rec::NOTHING,
        flight: GROUNDED,
        own_key: NONE,
        lent: false,
    };
}

impl World {
    /// Both processes run, signed in, their access tokens expired.
    pub(super) fn first(variant: &Variant) -> Self {
        let stored = Rec {
            key: if variant.without_key { NONE } else { Rec::FIRST.key },
            ..Rec::FIRST
        };
        let mut processes = [Process {
            at: At::Idle,
            memory: stored,
            ..Process::DOWN
        }; 2];
        if variant.processes == 1 {
            processes[1].memory = Rec::NOTHING;
        }
        Self {
            processes,
            stored,
            flight_lock: Holder::Nobody,
            record_lock: Holder::Nobody,
            hung: None,
            outage: false,
            server: Server::FIRST,
            strays: [None; 2],
            happened: Happened::NONE,
            demands: variant.demands,
            next_key: 1,
        }
    }

    /// Whether the session is lost for good: the server has ended it.
    pub(super) fn lost(&self) -> bool {
        self.server.ended()
    }

    /// For a world without a next one: whether the session cannot go on. Each process is asked what it would present
    /// next; the server must answer one with tokens, and nobody with an end.
    pub(super) fn stuck(&self, variant: &Variant) -> bool {
        assert_eq!(
            (self.flight_lock, self.record_lock),
            (Holder::Nobody, Holder::Nobody),
            "locks are held at rest: {self:#?}"
        );
        let mut served = false;
        for process in &self.processes[..variant.processes] {
            assert_eq!(process.at, At::Idle, "a world at rest: {self:#?}");
            let rec = self.would_present(process.memory, variant);
            let request = Request {
                token: rec.token,
                key: if rec.key == NONE { self.next_key } else { rec.key },
            };
            match self.server.judge(request, variant.rules) {
                Answer::Tokens { .. } => served = true,
                Answer::Superseded => {}
                Answer::Mismatch | Answer::Dead => return true,
            }
        }
        !served
    }

    fn would_present(&self, memory: Rec, variant: &Variant) -> Rec {
        let older = self.stored.number < memory.number;
        if older && !variant.lacks(Defence::MemoryFirst) {
            memory
        } else {
            self.stored
        }
    }
}
