//! A page makes the exchange.

use super::*;
use crate::token::Generation;
use crate::wire::Tokens;

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
    let Step::Write(draft) = played.on(Event::HandedOver(pair())) else {
        panic!("it is saved first")
    };
    assert_eq!(draft.credential.refresh_token, Some("r2".into()));
    assert_eq!((draft.generation, draft.inflight), (Generation::new(1, 2), None));
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
