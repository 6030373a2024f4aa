//! Tokens and what is given to get them. Secrets that go in live in objects, which no language prints; the access
//! token, which comes out, is a record with a redacting `Debug`, and a `Display` that says the same: without one,
//! Python's `str` lists a record's fields.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokencast::time::{Clock as _, SystemClock};

use crate::error::SessionError;

/// An access token as it was when it crossed the boundary.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct AccessToken {
    /// The token's text, for an `Authorization: Bearer` header (RFC 6750 §2.1).
    pub value: String,
    /// The name under which a 401 is reported back.
    pub generation: Generation,
    /// What was left of its life then, in milliseconds, on a clock that counts sleep.
    pub expires_in_ms: i64,
    /// Its whole life, in milliseconds: half of it always suffices a caller's minimum.
    pub life_ms: i64,
}

impl From<&tokencast::token::AccessToken> for AccessToken {
    fn from(token: &tokencast::token::AccessToken) -> Self {
        Self {
            value: token.secret().to_owned(),
            generation: token.generation().into(),
            expires_in_ms: millis(token.remaining(SystemClock.boot())),
            life_ms: millis(token.life()),
        }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AccessToken(generation={}.{}, expires_in_ms={})",
            self.generation.epoch, self.generation.number, self.expires_in_ms
        )
    }
}

impl fmt::Display for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The name of a token set that reveals nothing of it. Ordered by epoch, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, uniffi::Record)]
pub struct Generation {
    /// Grows at each sign-in and sign-out.
    pub epoch: i64,
    /// Grows at each accepted token set of the epoch.
    pub number: i64,
}

impl From<tokencast::token::Generation> for Generation {
    fn from(generation: tokencast::token::Generation) -> Self {
        let tokencast::token::Generation { epoch, number } = generation;
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            epoch: signed(epoch),
            number: signed(number),
        }
    }
}

impl TryFrom<Generation> for tokencast::token::Generation {
    type Error = SessionError;

    fn try_from(generation: Generation) -> Result<Self, SessionError> {
        let Generation { epoch, number } = generation;
        match (u64::try_from(epoch), u64::try_from(number)) {
            (Ok(epoch), Ok(number)) => Ok(Self::new(epoch, number)),
            _ => Err(SessionError::misconfigured(
                "a generation with a negative part",
                "pass the generation of the access token that was refused",
            )),
        }
    }
}

/// What a user gives to sign in: named fields for the profile's sign-in request.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Credentials(tokencast::token::Credentials);

#[uniffi::export]
impl Credentials {
    /// A user name and a password, in the fields `username` and `password`.
    #[uniffi::constructor]
    pub fn password(username: String, password: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::token::Credentials::password(username, password)))
    }

    /// Fields for servers that want other names, codes or assertions; `account` is the account's name as the app
    /// shows it, kept with the session and never sent on its own.
    #[uniffi::constructor]
    pub fn fields(fields: HashMap<String, String>, account: Option<String>) -> Result<Self, SessionError> {
        let mut credentials = tokencast::token::Credentials::fields();
        for (name, value) in fields {
            credentials = credentials.field(name, value);
        }
        if let Some(account) = account {
            credentials = credentials.account(account);
        }
        Ok(Self(credentials))
    }
}

impl Credentials {
    pub(crate) fn to_core(&self) -> tokencast::token::Credentials {
        self.0.clone()
    }
}

/// Tokens that the app got on its own (a web sign-in, a migration) and hands over for good. Good for one `adopt`.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct TokenSet(Mutex<Option<tokencast::token::TokenSet>>);

#[uniffi::export]
impl TokenSet {
    /// A refresh token and, if at hand, the access token that came with it. The access token's life is read from
    /// `expires_in_ms`, else from its JWT claims, else the profile's default holds.
    #[uniffi::constructor]
    pub fn new(
        refresh_token: String,
        access_token: Option<String>,
        expires_in_ms: Option<i64>,
        account: Option<String>,
    ) -> Result<Self, SessionError> {
        let mut tokens = tokencast::token::TokenSet::refresh_token(refresh_token);
        if let Some(token) = access_token {
            tokens = tokens.access_token(token);
        }
        Ok(Self::of(tokens, expires_in_ms, account))
    }

    /// An access token alone, for a server that renews by it. Its life as in `new`.
    #[uniffi::constructor]
    pub fn only_access_token(
        access_token: String,
        expires_in_ms: Option<i64>,
        account: Option<String>,
    ) -> Result<Self, SessionError> {
        let tokens = tokencast::token::TokenSet::only_access_token(access_token);
        Ok(Self::of(tokens, expires_in_ms, account))
    }

    /// The session's cookies, written as a `Cookie` header has them, and the access token if it is at hand. (After a sign-in
    /// inside a webview: `adopt_cookie`, which knows what is left there.)
    #[uniffi::constructor]
    pub fn cookies(
        cookies: String,
        access_token: Option<String>,
        expires_in_ms: Option<i64>,
        account: Option<String>,
    ) -> Result<Self, SessionError> {
        let mut tokens = tokencast::token::TokenSet::cookies(cookies);
        if let Some(token) = access_token {
            tokens = tokens.access_token(token);
        }
        Ok(Self::of(tokens, expires_in_ms, account))
    }
}

impl TokenSet {
    fn of(
        mut tokens: tokencast::token::TokenSet,
        expires_in_ms: Option<i64>,
        account: Option<String>,
    ) -> Self {
        if let Some(millis) = expires_in_ms {
            // Zero or less means dead on arrival, from a server as from an app.
            tokens = tokens.expires_in(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
        if let Some(account) = account {
            tokens = tokens.account(account);
        }
        Self(Mutex::new(Some(tokens)))
    }

    /// Hands the tokens over: presenting a refresh token twice would end the session.
    pub(crate) fn take(&self) -> Result<tokencast::token::TokenSet, SessionError> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.take().ok_or_else(|| {
            SessionError::misconfigured(
                "these tokens were adopted before",
                "adopt each token set once; the session owns it from then on",
            )
        })
    }
}

/// Milliseconds, as many as fit.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
