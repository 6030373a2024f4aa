//! A page makes the exchange.

use super::*;
use crate::record::Unproven;
use crate::token::Generation;
use crate::wire::{SubjectAnswer, Tokens};

fn ada() -> Subject {
    Subject::of(&"ada".into()).unwrap()
}

fn pair() -> Tokens {
    Tokens {
        access_token: Some("a2".into()),
        refresh_token: Some("r2".into()),
        cookies: None,
        life: Duration::from_secs(60),
        server_time: None,
    }
}

#[test]
fn a_pair_handed_over_is_saved_and_lives_from_the_hand_over_on() {
    let mut played = Played::new(plan(true), session(1, 1, "r1"));
    played.reach_the_wire(session(1, 1, "r1"));
    played.seconds = 15;
    let Step::Write(draft) = played.on(Event::HandedOver(pair(), ada())) else {
        panic!("it is saved first")
    };
    assert_eq!(draft.credential.refresh_token, Some("r2".into()));
    assert_eq!((draft.generation, draft.inflight), (Generation::new(1, 2), None));
    assert_eq!(draft.unproven.as_ref().unwrap().lent, "r1".into());
    let Step::Prove(token) = played.on(Event::Written(Written::Landed(*draft))) else {
        panic!("it is judged after")
    };
    assert_eq!(token, "a2".into());
    let Step::Write(draft) = played.on(Event::Proven(SubjectAnswer::Is(ada()))) else {
        panic!("the note is taken off")
    };
    assert_eq!(
        (draft.generation, &draft.unproven),
        (Generation::new(1, 2), &None)
    );
    let Outcome::Renewed(fresh) = played.outcome(Event::Written(Written::Landed(*draft))) else {
        panic!("it is the session's")
    };
    let now = BootTime::from_start(Duration::from_secs(15));
    assert_eq!(fresh.token.unwrap().remaining(now), Duration::from_secs(60));
}

#[test]
fn after_a_lapse_the_same_key_is_sent_and_has_its_own_repeats() {
    let mut played = Played::new(plan(true), session(1, 1, "r1"));
    let lent = played.reach_the_wire(session(1, 1, "r1"));
    played.seconds = 20;
    assert_eq!(played.sent(Event::Lapsed), lent);
    assert!(matches!(
        played.on(Event::Unanswered(SendFailure::Incomplete)),
        Step::Rest(_)
    ));
    assert_eq!(played.sent(Event::Rested), lent);
}

#[test]
fn a_dead_verdict_after_a_lapse_is_blamed_on_the_page_s_exchange() {
    let mut played = Played::new(plan(true), session(1, 1, "r1"));
    played.reach_the_wire(session(1, 1, "r1"));
    played.sent(Event::Lapsed);
    let reason = EndReason::ReuseDetected;
    let Step::Write(tombstone) = played.on(Event::Answered(RefreshAnswer::Dead { reason })) else {
        panic!("it is buried")
    };
    assert_eq!(tombstone.end_reason(), Some(EndReason::InterruptedRotation));
}

/// A flight whose pair is saved and being judged.
fn judging() -> Played {
    let mut played = Played::new(plan(true), session(1, 1, "r1"));
    played.reach_the_wire(session(1, 1, "r1"));
    let Step::Write(draft) = played.on(Event::HandedOver(pair(), ada())) else {
        panic!("it is saved first")
    };
    assert!(matches!(
        played.on(Event::Written(Written::Landed(*draft))),
        Step::Prove(_)
    ));
    played
}

#[test]
fn a_pair_of_somebody_else_or_one_that_is_refused_ends_the_session() {
    let eve = Subject::of(&"eve".into()).unwrap();
    for answer in [SubjectAnswer::Is(eve), SubjectAnswer::Refused] {
        let mut played = judging();
        let Step::Write(tombstone) = played.on(Event::Proven(answer)) else {
            panic!("it is buried")
        };
        assert_eq!(tombstone.end_reason(), Some(EndReason::HandoverRefused));
        let pending: Vec<_> = tombstone
            .revoke_pending
            .iter()
            .map(|pending| pending.token.clone())
            .collect();
        assert_eq!(pending, ["r1".into(), "r2".into()]);
        assert!(matches!(
            played.outcome(Event::Written(Written::Landed(*tombstone))),
            Outcome::Ended { saved: true, .. }
        ));
    }
}

#[test]
fn a_pair_that_nobody_judges_stays_saved_and_is_served_to_nobody() {
    for event in [
        Event::Proven(SubjectAnswer::Unclear { after: None }),
        Event::Unanswered(SendFailure::NotSent { trusted: true }),
        Event::Unanswered(SendFailure::Incomplete),
        Event::TimeIsUp,
    ] {
        let mut played = judging();
        assert!(matches!(played.outcome(event), Outcome::Failed(_)));
    }
}

#[test]
fn a_save_that_fails_serves_no_unjudged_token_either() {
    let mut played = Played::new(plan(true), session(1, 1, "r1"));
    played.reach_the_wire(session(1, 1, "r1"));
    played.on(Event::HandedOver(pair(), ada()));
    let Step::Serve(fresh, _) = played.on(storage_failed()) else {
        panic!("memory keeps it")
    };
    assert_eq!(fresh.record.credential.refresh_token, Some("r2".into()));
    assert_eq!(fresh.token, None);
    played.on(Event::Served);
    let Step::Write(draft) = played.on(Event::Rested) else {
        panic!("it is saved again")
    };
    assert!(matches!(
        played.on(Event::Written(Written::Landed(*draft))),
        Step::Prove(_)
    ));
}

/// A record that was left unjudged: its token is not served, what it buys is judged, and a server that does not take what
/// it has just given is in trouble.
#[test]
fn an_unjudged_record_is_exchanged_and_then_judged() {
    let mut stored = session(1, 2, "r2");
    stored.credential.access_token = Some("a2".into());
    stored.expires_at = Some(WallTime::from_unix_millis(1_000_000));
    stored.unproven = Some(Unproven {
        subject: ada(),
        lent: "r1".into(),
    });
    for (answer, fails) in [(SubjectAnswer::Is(ada()), false), (SubjectAnswer::Refused, true)] {
        let mut played = Played::new(plan(true), session(1, 1, "r1"));
        let sent = played.reach_the_wire(stored.clone());
        assert_eq!(sent.credential.refresh_token, Some("r2".into()));
        let Step::Write(draft) = played.on(super::answer(Some("r3"))) else {
            panic!("it is saved")
        };
        assert_eq!(draft.unproven, stored.unproven);
        assert!(matches!(
            played.on(Event::Written(Written::Landed(*draft))),
            Step::Prove(_)
        ));
        if fails {
            assert!(matches!(
                played.outcome(Event::Proven(answer)),
                Outcome::Failed(_)
            ));
        } else {
            assert!(
                matches!(played.on(Event::Proven(answer)), Step::Write(draft) if draft.unproven.is_none())
            );
        }
    }
}
