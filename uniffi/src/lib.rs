//! The core for other languages, through UniFFI. Thin: data is mirrored, objects are wrapped, nothing is decided.
//!
//! Kotlin, Swift and Python each have an idiomatic layer over what is generated from here; apps see only that.
//!
//! The rules:
//! - Every export returns a `Result`: a panic in one that does not would kill a Swift process.
//! - Numbers at the boundary are `i64`: unsigned ones mangle the names that Java sees.
//! - Traits that the host implements are synchronous and their errors convert from
//!   [`uniffi::UnexpectedUniFFICallbackError`]: otherwise a host exception would panic here. No return value of
//!   theirs can be faked by a zero, which is what JNA gives when a callback throws a `java.lang.Error`.
//! - The core's enums are mirrored by `#[uniffi::remote]`. They are `#[non_exhaustive]`, so the compiler cannot tell
//!   that a mirror lacks a variant; `tests/mirrors.rs` reads both sources and fails.
//! - What carries a secret exports a `Debug` that does not show it; a `Display`, where one is needed, says the same.
#![allow(
    unsafe_code,
    reason = "the scaffolding that UniFFI generates is extern \"C\"; by hand only what Android's context needs, in `platform_tls`"
)]

mod accounts;
mod background;
mod error;
mod history;
mod host;
mod listener;
mod pages;
mod platform_tls;
mod profile;
mod request_fields;
mod session;
mod state;
mod storage;
mod token;

pub use accounts::{Account, AccountList, Accounts};
pub use background::{BackgroundEnd, BackgroundTime, BackgroundTimeError};
pub use error::{
    EndReason, LayerFailure, LockedCause, SessionError, StorageFailure, TryAgainCause, Words, words_for,
};
pub use history::{Cause, Trail, Transition};
pub use host::shut_down;
pub use listener::{ListenerError, SessionListener, Subscription};
pub use pages::{
    ApiOrigin, CookieUse, PageAction, PageHost, PageHostError, PageMessage, PagePolicy, PageSender, WebViews,
};
pub use platform_tls::tokencast_android_set_up;
pub use profile::{OAuthClient, ServerProfile};
pub use request_fields::{ExtraFields, Purpose, RequestFields, RequestFieldsError};
pub use session::{AuthSession, SessionOptions};
pub use state::{Notice, SessionEvent, SessionState};
pub use storage::{KeyFailure, KeyWrapper, ReadOutcome, SecureStorage, Storage, StorageError, WriteOutcome};
pub use token::{AccessToken, Credentials, Generation, TokenSet};

uniffi::setup_scaffolding!("tokencast");
