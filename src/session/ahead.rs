//! Renewal ahead of expiry, while the host says that the app is in the foreground. A timer is only a hint:
//! whether a token serves is decided when somebody asks for it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_core::future::BoxFuture;

use super::core::{Core, Memory};
use super::obtain::Want;
use crate::error::{SessionError, TryAgainCause};
use crate::time::BootTime;
use crate::token::{AccessToken, Generation};

/// A token is renewed this long before its end, or at four fifths of its life if that is later.
const BEFORE_THE_END: Duration = Duration::from_secs(60);
/// The shortest wait between two attempts of one token.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// The same, where it is the app that has no fields for the request.
const AGAIN_FOR_THE_APP: Duration = Duration::from_secs(30);

impl Core {
    /// Sets the timer for memory's token, unless it is set or the app is not in the foreground.
    pub(super) fn renew_ahead(self: &Arc<Self>, memory: &mut Memory) {
        let Some(token) = memory
            .token
            .clone()
            .filter(|_| memory.foreground && !memory.closed)
        else {
            return;
        };
        let idle = token.life().is_zero() || self.plan.only_when_expired;
        if memory.ahead == Some(token.generation()) || idle {
            return;
        }
        memory.ahead = Some(token.generation());
        let mut jitter = [0];
        // Without randomness all devices renew at the same point of a life; that is no reason not to.
        let _ = self.random.fill(&mut jitter);
        let pause = self.clock.boot().until(due(&token, jitter[0]));
        let timer = watch_over(Arc::downgrade(self), token.generation(), self.clock.sleep(pause));
        self.spawner.spawn(Box::pin(timer));
    }

    /// Whether the timer of this generation still has something to do, and how long to wait after a failure.
    fn still_ahead(&self, generation: Generation) -> Option<Duration> {
        let mut memory = self.memory();
        let now = self.clock.boot();
        let current = memory
            .token
            .as_ref()
            .is_some_and(|token| token.generation() == generation && !token.remaining(now).is_zero());
        if !current || !memory.foreground || memory.closed {
            if memory.ahead == Some(generation) {
                memory.ahead = None;
            }
            return None;
        }
        Some(
            memory
                .breaker
                .pause_ends(now)
                .map_or(AGAIN_AFTER, |end| now.until(end).max(AGAIN_AFTER)),
        )
    }
}

/// Holds the session weakly while it waits: a timer keeps nothing alive that nobody else does.
async fn watch_over(session: Weak<Core>, generation: Generation, mut timer: BoxFuture<'static, ()>) {
    loop {
        timer.await;
        let Some(core) = session.upgrade() else { return };
        if core.still_ahead(generation).is_none() {
            return;
        }
        let renewed = core
            .clone()
            .obtain(Want::NewerThan {
                generation,
                said_by_host: false,
            })
            .await;
        match (core.still_ahead(generation), renewed) {
            (Some(pause), Err(error)) => timer = core.clock.sleep(pause.max(at_ease(&error))),
            _ => return,
        }
    }
}

/// When to renew: at 80 % of the life or 60 s before its end, whichever is later, and up to a quarter of what is
/// left then later still, so that devices that signed in together do not renew together.
/// An app that has no fields for a request may have asked somebody for them, who counts.
fn at_ease(error: &SessionError) -> Duration {
    match error {
        SessionError::TryAgain {
            cause: TryAgainCause::App,
            ..
        } => AGAIN_FOR_THE_APP,
        _ => Duration::ZERO,
    }
}

fn due(token: &AccessToken, jitter: u8) -> BootTime {
    let end = token.expires_at();
    let margin = (token.life() / 5).min(BEFORE_THE_END);
    end - margin + margin / 4 * u32::from(jitter) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Secret;

    fn due_in(life: u64, jitter: u8) -> f64 {
        let start = BootTime::from_start(Duration::from_secs(1000));
        let token = AccessToken::new(
            Secret::new("t"),
            Generation::new(1, 1),
            start,
            Duration::from_secs(life),
        );
        start.until(due(&token, jitter)).as_secs_f64()
    }

    #[test]
    fn a_long_life_is_renewed_a_minute_before_its_end_a_short_one_at_four_fifths() {
        assert_eq!(due_in(3600, 0), 3540.0);
        assert_eq!(due_in(100, 0), 80.0);
        assert_eq!(due_in(0, 255), 0.0);
    }

    #[test]
    fn jitter_moves_it_later_and_never_past_the_end() {
        for life in [1, 10, 300, 86_400] {
            let moments: Vec<f64> = [0, 100, 255].map(|jitter| due_in(life, jitter)).into();
            assert!(moments.is_sorted() && moments[0] < moments[2], "{moments:?}");
            assert!(moments[2] < life as f64, "{moments:?}");
        }
    }
}
