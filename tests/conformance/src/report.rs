use std::collections::BTreeMap;

use serde::Serialize;

/// What came of a soak.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Exchanges that the server carried out.
    pub exchanges: u64,
    /// Faults of the network that struck, and deaths of the client's process.
    pub faults: u64,
    /// Fresh sessions.
    pub sessions: u64,
    /// Sessions lost by the client's doing.
    pub lost_by_client: u64,
    /// Sessions that no client could have kept.
    pub lost_by_server: u64,
    /// How often which fault struck.
    pub faults_by_kind: BTreeMap<String, u64>,
    /// How sessions ended, by the reason that the app was told.
    pub ends: BTreeMap<String, u64>,
    /// Each loss, the first hundred.
    pub losses: Vec<Loss>,
    /// Answers besides tokens, and whether the profile lists them.
    pub answers: Vec<Unlisted>,
    /// What must never be: two requests of one session at one time, a token after the end.
    pub violations: Vec<String>,
    /// Calls that got a token.
    pub served: u64,
    /// Calls that were told to try again, or of a process that died.
    pub unserved: u64,
    /// Why it ended before all exchanges were made, if it did.
    pub ended_early: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Exchanges a second.
    pub exchanges_per_second: f64,
}

/// A lost session.
#[derive(Clone, Debug, Serialize)]
pub struct Loss {
    /// `client` or `server`.
    pub by: &'static str,
    /// The session's number.
    pub session: u64,
    /// What the app was told.
    pub told: String,
    /// What the network's log shows.
    pub because: String,
}

/// An answer besides tokens.
#[derive(Clone, Debug, Serialize)]
pub struct Unlisted {
    /// The HTTP status.
    pub status: u16,
    /// The code at the profile's `answer.error`, or what stands there instead.
    pub code: String,
    /// How often it came.
    pub times: u64,
    /// Whether a verdict of the profile names the status, with this code or any.
    pub listed: bool,
}

/// So many losses are told one by one.
const MOST_TOLD: usize = 100;

impl Report {
    /// Whether no session was lost by the client, and nothing was that must not be.
    pub fn is_clean(&self) -> bool {
        self.lost_by_client == 0 && self.violations.is_empty()
    }

    pub(crate) fn lost(&mut self, loss: Loss) {
        match loss.by {
            "client" => self.lost_by_client += 1,
            _ => self.lost_by_server += 1,
        }
        // What the client lost is told, however many the server lost before.
        if self.losses.len() < MOST_TOLD || loss.by == "client" {
            self.losses.push(loss);
        }
    }

    pub(crate) fn struck(&mut self, kind: &str) {
        self.faults += 1;
        *self.faults_by_kind.entry(kind.to_owned()).or_default() += 1;
    }
}
