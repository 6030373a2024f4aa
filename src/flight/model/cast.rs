//! The real flight, its states numbered. What it does in one state with one event is computed once and looked up
//! from then on: the search asks the same question in millions of worlds.

use std::collections::HashMap;

use super::super::*;
use super::alphabet::{LIFE, NONE, Rec, key, number_of_key, secret_of_token, subject};
use super::server::Request;
use crate::error::StorageFailure;
use crate::record::{Ruling, arbitrate};
use crate::wire::{RefreshAnswer, SubjectAnswer, Tokens};

/// The number of a flight's state.
pub(super) type Id = u16;
/// Of a process that is not flying.
pub(super) const GROUNDED: Id = Id::MAX;

/// An event, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cue {
    Start,
    Locked,
    NotLocked,
    /// `alive`: the access token stored with it has not expired.
    Found {
        rec: Rec,
        alive: bool,
    },
    NotRead,
    Landed(Rec),
    Adopt {
        rec: Rec,
        alive: bool,
    },
    NotWritten,
    Tokens {
        successor: u8,
    },
    HandedOver {
        successor: u8,
    },
    Lapsed,
    Proven,
    Unjudged,
    Dead,
    Superseded,
    Busy,
    Garbage {
        late: bool,
    },
    NotSent,
    BeforeHead {
        late: bool,
    },
    Incomplete {
        late: bool,
    },
}

/// What a flight does next. Pauses are over at once, memory is served at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) flight: Id,
    pub(super) ask: Ask,
    /// What memory holds from now on, if it is newer.
    pub(super) memory: Option<Rec>,
    /// The fresh key went into a record.
    pub(super) drew: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Lock,
    Read,
    Write(Rec),
    Send(Request),
    Prove,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruled {
    Land(Rec),
    Adopt,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct FlightKey {
    held: Rec,
    phase: &'static str,
    draft: Option<Rec>,
    turns: u32,
    sends: u32,
    unreadable: u32,
    saves: u32,
    withholds: bool,
    handed: bool,
    possibly_used: bool,
    found_intent: bool,
    began_late: bool,
}

pub(super) struct Cast {
    plan: Plan,
    flights: Vec<Flight>,
    ids: HashMap<FlightKey, Id>,
    replies: HashMap<(Id, Cue, u8), Reply>,
    rulings: HashMap<(Rec, Rec), Ruled>,
}

impl Cast {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            flights: Vec::new(),
            ids: HashMap::new(),
            replies: HashMap::new(),
            rulings: HashMap::new(),
        }
    }

    /// A new flight that builds on `held`, at its first question.
    pub(super) fn take_off(&mut self, held: Rec, fresh: u8) -> Reply {
        let flight = Flight::new(self.plan.clone(), held.record(), start_of_time());
        let id = self.number(flight);
        self.hear(id, Cue::Start, fresh)
    }

    pub(super) fn hear(&mut self, id: Id, cue: Cue, fresh: u8) -> Reply {
        if let Some(reply) = self.replies.get(&(id, cue, fresh)) {
            return *reply;
        }
        let mut flight = self.flights[usize::from(id)].clone();
        let mut step = flight.on(event(cue), &moment(cue, fresh));
        let mut memory = None;
        let ask = loop {
            step = match step {
                Step::Rest(_) => flight.on(Event::Rested, &moment(cue, fresh)),
                Step::Serve(served, _) => {
                    assert_judged(&served);
                    memory = Some(Rec::of(&served.record));
                    flight.on(Event::Served, &moment(cue, fresh))
                }
                Step::Lock { .. } => break Ask::Lock,
                Step::Read => break Ask::Read,
                Step::Write(draft) => break Ask::Write(Rec::of(&draft)),
                Step::Prove(_) => break Ask::Prove,
                Step::Send(presented) => {
                    let token = presented.credential.presented().unwrap();
                    break Ask::Send(Request {
                        token: token.expose().parse().unwrap(),
                        key: number_of_key(&presented.attempt_key),
                    });
                }
                Step::Done(outcome) => {
                    memory = match *outcome {
                        Outcome::Renewed(fresh) | Outcome::Adopted(fresh) => {
                            assert_judged(&fresh);
                            Some(Rec::of(&fresh.record))
                        }
                        Outcome::Ended { tombstone, .. } => Some(Rec::of(&tombstone)),
                        Outcome::Displaced { .. } => panic!("the model has one epoch"),
                        Outcome::Failed(_) => memory,
                    };
                    break Ask::Nothing;
                }
            };
        };
        let drew = fresh != Rec::FIRST.key && matches!(ask, Ask::Write(draft) if draft.key == fresh);
        let flight = if ask == Ask::Nothing {
            GROUNDED
        } else {
            self.number(flight)
        };
        let reply = Reply {
            flight,
            ask,
            memory,
            drew,
        };
        self.replies.insert((id, cue, fresh), reply);
        reply
    }

    /// What becomes of a draft that meets a record under the record lock.
    pub(super) fn rule(&mut self, stored: Rec, draft: Rec) -> Ruled {
        *self.rulings.entry((stored, draft)).or_insert_with(|| {
            let (stored, draft) = (stored.record(), draft.record());
            match arbitrate(&stored, &draft) {
                Ruling::Land => Ruled::Land(Rec::of(&draft.over(&stored))),
                Ruling::Adopt => Ruled::Adopt,
                Ruling::Discard => panic!("the model has one epoch"),
            }
        })
    }

    /// How many different states of a flight were met.
    pub(super) fn flights(&self) -> usize {
        self.flights.len()
    }

    fn number(&mut self, mut flight: Flight) -> Id {
        // Only the length of a pause depends on how many tries there were beyond this.
        flight.saves = flight.saves.min(MOST_SAVES_HOLDING);
        let draft = match &flight.phase {
            Phase::Committing(fresh)
            | Phase::Serving(fresh)
            | Phase::Resting(fresh)
            | Phase::Saving(fresh)
            | Phase::Proving(fresh)
            | Phase::Clearing(fresh) => Some(Rec::of(&fresh.record)),
            Phase::Burying { tombstone } => Some(Rec::of(tombstone)),
            _ => None,
        };
        let key = FlightKey {
            held: Rec::of(&flight.held),
            phase: flight.phase.name(),
            draft,
            turns: flight.turns,
            sends: flight.sends,
            unreadable: flight.unreadable,
            saves: flight.saves,
            withholds: flight.withheld.is_some(),
            handed: flight.handed,
            possibly_used: flight.possibly_used,
            found_intent: flight.found_intent,
            began_late: flight.began != start_of_time(),
        };
        *self.ids.entry(key).or_insert_with(|| {
            self.flights.push(flight);
            Id::try_from(self.flights.len() - 1).expect("fewer flights than numbers")
        })
    }
}

