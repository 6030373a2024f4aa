//! What the races are played with: a storage whose failures are scripted, a clock whose sleepers follow the hand,
//! processes that die, a record that another process wrote, and a server that counts what is on the wire.
//!
//! Two test programs share it (`invariants`, `eleven_ways`), and each uses a part.

#![allow(dead_code, unused_imports)]

mod clock;
mod counting_server;
mod process;
mod record;
mod storage;

use tokencast::profile::ServerProfile;
use tokencast_backend::Config;
use tokencast_testkit::{ACCESS_TTL, Rig};

pub(crate) use clock::LeapClock;
pub(crate) use counting_server::{CountingServer, Reaction};
pub(crate) use process::Process;
pub(crate) use record::{ENTRY, erase, put, renewed_elsewhere, snapshot, stored};
pub(crate) use storage::{Scripted, Step};

/// A server that rotates plainly: a spent token presented again ends the session, whatever key comes with it. What
/// a client does wrong cannot be forgiven there.
pub(crate) async fn plain_rig() -> Rig {
    Rig::with(Config {
        access_ttl: ACCESS_TTL,
        idempotency: false,
        ..Config::for_tests()
    })
    .await
}

/// The profile of such a server.
pub(crate) fn plain(profile: ServerProfile) -> ServerProfile {
    profile.with_idempotency_key(None)
}
