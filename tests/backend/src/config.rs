//! What a backend is started with.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::schemes::Scheme;

/// How to run a [`Backend`](crate::Backend). Start from [`Config::default`] or [`Config::for_tests`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose. Without TLS only a loopback address is accepted.
    pub listen: SocketAddr,
    /// Where users, sessions and the signing key live.
    pub database: Database,
    /// How a session is kept alive.
    pub scheme: Scheme,
    /// Life of an access token: whole seconds, at least one.
    pub access_ttl: Duration,
    /// Life of a refresh token, counted anew at every exchange: whole seconds, at least one.
    pub refresh_ttl: Duration,
    /// How long a refresh token that was exchanged *without* an `Idempotency-Key` may be exchanged once more
    /// (RFC 9700 §4.14.2 leaves this to the server; others call it leeway or grace). Zero: reuse at once.
    pub reuse_leeway: Duration,
    /// Whether `Idempotency-Key` is honoured. Off, the header is ignored: plain rotation.
    pub idempotency: bool,
    /// How long a late repeat of an exchange is told `superseded` instead of being taken for reuse, counted from
    /// the first exchange of its successor.
    pub late_window: Duration,
    /// How long after its end an access token may be renewed (scheme `access-only`).
    pub renew_window: Duration,
    /// Whether `/test/*` exists.
    pub test_faults: bool,
    /// Pages of these origins may call the backend from a browser.
    pub cors_origins: Vec<Origin>,
    /// How many sign-ins of one user, and how many refreshes with one token, are answered within a minute; of one
    /// address twenty times as many. None: no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// The client of the scheme `oauth2`.
    pub oauth_client: OAuthClient,
    /// Users that exist from the start; a user who exists already gets the given password.
    pub users: Vec<NewUser>,
    /// How much work a password hash is.
    pub password_cost: PasswordCost,
    /// http, or https with a test authority.
    pub tls: Tls,
}

impl Default for Config {
    /// Loopback, a free port, a temporary database, the demo user `ada`; access tokens of 15 minutes and
    /// refresh tokens of 14 days.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: Database::Temporary,
            scheme: Scheme::Rotation,
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(14 * 24 * 60 * 60),
            reuse_leeway: Duration::ZERO,
            idempotency: true,
            late_window: Duration::from_secs(120),
            renew_window: Duration::from_secs(7 * 24 * 60 * 60),
            test_faults: false,
            cors_origins: Vec::new(),
            rate_limit: NonZeroU32::new(120),
            oauth_client: OAuthClient::public("app"),
            users: vec![NewUser::new("ada", "lovelace")],
            password_cost: PasswordCost::Recommended,
            tls: Tls::Off,
        }
    }
}

impl Config {
    /// The default with the fault switches on, cheap password hashes and no rate limit.
    pub fn for_tests() -> Self {
        Self {
            test_faults: true,
            rate_limit: None,
            password_cost: PasswordCost::Minimal,
            ..Self::default()
        }
    }

    /// Another scheme, with the lifetimes that are usual for it.
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        let (access_ttl, refresh_ttl) = scheme.usual_lives();
        Self {
            scheme,
            access_ttl,
            refresh_ttl,
            ..self
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        for (what, ttl) in [("access_ttl", self.access_ttl), ("refresh_ttl", self.refresh_ttl)] {
            let whole_seconds = ttl.subsec_nanos() == 0;
            if !whole_seconds || ttl.is_zero() || ttl > MAX_TTL {
                return Err(ConfigError::Ttl { what });
            }
        }
        let windows = [self.reuse_leeway, self.late_window, self.renew_window];
        if windows.iter().any(|window| *window > MAX_TTL) {
            return Err(ConfigError::Ttl {
                what: "reuse_leeway, late_window or renew_window",
            });
        }
        if self.tls == Tls::Off && !self.listen.ip().is_loopback() {
            return Err(ConfigError::PlainHttp { listen: self.listen });
        }
        Ok(())
    }
}

/// A hundred years: far enough for anybody, and no sum with it overflows.
const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Where the data lives.
#[derive(Clone)]
pub enum Database {
    /// SQLite in a temporary folder that goes with the backend.
    Temporary,
    /// A database URL: `sqlite:///path/to/file.db` (created when missing), or
    /// `postgres://user:password@host:port/name` (the tables are created when missing; several backends may share it).
    Url(String),
}

/// The URL may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Temporary => f.write_str("Temporary"),
            Self::Url(_) => f.write_str("Url([redacted])"),
        }
    }
}

/// A user to create at the start. `Debug` shows no password.
#[derive(Clone)]
pub struct NewUser {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl NewUser {
    /// A user who signs in with this name and password.
    pub fn new(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            password: password.into(),
        }
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("password", &"[redacted]")
            .finish()
    }
}

/// `name:password`, as the command line gives it; the password may hold further colons.
impl FromStr for NewUser {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Self::new(name, password))
            }
            _ => Err(ConfigError::User),
        }
    }
}

