//! The machine alone: each path as the list of steps it asks for.

use super::*;
use crate::error::{LockedCause, StorageFailure};
use crate::random::SystemRandom;
use crate::record::samples::session;

mod credentials;
mod lent;

fn plan(idempotent: bool) -> Plan {
    let profile = crate::profile::ServerProfile::rotation("https://api.example.com").unwrap();
    let header = idempotent.then_some("Idempotency-Key");
    Plan::new(&profile.with_idempotency_key(header), false)
}

/// A flight at a clock that stands still unless told.
struct Played {
    flight: Flight,
    seconds: u64,
}

impl Played {
    fn new(plan: Plan, held: Record) -> Self {
        Self {
            flight: Flight::new(plan, held, BootTime::from_start(Duration::ZERO)),
            seconds: 0,
        }
    }

    fn on(&mut self, event: Event) -> Step {
        let moment = Moment {
            boot: BootTime::from_start(Duration::from_secs(self.seconds)),
            wall: WallTime::from_unix_millis(self.seconds as i64 * 1000),
            fresh_key: Some(AttemptKey::draw(&SystemRandom::default()).unwrap()),
        };
        self.flight.on(event, &moment)
    }

    /// Up to the first request, with the given record found in the storage.
    fn reach_the_wire(&mut self, stored: Record) -> Presented {
        assert!(matches!(self.on(Event::Start), Step::Lock { .. }));
        assert!(matches!(self.on(Event::Locked), Step::Read));
        let Step::Write(intent) = self.on(Event::Look(Look::Found(stored))) else {
            panic!("no intent")
        };
        assert!(intent.inflight.is_some());
        self.sent(Event::Written(Written::Landed(*intent)))
    }

    fn sent(&mut self, event: Event) -> Presented {
        match self.on(event) {
            Step::Send(presented) => *presented,
            other => panic!("{other:?}"),
        }
    }

    fn outcome(&mut self, event: Event) -> Outcome {
        match self.on(event) {
            Step::Done(outcome) => *outcome,
            other => panic!("{other:?}"),
        }
    }

