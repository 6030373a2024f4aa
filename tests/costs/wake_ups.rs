//! An idle session sleeps. Every task and every timer of it is in the test's hand and counted.

use std::time::Duration;

use tokencast::Notice;

use crate::{LIFE, Stage};

/// Before this moment of its life no token is renewed ahead: a minute before its end.
const RENEWAL: Duration = LIFE.saturating_sub(Duration::from_secs(60));

#[test]
fn an_idle_session_in_the_background_sets_no_timer_and_wakes_for_nothing() {
    let stage = Stage::signed_in();
    stage.spawner.run();
    let polls = stage.spawner.polls();
    for _ in 0..(10 * LIFE).as_secs() {
        stage.clock.advance(Duration::from_secs(1));
        stage.spawner.run();
    }
    assert_eq!((stage.spawner.polls(), stage.clock.sleeps()), (polls, 0));
    assert_eq!(stage.server.requests(), 0);
}

/// 1 one timer is set, for the renewal; 2 until then nothing wakes; 3 then it does, or the count would prove nothing.
#[test]
fn an_idle_session_in_the_foreground_wakes_for_the_renewal_alone() {
    let stage = Stage::signed_in();
    stage.session.notify(Notice::Foreground);
    stage.spawner.run();
    let (polls, sleeps) = (stage.spawner.polls(), stage.clock.sleeps());
    assert_eq!(sleeps, 1);
    let due = stage.clock.next_wake_up().unwrap();
    assert!(due >= RENEWAL && due < LIFE, "{due:?}");
    for _ in 0..RENEWAL.as_secs() - 1 {
        stage.clock.advance(Duration::from_secs(1));
        stage.spawner.run();
    }
    assert_eq!((stage.spawner.polls(), stage.clock.sleeps()), (polls, sleeps));
    assert_eq!(stage.server.requests(), 0);

    stage.clock.advance(LIFE - RENEWAL);
    stage.spawner.run();
    assert_eq!(stage.server.requests(), 1);
    assert!(stage.spawner.polls() > polls);
}
