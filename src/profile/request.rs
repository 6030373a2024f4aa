use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

/// One request of the server: where it goes and what goes where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestShape {
    /// The endpoint.
    pub url: Url,
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: Method,
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
    /// Fixed fields of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// A cookie whose value is said once more in a header (double submit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<CsrfEcho>,
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
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: Method,
    /// How the body is written.
    #[serde(default)]
    pub encoding: BodyEncoding,
    /// Fixed body fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Fixed headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Fixed fields of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Statuses by which the server refuses the credentials.
    #[serde(default = "default_refusals")]
    pub refused_statuses: Vec<u16>,
}

/// An HTTP method (RFC 9110 §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Method {
    /// The usual one.
    #[default]
    Post,
    /// Without a body.
    Get,
    /// As some servers refresh.
    Put,
    /// As some servers revoke.
    Delete,
    /// As some servers refresh.
    Patch,
}

impl Method {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
        }
    }
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
    /// No body.
    None,
}

/// One token's place in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Which token.
    pub token: TokenKind,
    /// In which part of the request.
    #[serde(default, rename = "in", skip_serializing_if = "is_default")]
    pub place: Place,
    /// The name there: of the body field, the header, the query field, or the cookie.
    pub field: String,
    /// What stands before the token in a header, such as `Bearer ` with its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Which secret of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenKind {
    /// The refresh token.
    Refresh,
    /// The access token, expired as it may be.
    Access,
    /// The cookie that the placement names, one of `answer.cookies`.
    Cookie,
}

impl TokenKind {
    /// As a reader of a message knows it.
    pub(crate) fn as_words(self) -> &'static str {
        match self {
            Self::Refresh => "refresh token",
            Self::Access => "access token",
            Self::Cookie => "cookie",
        }
    }
}

/// A part of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Place {
    /// A field of the body.
    #[default]
    Body,
    /// A header.
    Header,
    /// A field of the query, where proxies and servers log it: only with `danger_tokens_in_query`.
    Query,
    /// A cookie (RFC 6265 §4.2).
    Cookie,
}

/// "The value of this cookie also in this header": how a server tells its own page from a foreign one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsrfEcho {
    /// The cookie, one of `answer.cookies`.
    pub cookie: String,
    /// The header.
    pub header: String,
}

impl RequestShape {
    /// A POST of a form to `url`, with nothing in it yet.
    pub fn post(url: Url) -> Self {
        Self {
            url,
            method: Method::Post,
            encoding: BodyEncoding::Form,
            tokens: Vec::new(),
            fields: BTreeMap::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            csrf: None,
            done_statuses: Vec::new(),
        }
    }

    /// Whether a token of that kind stands in it.
    pub fn places(&self, kind: TokenKind) -> bool {
        self.tokens.iter().any(|placement| placement.token == kind)
    }
}

impl SignInShape {
    /// A POST of a form to `url`.
    pub fn post(url: Url) -> Self {
        Self {
            url,
            method: Method::Post,
            encoding: BodyEncoding::Form,
            fields: BTreeMap::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            refused_statuses: default_refusals(),
        }
    }
}

impl Placement {
    /// In a field of the body.
    pub fn in_body(token: TokenKind, field: impl Into<String>) -> Self {
        Self::at(token, Place::Body, field)
    }

    /// In that part of the request, under that name.
    pub fn at(token: TokenKind, place: Place, field: impl Into<String>) -> Self {
        Self {
            token,
            place,
            field: field.into(),
            prefix: None,
        }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_refusals() -> Vec<u16> {
    vec![400, 401, 403, 422]
}
