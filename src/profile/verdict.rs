use serde::{Deserialize, Serialize};

use crate::error::EndReason;

/// One line of the verdict table: an answer of the refresh endpoint with this status and this error code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRule {
    /// The HTTP status.
    pub status: u16,
    /// The value at the answer's `error` pointer; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it means.
    pub means: Verdict,
}

/// What a listed answer means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The session is over.
    Dead(EndReason),
    /// A newer token exists: look at the storage again, then wait.
    Superseded,
    /// Nothing is wrong with the session.
    Transient,
    /// The app is set up wrongly, for example an unknown client.
    Misconfigured,
}
