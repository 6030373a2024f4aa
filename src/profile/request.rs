use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

/// One request of the server: where it goes and what goes where in it. The method is POST.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestShape {
    /// The endpoint.
    pub url: Url,
    /// How the body is written.
    #[serde(default)]
    pub encoding: BodyEncoding,
    /// Which token stands where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Placement>,
    /// Fixed body fields, such as `grant_type`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Fixed headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Statuses besides 2xx that mean "done", such as 404 for a token already gone. Revocation only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_statuses: Vec<u16>,
}

/// The sign-in request: the user's fields are added to its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInShape {
    /// The endpoint.
    pub url: Url,
    /// How the body is written.
    #[serde(default)]
    pub encoding: BodyEncoding,
    /// Fixed body fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Fixed headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Statuses by which the server refuses the credentials.
    #[serde(default = "default_refusals")]
    pub refused_statuses: Vec<u16>,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BodyEncoding {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`, one flat object of strings.
    Json,
}

/// One token's place in a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Which token.
    pub token: TokenKind,
    /// The body field that takes it.
    pub field: String,
}

/// Which token of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenKind {
    /// The refresh token.
    Refresh,
    /// The access token, expired as it may be.
    Access,
}

pub(super) fn default_refusals() -> Vec<u16> {
    vec![400, 401, 403, 422]
}
