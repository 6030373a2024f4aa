//! What a session holds: secrets that cannot be printed, the access token with its generation, the stored
//! credential.

mod access;
mod cookies;
mod credential;
mod generation;
mod secret;
mod subject;

pub use access::AccessToken;
pub(crate) use access::TokenSlot;
pub(crate) use cookies::{cookie, cookie_count, with_cookies};
pub use credential::{AttemptKey, Credential, CredentialHash, Credentials, TokenSet};
pub use generation::{Generation, StoreId};
pub use secret::Secret;
pub(crate) use subject::Subject;
