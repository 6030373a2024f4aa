use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Step;

/// What one child process is to do: its only argument, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The server's address.
    pub server: String,
    /// Where the record lives.
    pub place: Place,
    /// The folder of the lock files.
    pub locks: PathBuf,
    /// What the server promises.
    pub rotation: Rotation,
    /// Whether the access token is kept in the record.
    pub persist_access_token: bool,
    /// Who signs in, and how.
    pub user: (String, String),
    /// Where everything that any crate says is written, at trace level.
    pub log: Option<PathBuf>,
    /// What to do.
    pub errand: Errand,
}

/// Where the record lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Place {
    /// A sealed file in this folder.
    File(PathBuf),
    /// The Secret Service, under this application's id.
    SecretService(String),
}

/// What the server promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotation {
    /// A repeated exchange gets the same answer.
    Idempotent,
    /// A token presented twice ends the session.
    Plain,
}

/// What a child does with the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Errand {
    /// Signs in.
    SignIn,
    /// Restores the session and refreshes it once; dies on the way if told to.
    Refresh {
        /// Where.
        death: Option<Death>,
    },
    /// Asks for a new token so many times.
    Rotate {
        /// How often.
        times: u32,
        /// For the pauses between.
        seed: u64,
    },
    /// Asks for new tokens until it is killed.
    RotateUntilKilled,
    /// Everything that could print a secret: sign-in, refreshes that succeed and fail, sign-out, `Debug`.
    Everything {
        /// Where the secrets met are listed, for the search.
        secrets: PathBuf,
        /// Whether to write one into the log, to try the search.
        plant: bool,
    },
}

/// Where a child dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The step's number, see [`Step::number`].
    pub step: u32,
    /// Varies the moment inside a step that lasts: 0, 1, 2…
    pub variation: u32,
}

impl Death {
    /// In this step.
    pub fn at(step: Step, variation: u32) -> Self {
        Self {
            step: step.number(),
            variation,
        }
    }
}

/// What a child tells, one line of JSON each on its standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// A new token, which the server accepted.
    Token {
        /// Of its generation.
        epoch: u64,
        /// Of its generation.
        number: u64,
    },
    /// The session is gone.
    Lost(String),
    /// Something else went wrong; the session goes on.
    Failed(String),
    /// A save failed.
    Degraded,
    /// The flight's steps, as they came.
    Steps(Vec<Step>),
    /// All done.
    Done,
}
