use std::sync::Arc;

use crate::error::SessionError;

/// One server described as data: how to sign in, refresh and revoke there, and how to read its answers.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct ServerProfile(tokencast::profile::ServerProfile);

#[uniffi::export]
impl ServerProfile {
    /// A backend with refresh token rotation (RFC 9700 §4.14.2) and the endpoints `/auth/login`, `/auth/refresh` and
    /// `/auth/logout` below `base`, such as `https://api.example.com`.
    #[uniffi::constructor]
    pub fn rotation(base: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::profile::ServerProfile::rotation(&base)?))
    }

    /// Reads a profile from JSON; see `docs/guides/server-profile.md`.
    #[uniffi::constructor]
    pub fn from_json(text: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::profile::ServerProfile::from_json(&text)?))
    }

    /// The profile as JSON.
    pub fn to_json(&self) -> Result<String, SessionError> {
        serde_json::to_string(&self.0).map_err(|_| {
            SessionError::misconfigured(
                "the profile has no JSON form",
                "report this: every profile should have one",
            )
        })
    }

    /// The name kept in records, so that a record is never used with another server.
    pub fn id(&self) -> Result<String, SessionError> {
        Ok(self.0.id().to_owned())
    }

    /// This profile and one more origin whose resources take the access token, such as `https://media.example.com`.
    pub fn with_resource_origin(&self, origin: String) -> Result<Arc<Self>, SessionError> {
        Ok(Arc::new(Self(self.0.clone().with_resource_origin(&origin)?)))
    }
}

impl ServerProfile {
    pub(crate) fn to_core(&self) -> tokencast::profile::ServerProfile {
        self.0.clone()
    }
}
