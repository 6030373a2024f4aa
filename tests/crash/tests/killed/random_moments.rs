//! A process that is killed from outside, wherever it happens to be.

use std::thread;
use std::time::Duration;

use tokencast_crash_tests::{Errand, Report};

use crate::machine::{Machine, Store, long, random_below, show};

#[test]
fn kills_at_random_moments_lose_no_session_in_a_sealed_file() {
    kill_at_random(Store::SealedFile);
}

#[test]
fn kills_at_random_moments_lose_no_session_in_the_secret_service() {
    kill_at_random(Store::SecretService);
}

/// 1 a process restores the session and refreshes it again and again; 2 after its first new token it is killed at a
/// random moment; 3 the next process goes on.
fn kill_at_random(store: Store) {
    let kills = if long() { 400 } else { 40 };
    let machine = Machine::new(store).signed_in();
    let mut last = 1;
    for kill in 0..kills {
        let running = machine.start(Errand::RotateUntilKilled);
        running.until(|report| matches!(report, Report::Token { .. }));
        thread::sleep(random_below(Duration::from_millis(60)));
        let ended = running.killed();
        assert!(ended.was_killed(), "kill {kill}: {ended:?}");
        assert!(!ended.lost(), "kill {kill}: {ended:?}");
        last = last.max(ended.number().unwrap_or(last));
    }
    let end = machine.refreshed();
    assert!(end > last, "generation {end} after {last}");
    let stats = machine.assert_nothing_lost();
    // The sign-in made generation 1, each exchange one more.
    assert_eq!(stats.exchanges, end - 1, "{stats:?}");
    show(&format!(
        "{store:?}: {kills} kills at random moments, {} exchanges for {} generations, {} replays, \
         reuse_detected {}, families revoked {}",
        stats.exchanges,
        end - 1,
        stats.replays,
        stats.reuse_detected,
        stats.revocations
    ));
}