/// Nobody is served with what a page brought before it is known whose it is.
fn assert_judged(fresh: &Fresh) {
    assert!(
        fresh.record.unproven.is_none() || fresh.token.is_none(),
        "{fresh:?}"
    );
}

fn start_of_time() -> BootTime {
    BootTime::from_start(Duration::ZERO)
}

/// The moment of a cue: at the start of time, or after all deadlines, or after all access tokens have expired.
fn moment(cue: Cue, fresh: u8) -> Moment {
    let boot = match cue {
        Cue::Garbage { late: true } | Cue::BeforeHead { late: true } | Cue::Incomplete { late: true } => {
            start_of_time() + LIFE
        }
        _ => start_of_time(),
    };
    let wall = match cue {
        Cue::Found { alive: false, .. } | Cue::Adopt { alive: false, .. } => LIFE.as_millis() as i64,
        _ => 0,
    };
    Moment {
        boot,
        wall: WallTime::from_unix_millis(wall),
        fresh_key: Some(key(fresh)),
    }
}

fn event(cue: Cue) -> Event {
    let unconfirmed = Failure::Storage(StorageFailure::Unconfirmed);
    match cue {
        Cue::Start => Event::Start,
        Cue::Locked => Event::Locked,
        Cue::NotLocked => Event::NotLocked(Failure::LockHeld),
        Cue::Found { rec, .. } => Event::Look(Look::Found(rec.record())),
        Cue::NotRead => Event::Look(Look::Failed(unconfirmed)),
        Cue::Landed(rec) => Event::Written(Written::Landed(rec.record())),
        Cue::Adopt { rec, .. } => Event::Written(Written::Adopt(rec.record())),
        Cue::NotWritten => Event::Written(Written::Failed(unconfirmed)),
        Cue::Tokens { successor } => Event::Answered(RefreshAnswer::Tokens(tokens(successor))),
        Cue::HandedOver { successor } => Event::HandedOver(tokens(successor), subject()),
        Cue::Lapsed => Event::Lapsed,
        Cue::Proven => Event::Proven(SubjectAnswer::Is(subject())),
        Cue::Unjudged => Event::Proven(SubjectAnswer::Unclear { after: None }),
        Cue::Dead => Event::Answered(RefreshAnswer::Dead {
            reason: EndReason::ReuseDetected,
        }),
        Cue::Superseded => Event::Answered(RefreshAnswer::Superseded { after: None }),
        Cue::Busy => Event::Answered(RefreshAnswer::Transient { after: None }),
        Cue::Garbage { .. } => Event::Answered(RefreshAnswer::Unreadable),
        Cue::NotSent => Event::Unanswered(SendFailure::NotSent { trusted: true }),
        Cue::BeforeHead { .. } => Event::Unanswered(SendFailure::BeforeHead),
        Cue::Incomplete { .. } => Event::Unanswered(SendFailure::Incomplete),
    }
}

fn tokens(successor: u8) -> Tokens {
    assert_ne!(successor, NONE);
    Tokens {
        access_token: Some("access".into()),
        refresh_token: Some(secret_of_token(successor)),
        cookies: None,
        life: LIFE,
        server_time: None,
    }
}
