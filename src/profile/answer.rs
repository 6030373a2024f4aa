use serde::{Deserialize, Serialize};

use super::JsonPointer;
use super::request::is_default;

/// Where a token answer keeps its values (RFC 6901 pointers).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerShape {
    /// The access token.
    pub access_token: JsonPointer,
    /// The refresh token.
    pub refresh_token: JsonPointer,
    /// How long the access token lives, or when it ends.
    pub expires_in: JsonPointer,
    /// What `expires_in` counts.
    #[serde(skip_serializing_if = "is_default")]
    pub expires_unit: ExpiresUnit,
    /// The code of an error answer.
    pub error: JsonPointer,
    /// The cookies that belong to the session, by name. Others are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

/// What the value at `expires_in` counts. A number may be written as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiresUnit {
    /// Seconds from now (RFC 6749 §5.1).
    #[default]
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since 1970, on the server's clock.
    UnixSeconds,
    /// Milliseconds since 1970, on the server's clock.
    UnixMilliseconds,
    /// A date and time (RFC 3339), on the server's clock.
    Rfc3339,
}

impl Default for AnswerShape {
    fn default() -> Self {
        Self {
            access_token: JsonPointer::to_field("access_token"),
            refresh_token: JsonPointer::to_field("refresh_token"),
            expires_in: JsonPointer::to_field("expires_in"),
            expires_unit: ExpiresUnit::Seconds,
            error: JsonPointer::to_field("error"),
            cookies: Vec::new(),
        }
    }
}
