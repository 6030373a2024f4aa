//! What the core costs where no clock is needed to see it: allocations, wake-ups, memory. A crate that counts
//! allocations replaces this test's allocator, so it is a program of its own.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod allocations;
mod by_hand;
mod cached_read;
mod store_calls;
mod wake_ups;

use std::sync::Arc;
use std::time::Duration;

use tokencast::storage::SecureStorage;
use tokencast::token::TokenSet;
use tokencast::{AuthSession, ServerProfile, storage};

use by_hand::{HandClock, HandSpawner, Server};

/// The life of every token here.
const LIFE: Duration = Duration::from_secs(300);

/// A session whose tasks and time are moved by hand. Nothing runs but what a test runs.
struct Stage {
    session: AuthSession,
    clock: Arc<HandClock>,
    spawner: Arc<HandSpawner>,
    server: Server,
}

impl Stage {
    /// A session that is signed in, with a token.
    fn signed_in() -> Self {
        Self::signed_in_on(storage::memory())
    }

    fn signed_in_on(store: impl SecureStorage) -> Self {
        let (clock, spawner) = (Arc::new(HandClock::default()), Arc::new(HandSpawner::default()));
        let server = Server::default();
        let session = AuthSession::builder(ServerProfile::rotation("https://api.example.com").unwrap())
            .storage(store)
            .transport(server.clone())
            .clock(clock.clone())
            .spawner(spawner.clone())
            .build()
            .unwrap();
        let tokens = TokenSet::refresh_token("r3fr3sh")
            .access_token("acc3ss")
            .expires_in(LIFE);
        spawner.finish(session.adopt(tokens)).unwrap();
        Self {
            session,
            clock,
            spawner,
            server,
        }
    }

    /// Lets the token end, and gets the next one.
    fn refresh(&self) {
        self.clock.advance(LIFE);
        self.spawner.finish(self.session.access_token()).unwrap();
    }
}
