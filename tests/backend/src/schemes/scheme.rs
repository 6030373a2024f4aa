//! The schemes as a table: name, rules, what a refresh asks for, usual lifetimes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Rules, access_only, exchange_once, per_user, rotation, salted};
use crate::config::ConfigError;

/// How a session is kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// A pair is exchanged once: its row is deleted, and deleting nothing means that it was exchanged before.
    ExchangeOnce,
    /// No refresh token: the expired access token itself is renewed, once, within a window after its end.
    AccessOnly,
    /// One refresh token per user, with an empty payload; a refresh gives an access token only.
    PerUser,
    /// Refresh tokens signed with the user's salt, which every change of the password draws anew.
    Salted,
    /// As salted, but every login draws anew: one device at a time.
    SingleDevice,
    /// Refresh token rotation: a new pair at every refresh; a reused token ends the whole family.
    Rotation,
    /// Rotation in an HttpOnly cookie, with a CSRF double submit.
    Cookie,
    /// The refresh grant of RFC 6749 §6 with rotation (RFC 9700 §4.14.2) and revocation (RFC 7009).
    OAuth2,
}

/// What the route `/auth/refresh` takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    /// The form field `grant_type=refresh_token`.
    pub(crate) grant_type: bool,
    /// The form field `refresh_token`.
    pub(crate) refresh_token: bool,
    /// The form field that holds an access token.
    pub(crate) access_token: AccessField,
    /// `GET` with the same fields in the query works too: as the mission draws it, and a danger for tokens.
    pub(crate) query: bool,
    /// No body: cookies and the CSRF header.
    pub(crate) cookies: bool,
}

/// Where a request has its access token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AccessField {
    Nowhere,
    Named(&'static str),
}

/// What an answer holds beside an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshTokenIn {
    Body,
    Cookie,
    /// There is none, or the client keeps the one that it has.
    Nothing,
}

/// One scheme.
struct Row {
    scheme: Scheme,
    name: &'static str,
    rules: &'static dyn Rules,
    asks: Asks,
    /// What a sign-in gives, and what a refresh.
    gives: [RefreshTokenIn; 2],
    /// Access tokens are signed with RS256: they speak for the user at the refresh endpoint.
    signs_with_rsa: bool,
    access_minutes: u64,
    refresh_days: u64,
}

const REFRESH_TOKEN: Asks = Asks {
    grant_type: true,
    refresh_token: true,
    access_token: AccessField::Nowhere,
    query: false,
    cookies: false,
};
const BOTH: Asks = Asks {
    access_token: AccessField::Named("access_token"),
    ..REFRESH_TOKEN
};

static TABLE: [Row; 8] = [
    Row {
        scheme: Scheme::ExchangeOnce,
        name: "exchange-once",
        rules: &exchange_once::ExchangeOnce,
        asks: Asks { query: true, ..BOTH },
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Body],
        signs_with_rsa: false,
        access_minutes: 15,
        refresh_days: 14,
    },
    Row {
        scheme: Scheme::AccessOnly,
        name: "access-only",
        rules: &access_only::AccessOnly,
        asks: Asks {
            grant_type: false,
            refresh_token: false,
            access_token: AccessField::Named("token"),
            query: true,
            cookies: false,
        },
        gives: [RefreshTokenIn::Nothing, RefreshTokenIn::Nothing],
        signs_with_rsa: false,
        access_minutes: 15,
        refresh_days: 14,
    },
    Row {
        scheme: Scheme::PerUser,
        name: "per-user",
        rules: &per_user::PerUser,
        asks: BOTH,
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Nothing],
        signs_with_rsa: true,
        access_minutes: 30,
        refresh_days: 14,
    },
    Row {
        scheme: Scheme::Salted,
        name: "salted",
        rules: &salted::SALTED,
        asks: BOTH,
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Nothing],
        signs_with_rsa: true,
        access_minutes: 60,
        refresh_days: 7,
    },
    Row {
        scheme: Scheme::SingleDevice,
        name: "single-device",
        rules: &salted::SINGLE_DEVICE,
        asks: BOTH,
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Nothing],
        signs_with_rsa: true,
        access_minutes: 60,
        refresh_days: 7,
    },
    Row {
        scheme: Scheme::Rotation,
        name: "rotation",
        rules: &rotation::Rotation,
        asks: REFRESH_TOKEN,
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Body],
        signs_with_rsa: false,
        access_minutes: 15,
        refresh_days: 14,
    },
    Row {
        scheme: Scheme::Cookie,
        name: "cookie",
        // What is in a cookie is `routes`' business.
        rules: &rotation::Rotation,
        asks: Asks {
            grant_type: false,
            refresh_token: false,
            cookies: true,
            ..REFRESH_TOKEN
        },
        gives: [RefreshTokenIn::Cookie, RefreshTokenIn::Cookie],
        signs_with_rsa: false,
        access_minutes: 15,
        refresh_days: 14,
    },
    Row {
        scheme: Scheme::OAuth2,
        name: "oauth2",
        // Its own endpoints, and the same rules.
        rules: &rotation::Rotation,
        asks: REFRESH_TOKEN,
        gives: [RefreshTokenIn::Body, RefreshTokenIn::Body],
        signs_with_rsa: false,
        access_minutes: 15,
        refresh_days: 14,
    },
];

impl Scheme {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.scheme)
    }

    /// As `--scheme` takes it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn rules(self) -> &'static dyn Rules {
        self.row().rules
    }

    pub(crate) fn asks(self) -> Asks {
        self.row().asks
    }

    /// What the answer to a sign-in holds.
    pub(crate) fn sign_in_gives(self) -> RefreshTokenIn {
        self.row().gives[0]
    }

    /// What the answer to a refresh holds.
    pub(crate) fn refresh_gives(self) -> RefreshTokenIn {
        self.row().gives[1]
    }

    pub(crate) fn signs_with_rsa(self) -> bool {
        self.row().signs_with_rsa
    }

    /// The lives of access and refresh tokens when nobody says otherwise.
    pub fn usual_lives(self) -> (Duration, Duration) {
        let row = self.row();
        (
            Duration::from_secs(row.access_minutes * 60),
            Duration::from_secs(row.refresh_days * 24 * 60 * 60),
        )
    }

    /// For the error that says what there is.
    pub(crate) fn names() -> String {
        TABLE.each_ref().map(|row| row.name).join(", ")
    }

    fn row(self) -> &'static Row {
        // In the order of the variants, which a test holds.
        &TABLE[self as usize]
    }
}

impl FromStr for Scheme {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|scheme| scheme.name() == text)
            .ok_or(ConfigError::Scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_row_and_reads_back_from_its_name() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.scheme as usize, place);
            assert_eq!(row.name.parse::<Scheme>().ok(), Some(row.scheme));
        }
        let error = "magic".parse::<Scheme>().unwrap_err().to_string();
        assert!(error.contains("exchange-once, access-only"), "{error}");
    }
}