    fn failure(&mut self, event: Event) -> Failure {
        match self.outcome(event) {
            Outcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

fn answer(refresh_token: Option<&str>) -> Event {
    Event::Answered(RefreshAnswer::Tokens(Tokens {
        access_token: Some("access".into()),
        refresh_token: refresh_token.map(Secret::from),
        cookies: None,
        life: Duration::from_secs(300),
        server_time: None,
    }))
}

fn dead(reason: EndReason) -> Event {
    Event::Answered(RefreshAnswer::Dead { reason })
}

fn storage_failed() -> Event {
    Event::Written(Written::Failed(Failure::Storage(StorageFailure::Unconfirmed)))
}

#[test]
fn a_flight_locks_reads_intends_sends_saves_and_only_then_is_done() {
    let held = session(1, 4, "old");
    let mut flight = Played::new(plan(true), held.clone());
    let presented = flight.reach_the_wire(held.clone());
    assert_eq!(
        Some(presented.attempt_key),
        held.attempt_key,
        "the key belongs to the stored credential"
    );
    let Step::Write(draft) = flight.on(answer(Some("new"))) else {
        panic!("no commit")
    };
    assert_eq!(draft.credential.refresh_token, Some("new".into()));
    assert_eq!((draft.generation.number, draft.inflight), (5, None));
    assert_ne!(draft.attempt_key, held.attempt_key, "a new key at every commit");
    let outcome = flight.outcome(Event::Written(Written::Landed(*draft)));
    let Outcome::Renewed(fresh) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(fresh.token.unwrap().generation(), fresh.record.generation);
}

#[test]
fn an_unchanged_refresh_token_gets_a_new_key_all_the_same() {
    let held = session(1, 1, "kept");
    for given in [None, Some("kept")] {
        let mut flight = Played::new(plan(true), held.clone());
        flight.reach_the_wire(held.clone());
        let Step::Write(draft) = flight.on(answer(given)) else {
            panic!("no commit")
        };
        assert_eq!(draft.credential.refresh_token, Some("kept".into()));
        assert_ne!(draft.attempt_key, held.attempt_key);
    }
}

#[test]
fn without_the_lock_or_the_intent_nothing_is_sent() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    flight.on(Event::Start);
    assert_eq!(
        flight.failure(Event::NotLocked(Failure::LockHeld)),
        Failure::LockHeld
    );

    let mut flight = Played::new(plan(true), held.clone());
    flight.on(Event::Start);
    flight.on(Event::Locked);
    flight.on(Event::Look(Look::Found(held)));
    assert!(matches!(flight.failure(storage_failed()), Failure::Storage(_)));
}

#[test]
fn a_newer_record_is_adopted_when_it_can_answer_and_presented_when_it_cannot() {
    let held = session(1, 1, "old");
    let mut newer = session(1, 2, "new");
    let mut flight = Played::new(plan(true), held.clone());
    assert_eq!(
        flight.reach_the_wire(newer.clone()).credential.refresh_token,
        Some("new".into())
    );

    newer.credential.access_token = Some("live".into());
    newer.expires_at = Some(WallTime::from_unix_millis(60_000));
    let mut flight = Played::new(plan(true), held);
    flight.on(Event::Start);
    flight.on(Event::Locked);
    assert!(matches!(
        flight.outcome(Event::Look(Look::Found(newer))),
        Outcome::Adopted(_)
    ));
}

#[test]
fn an_older_record_is_not_presented_memorys_is() {
    let mut flight = Played::new(plan(true), session(1, 3, "memory"));
    assert_eq!(
        flight
            .reach_the_wire(session(1, 2, "spent"))
            .credential
            .refresh_token,
        Some("memory".into())
    );
}

#[test]
fn a_tombstone_or_a_newer_epoch_ends_the_flight() {
    let held = session(1, 1, "r");
    let tombstone = held.buried(EndReason::Revoked, WallTime::from_unix_millis(0));
    for (found, ended) in [(tombstone, true), (session(2, 1, "other"), false)] {
        let mut flight = Played::new(plan(true), held.clone());
        flight.on(Event::Start);
        flight.on(Event::Locked);
        match flight.outcome(Event::Look(Look::Found(found))) {
            Outcome::Ended { .. } => assert!(ended),
            Outcome::Displaced { .. } => assert!(!ended),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn under_the_contract_the_same_request_is_repeated_until_the_deadline() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    let first = flight.reach_the_wire(held);
    let mut sends = 1;
    loop {
        match flight.on(Event::Unanswered(SendFailure::Incomplete)) {
            Step::Rest(_) => {}
            Step::Done(outcome) => {
                assert!(matches!(*outcome, Outcome::Failed(Failure::AnswerLost)));
                break;
            }
            other => panic!("{other:?}"),
        }
        flight.seconds += 2;
        assert_eq!(flight.sent(Event::Rested), first);
        sends += 1;
        assert!(sends < 100);
    }
    assert!((5..=12).contains(&sends), "{sends}");
}

#[test]
fn without_it_one_repeat_and_only_when_no_byte_of_an_answer_came() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(false), held.clone());
    flight.reach_the_wire(held.clone());
    assert!(matches!(
        flight.on(Event::Unanswered(SendFailure::BeforeHead)),
        Step::Rest(_)
    ));
    flight.sent(Event::Rested);
    assert_eq!(
        flight.failure(Event::Unanswered(SendFailure::BeforeHead)),
        Failure::AnswerLost
    );

    let mut flight = Played::new(plan(false), held.clone());
    flight.reach_the_wire(held);
    assert_eq!(
        flight.failure(Event::Unanswered(SendFailure::Incomplete)),
        Failure::AnswerLost
    );
}

#[test]
fn inside_the_servers_leeway_a_lost_answer_is_asked_for_again() {
    let held = session(1, 1, "r");
    let mut leeway = plan(false);
    leeway.reuse_leeway = Duration::from_secs(5);
    let mut flight = Played::new(leeway, held.clone());
    flight.reach_the_wire(held);
    assert!(matches!(
        flight.on(Event::Unanswered(SendFailure::Incomplete)),
        Step::Rest(_)
    ));
    flight.sent(Event::Rested);
    flight.seconds = 6;
    assert_eq!(
        flight.failure(Event::Unanswered(SendFailure::Incomplete)),
        Failure::AnswerLost
    );
}

#[test]
fn a_request_that_never_left_takes_its_intent_back() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held.clone());
    let Step::Write(draft) = flight.on(Event::Unanswered(SendFailure::NotSent { trusted: true })) else {
        panic!("the intent stays");
    };
    assert_eq!(draft.inflight, None);
    assert_eq!(
        flight.failure(Event::Written(Written::Landed(*draft))),
        Failure::Offline
    );

