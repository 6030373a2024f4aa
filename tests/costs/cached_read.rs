//! The cached read looks at the clock, each time.

use std::time::Duration;

use crate::{LIFE, Stage};

/// 1 the token is served; 2 a millisecond before its end it still is, but not to one who wants ten seconds; 3 at its
/// end it is refused; 4 who asks then waits for a refresh.
#[test]
fn a_cached_read_refuses_the_token_when_the_clock_has_passed_its_end() {
    let stage = Stage::signed_in();
    let instant = Duration::from_millis(1);
    assert!(stage.session.current_token().is_some());
    stage.clock.advance(LIFE - instant);
    assert!(stage.session.current_token().is_some());
    stage.clock.advance(instant);
    assert!(stage.session.current_token().is_none());
    assert_eq!(stage.server.requests(), 0);
    assert!(stage.spawner.finish(stage.session.access_token()).is_ok());
    assert_eq!(stage.server.requests(), 1);
}