/// The one client that the token endpoint knows (RFC 6749 §2). `Debug` shows no secret.
#[derive(Clone)]
pub struct OAuthClient {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) authentication: ClientAuthentication,
}

impl OAuthClient {
    /// A client that can keep no secret: an app.
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
            authentication: ClientAuthentication::None,
        }
    }

    /// A client that sends its secret in the body.
    pub fn post(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: Some(secret.into()),
            authentication: ClientAuthentication::Post,
        }
    }

    /// A client that sends its secret in the `Authorization` header.
    pub fn basic(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            authentication: ClientAuthentication::Basic,
            ..Self::post(id, secret)
        }
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient")
            .field("id", &self.id)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}

/// How a client shows who it is (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_id` in the body, no secret.
    None,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// Both in the `Authorization` header, form-encoded.
    Basic,
}

/// How much work a password hash is (argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCost {
    /// The argon2 crate's default, which follows OWASP: 19 MiB, two passes.
    Recommended,
    /// As little as the algorithm allows: for tests that sign in thousands of times.
    Minimal,
}

/// http or https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain http, accepted on loopback only.
    Off,
    /// https with a certificate for `localhost`, `127.0.0.1` and `::1`, signed by a fresh test authority.
    TestAuthority,
    /// As `TestAuthority`, but the certificate names `wrong.example` only.
    WrongName,
}

/// The origin of a page: scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    pub(crate) fn matches(&self, header: &[u8]) -> bool {
        self.0.as_bytes() == header
    }
}

impl FromStr for Origin {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| ConfigError::Origin)?;
        let origin = url.origin().ascii_serialization();
        let nothing_else = text.trim_end_matches('/') == origin;
        if !matches!(url.scheme(), "http" | "https") || !nothing_else {
            return Err(ConfigError::Origin);
        }
        Ok(Self(origin))
    }
}

/// A configuration that cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A lifetime that is no number of whole seconds, zero, or above a hundred years.
    #[error("{what} must be a whole number of seconds, at least one and at most a hundred years")]
    Ttl {
        /// The field.
        what: &'static str,
    },
    /// Plain http on an address that others can reach.
    #[error(
        "plain http is accepted on a loopback address only, not on {listen}: choose 127.0.0.1 or turn TLS on"
    )]
    PlainHttp {
        /// The address.
        listen: SocketAddr,
    },
    /// Not `name:password`.
    #[error("a user is given as name:password, both not empty")]
    User,
    /// A client that authenticates has a secret, and one that does not has none.
    #[error("a client secret belongs to client authentication post or basic, and to those always")]
    Client,
    /// Not an origin.
    #[error("an origin is http(s)://host[:port] in its canonical form, without path, query or user")]
    Origin,
    /// A scheme of another name.
    #[error("unknown scheme: there are {}", Scheme::names())]
    Scheme,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_only() {
        for good in ["http://127.0.0.1:8080", "https://app.example", "http://[::1]:1"] {
            assert!(good.parse::<Origin>().unwrap().matches(good.as_bytes()), "{good}");
        }
        for bad in [
            "null",
            "*",
            "",
            "http://a/b",
            "http://u@a",
            "file:///x",
            "https://A.example",
            "http://a:80",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_is_name_colon_password_and_debug_hides_the_password() {
        let user: NewUser = "ada:love:lace".parse().unwrap();
        assert_eq!((user.name.as_str(), user.password.as_str()), ("ada", "love:lace"));
        assert!(!format!("{user:?}").contains("love"));
        for bad in ["ada", ":x", "ada:", ""] {
            assert!(bad.parse::<NewUser>().is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        let open = SocketAddr::from(([0, 0, 0, 0], 0));
        assert!(matches!(
            Config {
                listen: open,
                ..Config::default()
            }
            .validate(),
            Err(ConfigError::PlainHttp { .. })
        ));
        assert!(
            Config {
                listen: open,
                tls: Tls::TestAuthority,
                ..Config::default()
            }
            .validate()
            .is_ok()
        );
        assert!(
            Config {
                listen: SocketAddr::from(([127, 9, 9, 9], 0)),
                ..Config::default()
            }
            .validate()
            .is_ok()
        );
    }

    #[test]
    fn lifetimes_are_whole_seconds_within_reason() {
        for ttl in [Duration::ZERO, Duration::from_millis(1500), Duration::MAX] {
            assert!(
                Config {
                    access_ttl: ttl,
                    ..Config::default()
                }
                .validate()
                .is_err(),
                "{ttl:?}"
            );
            assert!(
                Config {
                    refresh_ttl: ttl,
                    ..Config::default()
                }
                .validate()
                .is_err(),
                "{ttl:?}"
            );
        }
        assert!(
            Config {
                late_window: Duration::MAX,
                ..Config::default()
            }
            .validate()
            .is_err()
        );
    }
}