    // An intent that was found is somebody else's request, which may have left.
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held.with_intent(WallTime::from_unix_millis(0)));
    assert_eq!(
        flight.failure(Event::Unanswered(SendFailure::NotSent { trusted: false })),
        Failure::Untrusted
    );
}

#[test]
fn a_dead_verdict_after_a_possible_use_is_an_interrupted_rotation_unless_the_server_names_another_reason() {
    let held = session(1, 1, "r");
    for (found_intent, said, told) in [
        (false, EndReason::ReuseDetected, EndReason::ReuseDetected),
        (true, EndReason::ReuseDetected, EndReason::InterruptedRotation),
        (true, EndReason::Revoked, EndReason::InterruptedRotation),
        (true, EndReason::PasswordChanged, EndReason::PasswordChanged),
        (true, EndReason::SignedInElsewhere, EndReason::SignedInElsewhere),
        (true, EndReason::Expired, EndReason::Expired),
    ] {
        let found = if found_intent {
            held.clone().with_intent(WallTime::from_unix_millis(0))
        } else {
            held.clone()
        };
        let mut flight = Played::new(plan(true), held.clone());
        flight.reach_the_wire(found);
        let Step::Write(tombstone) = flight.on(dead(said)) else {
            panic!("no tombstone")
        };
        assert_eq!(tombstone.end_reason(), Some(told));
        assert_eq!((tombstone.generation.epoch, tombstone.generation.number), (1, 2));
    }
}

#[test]
fn before_ending_a_newer_record_is_used() {
    let held = session(1, 1, "old");
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held);
    assert!(matches!(flight.on(dead(EndReason::Revoked)), Step::Write(_)));
    let Step::Write(intent) = flight.on(Event::Written(Written::Adopt(session(1, 2, "new")))) else {
        panic!("the newer token is presented");
    };
    assert_eq!(intent.credential.refresh_token, Some("new".into()));
}

