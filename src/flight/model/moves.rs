//! From one world to the next ones: each process's next step, the network's, the storage's, and each fault at each
//! place where it can strike.

use super::alphabet::{NONE, Rec};
use super::cast::{Ask, Cast, Cue, GROUNDED, Reply, Ruled};
use super::faults::Fault;
use super::server::{Answer, Request};
use super::world::{At, Defence, Holder, HungWrite, Process, Variant, World};

/// Beyond all keys that are stored.
const KEYS_OF_FLIGHTS: u8 = 200;

/// What happened between two worlds, for the story of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Starts(usize),
    Wants(usize),
    Hears(usize, Cue),
    Writes(usize, Rec),
    Delivered(usize),
    Lends(usize),
    PagePresents(usize),
    Breaks(usize, Fault),
    StrayArrives,
    HungWriteLands,
    OutageBegins,
    OutageEnds,
    TimePasses,
}

impl Move {
    /// Nobody's step, but a fault that can strike a world at rest.
    pub(super) fn is_a_new_fault(self) -> bool {
        matches!(
            self,
            Self::Breaks(_, Fault::Crash) | Self::OutageBegins | Self::TimePasses
        )
    }
}

pub(super) struct Moves<'a> {
    pub(super) variant: &'a Variant,
    pub(super) cast: &'a mut Cast,
    pub(super) found: Vec<(Move, World)>,
}

