use serde::{Deserialize, Serialize};

use crate::token::Secret;

/// How an app names itself to an OAuth 2.0 server (RFC 6749 §2.3), in each of the profile's requests.
///
/// A secret that ships inside an app is none: whoever has the app has it. Servers that ask for one all the same are
/// why it can be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// The client's identifier.
    pub(super) id: String,
    /// The client's password, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Secret>,
    /// How both are sent.
    pub(super) auth: ClientAuth,
}

/// How a client authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuth {
    /// A public client: `client_id` in the body and nothing else.
    None,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// HTTP Basic, both form-encoded first (RFC 6749 §2.3.1).
    Basic,
}

impl OAuthClient {
    /// A client without a secret, as an app should be (RFC 8252 §8.5).
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
            auth: ClientAuth::None,
        }
    }

    /// A client that sends its secret in the body.
    pub fn post(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            auth: ClientAuth::Post,
        }
    }

    /// A client that sends its secret by HTTP Basic.
    pub fn basic(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            auth: ClientAuth::Basic,
        }
    }

    /// The client's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The client's password.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// How both are sent.
    pub fn auth(&self) -> ClientAuth {
        self.auth
    }
}
