//! What a soak is asked to do, and why there may be no result.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokencast::ServerProfile;

use crate::mint::Mint;

/// What to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The server.
    pub profile: ServerProfile,
    /// Prints a token set for each fresh session.
    pub mint: Mint,
    /// So many exchanges at the server.
    pub exchanges: u64,
    /// So many calls at one time.
    pub callers: usize,
    /// Decides all faults.
    pub seed: u64,
    /// Where the client keeps its session.
    pub storage: Storage,
    /// Ends the soak in any case.
    pub most: Option<Duration>,
    /// Real time between two rounds, for a server whose tokens of one second are alike.
    pub pause: Duration,
    /// Ends the soak soon when it is pulled.
    pub stop: Stop,
    /// Moves the server's clock on, where that can be done: then nothing waits for a token's end, whatever the server.
    pub server_clock: Option<ServerClock>,
}

/// Moves a server's clock on.
#[derive(Clone)]
pub struct ServerClock(Arc<dyn Fn(Duration) + Send + Sync>);

impl ServerClock {
    /// `advance` moves it.
    pub fn new(advance: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(advance))
    }

    pub(crate) fn advance(&self, by: Duration) {
        (self.0)(by);
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerClock")
    }
}

/// Pulled by one, seen by another. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on the soak comes to its end.
    pub fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was.
    pub fn is_pulled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Where the client keeps its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory that outlives the client's process.
    #[default]
    Memory,
    /// In a sealed file.
    File,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoakError {
    /// The profile cannot be used.
    #[error("the profile cannot be used: {0}")]
    Profile(String),
    /// The command for fresh sessions.
    #[error("the command of --mint gave no session: {0}")]
    Mint(String),
    /// Nothing listens there.
    #[error("no server answers at {host}: {error}; start it, and compare `refresh.url`")]
    Unreachable {
        /// Where.
        host: String,
        /// What the system said.
        error: String,
    },
    /// The client itself.
    #[error("the client could not be set up: {0}")]
    Client(String),
    /// Not even the first exchange, without any fault, went well.
    #[error("the first exchange, without any fault, was refused: {what}; {fix}")]
    FirstExchange {
        /// What the server and the client said.
        what: String,
        /// Which field of the profile to look at.
        fix: String,
    },
}