impl Moves<'_> {
    /// All worlds that can come next.
    pub(super) fn from(&mut self, world: &World) {
        self.found.clear();
        for p in 0..self.variant.processes {
            self.process(world, p);
            if world.processes[p].at != At::Down
                && let Some(mut next) = self.fault(world, Fault::Crash)
            {
                crash(&mut next, p);
                self.found.push((Move::Breaks(p, Fault::Crash), next));
            }
        }
        self.surroundings(world);
    }

    fn surroundings(&mut self, world: &World) {
        for (slot, stray) in world.strays.iter().enumerate() {
            let Some(request) = *stray else { continue };
            let mut next = *world;
            next.strays[slot] = None;
            next.server.refresh(request, self.variant.rules);
            self.found.push((Move::StrayArrives, next));
        }
        if let Some(hung) = world.hung {
            let mut next = *world;
            next.stored = hung.draft;
            next.hung = None;
            if next.record_lock == Holder::HungWrite {
                next.record_lock = Holder::Nobody;
            }
            self.found.push((Move::HungWriteLands, next));
        }
        if world.outage {
            let mut next = *world;
            next.outage = false;
            self.found.push((Move::OutageEnds, next));
        } else if let Some(mut next) = self.fault(world, Fault::Outage) {
            next.outage = true;
            self.found.push((Move::OutageBegins, next));
        }
        if let Some(mut next) = self.fault(world, Fault::LongWait)
            && next.server.wait(self.variant.rules)
        {
            self.found.push((Move::TimePasses, next));
        }
    }

    fn process(&mut self, world: &World, p: usize) {
        let Process { at, memory, .. } = world.processes[p];
        match at {
            At::Down => {
                let mut next = *world;
                next.processes[p].at = At::Idle;
                next.processes[p].memory = world.stored;
                self.found.push((Move::Starts(p), next));
            }
            At::Idle if world.demands > 0 && !memory.tombstone => {
                let mut next = *world;
                next.demands -= 1;
                if self.variant.lacks(Defence::KeyOfTheToken) {
                    next.processes[p].own_key = KEYS_OF_FLIGHTS + world.demands;
                }
                let fresh = self.fresh_key(&next);
                let reply = self.cast.take_off(memory, fresh);
                follow(&mut next, p, reply);
                self.found.push((Move::Wants(p), next));
            }
            At::Idle => {}
            At::Lock if world.flight_lock == Holder::Nobody || self.variant.lacks(Defence::FlightLock) => {
                let mut next = *world;
                next.flight_lock = Holder::Process(p as u8);
                self.hear(next, p, Cue::Locked);
            }
            At::Lock => self.hear(*world, p, Cue::NotLocked),
            At::Read => self.read(world, p),
            At::Write(draft) => self.write(world, p, draft),
            At::ReadBack(draft) => self.read_back(world, p, draft),
            At::Wire(request) => {
                let mut next = *world;
                let answer = next.server.refresh(request, self.variant.rules);
                next.processes[p].at = At::Answer(request, answer);
                self.found.push((Move::Delivered(p), next));
                self.wire_breaks(world, p);
                if self.variant.lends && !world.processes[p].lent {
                    let mut next = *world;
                    next.processes[p].at = At::Lent(request);
                    next.processes[p].lent = true;
                    self.found.push((Move::Lends(p), next));
                }
            }
            At::Lent(request) => {
                let mut next = *world;
                let answer = next.server.refresh(request, self.variant.rules);
                next.processes[p].at = At::Exchanged(request, answer);
                self.found.push((Move::PagePresents(p), next));
                self.loan_breaks(world, p, request);
            }
            At::Exchanged(_, answer) => {
                match answer {
                    Answer::Tokens { successor } => self.hear(*world, p, Cue::HandedOver { successor }),
                    // A page that got no tokens has nothing to bring.
                    Answer::Superseded | Answer::Mismatch | Answer::Dead => {
                        self.hear(*world, p, Cue::Lapsed);
                    }
                }
                if let Some(next) = self.fault(world, Fault::Lapse) {
                    self.hear(next, p, Cue::Lapsed);
                }
                self.lock_is_lost(world, p);
            }
            At::Proving => {
                self.hear(*world, p, Cue::Proven);
                if let Some(next) = self.fault(world, Fault::Unjudged) {
                    self.hear(next, p, Cue::Unjudged);
                }
                self.lock_is_lost(world, p);
            }
            At::Answer(_, answer) => {
                let cue = match answer {
                    Answer::Tokens { successor } => Cue::Tokens { successor },
                    Answer::Superseded => Cue::Superseded,
                    Answer::Mismatch => Cue::Busy,
                    Answer::Dead => Cue::Dead,
                };
                self.hear(*world, p, cue);
                self.answer_breaks(world, p);
            }
        }
    }

    fn read(&mut self, world: &World, p: usize) {
        let memory = world.processes[p].memory;
        let rec = if self.variant.lacks(Defence::ReadAgain) {
            memory
        } else {
            world.stored
        };
        let mut next = *world;
        if self.variant.lacks(Defence::MemoryFirst) && rec.number < memory.number {
            // The mutant forgets what memory knows and goes on from the record.
            let fresh = self.fresh_key(&next);
            let reply = self.cast.take_off(rec, fresh);
            let reply = self.cast.hear(reply.flight, Cue::Locked, fresh);
            follow(&mut next, p, reply);
        }
        self.hear(next, p, Cue::Found { rec, alive: false });
        if rec.access {
            self.hear(next, p, Cue::Found { rec, alive: true });
        }
        if let Some(next) = self.fault(world, Fault::Unreadable) {
            self.hear(next, p, Cue::NotRead);
        }
    }

    /// One read-compare-write under the record lock. A crash between its parts is a crash before or after.
    fn write(&mut self, world: &World, p: usize, draft: Rec) {
        if draft.intent && self.variant.lacks(Defence::Intent) {
            return self.hear(*world, p, Cue::Landed(draft));
        }
        if world.record_lock != Holder::Nobody {
            return self.hear(*world, p, Cue::NotWritten);
        }
        if let Some(next) = self.fault(world, Fault::Unreadable) {
            self.hear(next, p, Cue::NotWritten);
        }
        let ruled = if self.variant.lacks(Defence::Compare) {
            Ruled::Land(draft)
        } else {
            self.cast.rule(world.stored, draft)
        };
        let ruled = match ruled {
            Ruled::Land(landing) if self.variant.lacks(Defence::StoredKeyStays) => Ruled::Land(Rec {
                key: draft.key,
                ..landing
            }),
            ruled => ruled,
        };
        let draft = match ruled {
            Ruled::Land(draft) => draft,
            Ruled::Adopt => {
                let rec = world.stored;
                self.hear(*world, p, Cue::Adopt { rec, alive: false });
                if rec.access {
                    self.hear(*world, p, Cue::Adopt { rec, alive: true });
                }
                return;
            }
        };
        let mut written = *world;
        written.record_lock = Holder::Process(p as u8);
        written.processes[p].at = At::ReadBack(draft);
        if !world.outage {
            written.stored = draft;
        }
        self.found.push((Move::Writes(p, draft), written));

        if let Some(mut next) = self.fault(world, Fault::Lie) {
            next.record_lock = Holder::Process(p as u8);
            next.processes[p].at = At::ReadBack(draft);
            self.found.push((Move::Breaks(p, Fault::Lie), next));
        }
        if let Some(mut next) = self.fault(world, Fault::FailedButLanded) {
            next.stored = draft;
            self.hear(next, p, Cue::NotWritten);
        }
        if let Some(mut next) = self.fault(world, Fault::Hang)
            && next.hung.is_none()
        {
            next.hung = Some(HungWrite { draft, of: p as u8 });
            if !self.variant.lacks(Defence::HungWriteKeepsLock) {
                next.record_lock = Holder::HungWrite;
            }
            self.hear(next, p, Cue::NotWritten);
        }
    }

    fn read_back(&mut self, world: &World, p: usize, draft: Rec) {
        let mut released = *world;
        if released.record_lock == Holder::Process(p as u8) {
            released.record_lock = Holder::Nobody;
        }
        let landed = world.stored == draft || self.variant.lacks(Defence::ReadBack);
        let cue = if landed {
            Cue::Landed(draft)
        } else {
            Cue::NotWritten
        };
        self.hear(released, p, cue);
        if let Some(next) = self.fault(&released, Fault::Unreadable) {
            self.hear(next, p, Cue::NotWritten);
        }
    }

    fn wire_breaks(&mut self, world: &World, p: usize) {
        let At::Wire(request) = world.processes[p].at else {
            return;
        };
        if let Some(next) = self.fault(world, Fault::LostBefore) {
            self.hear(next, p, Cue::NotSent);
            self.unanswered(next, p);
        }
        if let Some(mut next) = self.fault(world, Fault::Delay)
            && let Some(slot) = next.strays.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(request);
            self.unanswered(next, p);
        }
        if let Some(mut next) = self.fault(world, Fault::Duplicate)
            && let Some(slot) = next.strays.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(request);
            self.found.push((Move::Breaks(p, Fault::Duplicate), next));
        }
        self.lock_is_lost(world, p);
    }

    fn loan_breaks(&mut self, world: &World, p: usize, request: Request) {
        if let Some(mut next) = self.fault(world, Fault::Lapse) {
            self.hear(next, p, Cue::Lapsed);
            // Only under the contract the core does not wait until the page's request must have come to its end.
            if self.variant.rules.contract
                && let Some(slot) = next.strays.iter_mut().find(|slot| slot.is_none())
            {
                *slot = Some(request);
                self.hear(next, p, Cue::Lapsed);
            }
        }
        self.lock_is_lost(world, p);
    }

    fn answer_breaks(&mut self, world: &World, p: usize) {
        if let Some(next) = self.fault(world, Fault::LostAfter) {
            self.unanswered(next, p);
            self.hear(next, p, Cue::Busy);
            for late in [false, true] {
                self.hear(next, p, Cue::Garbage { late });
            }
        }
        self.lock_is_lost(world, p);
    }

    fn lock_is_lost(&mut self, world: &World, p: usize) {
        if world.flight_lock != Holder::Process(p as u8) {
            return;
        }
        if let Some(mut next) = self.fault(world, Fault::LockGivenUp) {
            next.flight_lock = Holder::Nobody;
            self.found.push((Move::Breaks(p, Fault::LockGivenUp), next));
        }
    }

    fn unanswered(&mut self, world: World, p: usize) {
        for late in [false, true] {
            self.hear(world, p, Cue::BeforeHead { late });
            self.hear(world, p, Cue::Incomplete { late });
        }
    }

    fn hear(&mut self, mut next: World, p: usize, cue: Cue) {
        let fresh = self.fresh_key(&next);
        let reply = self.cast.hear(next.processes[p].flight, cue, fresh);
        follow(&mut next, p, reply);
        if let Some(served) = reply.memory {
            next.server.resource(served.token, self.variant.rules);
        }
        self.found.push((Move::Hears(p, cue), next));
    }

    fn fault(&self, world: &World, fault: Fault) -> Option<World> {
        if !self.variant.faults.contains(&fault) {
            return None;
        }
        let happened = world.happened.and(fault, self.variant.most_faults)?;
        Some(World { happened, ..*world })
    }

    fn fresh_key(&self, world: &World) -> u8 {
        if self.variant.lacks(Defence::NewKeyAtCommit) {
            Rec::FIRST.key
        } else {
            world.next_key
        }
    }
}

