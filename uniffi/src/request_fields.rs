//! What the app adds to the profile's requests.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokencast::session as core;
pub use tokencast::session::Purpose;

/// Adds headers and body fields of the app's own to sign-in, refresh and revocation, such as a device's id or an
/// attestation. It sees no token, and can override nothing that the profile places. Calls come on a thread of the library's
/// own; asking the session for its token in memory is fine there.
///
/// What it throws keeps the request from being sent: callers get `TryAgain` with the cause `App`, and nothing is lost.
#[uniffi::export(with_foreign)]
pub trait RequestFields: Send + Sync {
    /// What to add to the request that is about to be made.
    fn fields(&self, purpose: Purpose) -> Result<ExtraFields, RequestFieldsError>;
}

/// Which of the profile's requests is about to be made.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum Purpose {
    /// The user's sign-in.
    SignIn,
    /// The exchange that brings the next access token.
    Refresh,
    /// The revocation of what a session lived by.
    Revoke,
}

/// Headers and body fields that an app adds to one request.
#[derive(Clone, Default, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct ExtraFields {
    /// Headers by name.
    #[uniffi(default)]
    pub headers: HashMap<String, String>,
    /// Body fields by name.
    #[uniffi(default)]
    pub fields: HashMap<String, String>,
}

impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |map: &HashMap<String, String>| {
            let mut names: Vec<_> = map.keys().cloned().collect();
            names.sort();
            names.join(", ")
        };
        write!(
            f,
            "ExtraFields(headers=[{}], fields=[{}])",
            names(&self.headers),
            names(&self.fields)
        )
    }
}

impl fmt::Display for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A host's request fields threw. Its text is dropped: it may quote an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum RequestFieldsError {
    /// Something was thrown.
    #[error("the host's request fields threw")]
    Threw,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for RequestFieldsError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Threw
    }
}

pub(crate) struct HostRequestFields(pub(crate) Arc<dyn RequestFields>);

impl core::RequestFields for HostRequestFields {
    fn fields(&self, purpose: Purpose) -> Result<core::ExtraFields, core::NoFields> {
        let given = self.0.fields(purpose).map_err(|_| core::NoFields)?;
        let mut extra = core::ExtraFields::none();
        for (name, value) in given.headers {
            extra = extra.header(name, value);
        }
        for (name, value) in given.fields {
            extra = extra.field(name, value);
        }
        Ok(extra)
    }
}
