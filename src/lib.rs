//! Tokencast is the auth-session core of an app: one owner for the refresh token, one refresh at a time, and
//! every open webview on the new access token.
//!
//! ```no_run
//! use tokencast::{AuthSession, Credentials, ServerProfile, SessionError, storage};
//!
//! # async fn story(password: String, http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
//! // 1. One session object for the app's life. No I/O here: it restores itself, and `state()` says so.
//! let session = AuthSession::builder(ServerProfile::rotation("https://api.example.com")?)
//!     .storage(storage::keyring("com.example.app"))
//!     .build()?;
//!
//! // 2. Sign in, or hand over tokens that you have with `adopt`. The refresh token never comes out again.
//! session.sign_in(Credentials::password("ada", password)).await?;
//!
//! // 3. Ask for a token whenever you need one: cached, or from the one refresh that all callers share.
//! let token = session.access_token().await?;
//!
//! // 4. Or let the session send the call: authorised, a 401 refreshed and the call replayed once.
//! let me = session.send(http.get("https://api.example.com/me")).await?;
//!
//! // 5. The broadcast: every new token, in order, already saved.
//! let _keep = session.on_access_token(|token| println!("generation {}", token.generation()));
//!
//! // 6. Webviews: attach each with the origins that may have the token; `pages` tells what to do when.
//! let pages = session.web_views();
//!
//! // 7. Errors say what to do: sign in, try again after a while, wait for an unlock, mend the set-up.
//! match session.access_token().await {
//!     Ok(token) => drop(token),
//!     Err(SessionError::SignInRequired { reason }) => println!("show the sign-in: {reason}"),
//!     Err(error) => println!("{error}"),
//! }
//! # drop((token, me, pages)); Ok(()) }
//! ```
//!
//! # Where to read on
//!
//! A token's way, one step deeper each: [`session`] (the object above) → `flight` (one exchange as a pure state
//! machine) → [`wire`] (requests and answers) and `record` (what is stored) → [`storage`], [`lock`] and
//! [`transport`] (the outside world, as traits with adapters). Webviews: [`pages`] drives [`bridge`]. Several accounts
//! of one app: [`accounts`]. The whole house stands in `ARCHITECTURE.md`, and the reasons in `docs/adr`.
//!
//! # Features
//!
//! `reqwest` (default): the default transport and [`AuthSession::send`]. `keyring` (default): the platform's
//! secret storage. A feature adds, it never changes. `danger-switches` is for one test of this repository alone: it lets
//! a defence be taken out.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod bridge;
mod claims;
#[cfg(not(feature = "danger-switches"))]
mod defence;
#[cfg(feature = "danger-switches")]
pub mod defence;
pub mod error;
mod flight;
mod history;
pub mod lock;
pub mod pages;
pub mod profile;
pub mod publish;
pub mod random;
mod record;
pub mod registry;
pub mod session;
pub mod spawn;
pub mod state;
pub mod storage;
pub mod time;
pub mod token;
pub mod transport;
pub mod wire;

pub use accounts::Accounts;
pub use error::{EndReason, SessionError};
pub use profile::ServerProfile;
pub use publish::Subscription;
pub use session::AuthSession;
pub use state::{Notice, SessionEvent, SessionState};
pub use token::{AccessToken, Credentials, Generation, TokenSet};

/// The listings of the guides compile.
#[cfg(doctest)]
#[doc = include_str!("../docs/guides/accounts.md")]
#[doc = include_str!("../docs/guides/request-fields.md")]
#[doc = include_str!("../docs/guides/webview-cookies.md")]
#[doc = include_str!("../docs/guides/webviews.md")]
#[doc = include_str!("../docs/guides/server-rendered-pages.md")]
struct Guides;

/// The listings of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