/// Puts what a flight said into the world.
fn follow(world: &mut World, p: usize, reply: Reply) {
    let process = &mut world.processes[p];
    process.flight = reply.flight;
    if let Some(memory) = reply.memory
        && memory.number >= process.memory.number
    {
        process.memory = memory;
    }
    process.at = match reply.ask {
        Ask::Lock => At::Lock,
        Ask::Read => At::Read,
        Ask::Write(draft) => At::Write(draft),
        Ask::Send(request) if process.own_key != NONE => At::Wire(Request {
            key: process.own_key,
            ..request
        }),
        Ask::Send(request) => At::Wire(request),
        Ask::Prove => At::Proving,
        Ask::Nothing => At::Idle,
    };
    process.lent &= process.at != At::Idle;
    if reply.drew {
        world.next_key += 1;
    }
    if process.at == At::Idle && world.flight_lock == Holder::Process(p as u8) {
        world.flight_lock = Holder::Nobody;
    }
}

/// The kernel frees the locks of a dead process; a write that its daemon has already begun lives on.
fn crash(world: &mut World, p: usize) {
    let own = Holder::Process(p as u8);
    world.processes[p] = Process::DOWN;
    debug_assert_eq!(world.processes[p].flight, GROUNDED);
    if world.flight_lock == own {
        world.flight_lock = Holder::Nobody;
    }
    if world.record_lock == own {
        world.record_lock = Holder::Nobody;
    }
    if world.record_lock == Holder::HungWrite && world.hung.is_some_and(|hung| usize::from(hung.of) == p) {
        world.record_lock = Holder::Nobody;
    }
}
