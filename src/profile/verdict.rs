use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::JsonPointer;
use crate::error::EndReason;

/// One line of the verdict table: an answer of the refresh endpoint with this status and this content. At most one
/// of `error`, `is` and `contains` is given; without one the status alone decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRule {
    /// The HTTP status.
    pub status: u16,
    /// Where to look; absent: at the answer's `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<JsonPointer>,
    /// The text that stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The JSON value that stands there.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub is: Option<Value>,
    /// A part of the text that stands there; of the whole body when it is no JSON and `at` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
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

impl VerdictRule {
    /// An answer with that status whose error code is `error`.
    pub fn code(status: u16, error: impl Into<String>, means: Verdict) -> Self {
        Self {
            status,
            at: None,
            error: Some(error.into()),
            is: None,
            contains: None,
            means,
        }
    }

    /// An answer with that status where `at` holds a text with `part` in it.
    pub fn prose(status: u16, at: Option<JsonPointer>, part: impl Into<String>, means: Verdict) -> Self {
        Self {
            status,
            at,
            error: None,
            is: None,
            contains: Some(part.into()),
            means,
        }
    }

    /// Whether it asks for more than a status.
    pub(super) fn looks_inside(&self) -> bool {
        self.error.is_some() || self.is.is_some() || self.contains.is_some()
    }
}

/// `null` is a value like any other: a rule that lost it would match every answer.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