#[test]
fn superseded_looks_again_and_then_waits_as_long_as_the_server_says() {
    let after = Some(Duration::from_secs(90));
    let held = session(1, 1, "old");
    for (found, waits) in [(held.clone(), true), (session(1, 2, "new"), false)] {
        let mut flight = Played::new(plan(true), held.clone());
        flight.reach_the_wire(held.clone());
        assert!(matches!(
            flight.on(Event::Answered(RefreshAnswer::Superseded { after })),
            Step::Read
        ));
        match flight.on(Event::Look(Look::Found(found))) {
            Step::Done(outcome) => {
                assert!(waits);
                assert!(
                    matches!(*outcome, Outcome::Failed(Failure::ServerBusy { after: told }) if told == after)
                );
            }
            Step::Write(_) => assert!(!waits),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_failed_save_is_served_and_tried_again_holding_the_lock() {
    for (idempotent, gives_up) in [(true, true), (false, false)] {
        let held = session(1, 1, "old");
        let mut flight = Played::new(plan(idempotent), held.clone());
        flight.reach_the_wire(held);
        flight.on(answer(Some("new")));
        assert!(matches!(flight.on(storage_failed()), Step::Serve(..)));
        let mut step = flight.on(Event::Served);
        for _ in 0..50 {
            if matches!(step, Step::Done(_)) {
                break;
            }
            assert!(matches!(step, Step::Rest(_)));
            let Step::Write(draft) = flight.on(Event::Rested) else {
                panic!("no save")
            };
            assert_eq!(draft.credential.refresh_token, Some("new".into()));
            step = flight.on(storage_failed());
        }
        assert_eq!(
            matches!(step, Step::Done(_)),
            gives_up,
            "idempotent: {idempotent}"
        );
    }
}

#[test]
fn a_result_of_an_epoch_that_ended_is_discarded_and_its_token_revoked() {
    let held = session(1, 1, "old");
    let signed_out = held.signed_out(1, WallTime::from_unix_millis(0));
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held);
    flight.on(answer(Some("new")));
    let outcome = flight.outcome(Event::Written(Written::Discarded(signed_out)));
    assert!(matches!(outcome, Outcome::Displaced { revoke: Some(token), .. } if token == "new".into()));
}

#[test]
fn a_tombstone_that_cannot_be_written_ends_the_session_in_memory() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held);
    flight.on(dead(EndReason::Expired));
    assert!(matches!(
        flight.outcome(storage_failed()),
        Outcome::Ended { saved: false, .. }
    ));
}

#[test]
fn an_unreadable_success_is_repeated_a_little_and_keeps_the_token() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held);
    for _ in 0..MOST_UNREADABLE {
        assert!(matches!(
            flight.on(Event::Answered(RefreshAnswer::Unreadable)),
            Step::Rest(_)
        ));
        flight.sent(Event::Rested);
    }
    assert_eq!(
        flight.failure(Event::Answered(RefreshAnswer::Unreadable)),
        Failure::AnswerLost
    );
}

#[test]
fn a_record_that_moves_for_ever_ends_the_flight() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held);
    flight.on(Event::Start);
    flight.on(Event::Locked);
    let mut step = flight.on(Event::Look(Look::Found(session(1, 2, "r2"))));
    for number in 3..10 {
        if let Step::Done(outcome) = &step {
            assert!(matches!(**outcome, Outcome::Failed(Failure::LockHeld)));
            return;
        }
        step = flight.on(Event::Written(Written::Adopt(session(
            1,
            number,
            &format!("r{number}"),
        ))));
    }
    panic!("it goes on for ever");
}

#[test]
fn a_locked_storage_or_a_vanished_entry_is_told_as_it_is() {
    for failure in [
        Failure::Locked(LockedCause::Vanished),
        Failure::Storage(StorageFailure::Unavailable(LockedCause::DeviceLocked)),
    ] {
        let mut flight = Played::new(plan(true), session(1, 1, "r"));
        flight.on(Event::Start);
        flight.on(Event::Locked);
        assert_eq!(
            flight.failure(Event::Look(Look::Failed(failure.clone()))),
            failure
        );
    }
}

#[test]
fn an_event_out_of_order_changes_nothing_and_does_not_panic() {
    let mut flight = Played::new(plan(true), session(1, 1, "r"));
    assert_eq!(flight.failure(Event::Rested), Failure::AnswerLost);
    assert_eq!(flight.failure(answer(Some("late"))), Failure::AnswerLost);
}

#[test]
fn the_life_counts_from_the_sending_not_from_the_answer() {
    let held = session(1, 1, "r");
    let mut flight = Played::new(plan(true), held.clone());
    flight.reach_the_wire(held);
    flight.seconds = 10;
    let Step::Write(draft) = flight.on(answer(Some("n"))) else {
        panic!("no commit")
    };
    let Outcome::Renewed(fresh) = flight.outcome(Event::Written(Written::Landed(*draft))) else {
        panic!()
    };
    assert_eq!(
        fresh
            .token
            .unwrap()
            .remaining(BootTime::from_start(Duration::from_secs(10))),
        Duration::from_secs(290)
    );
    assert_eq!(fresh.record.expires_at, Some(WallTime::from_unix_millis(300_000)));
}
