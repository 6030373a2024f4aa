//! The secrets of the wire as types: none of them can be printed.

use std::fmt;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq as _;

/// What every token of this server begins with: `TOKENCAST_TOKEN_MARK`, or nothing. A search of everything that was
/// said during a run of tests looks for it. Alphanumeric, so that it reads the same in a form and in JSON.
pub(crate) fn mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        std::env::var("TOKENCAST_TOKEN_MARK")
            .ok()
            .filter(|mark| mark.len() <= 64 && mark.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .unwrap_or_default()
    })
}

/// The mark, then `N` random bytes in base64url.
pub(crate) fn marked_text<const N: usize>() -> String {
    format!("{}{}", mark(), random_text::<N>())
}

/// An opaque refresh token: 256 random bits. The database only ever sees its [`Fingerprint`].
pub(crate) struct RefreshToken(String);

impl RefreshToken {
    pub(crate) fn random() -> Self {
        Self(marked_text::<32>())
    }

    pub(crate) fn presented(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.as_bytes())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken([redacted])")
    }
}

/// An access token as a client sent it, to be checked.
pub(crate) struct PresentedAccessToken(String);

impl PresentedAccessToken {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresentedAccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedAccessToken([redacted])")
    }
}

/// The cookies of a request.
#[derive(Default)]
pub(crate) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// The pairs of a `Cookie` header (RFC 6265 §4.2.1); what is no pair is passed over.
    pub(crate) fn parse(header: &str) -> Self {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The cookie's value when it is there once. Twice means that two paths set it: nobody's.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(cookie, _)| cookie == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies([redacted])")
    }
}

/// The client's `Idempotency-Key`: whoever knows it and the token may repeat the exchange, so it is a secret too.
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Visible ASCII, 1 to 255 characters; anything else is nobody's key.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let fits = (1..=255).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        fits.then(|| Self(String::from_utf8_lossy(value).into_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.as_bytes())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey([redacted])")
    }
}

/// SHA-256 of a secret, in base64url: what the database keeps and finds it by. A lookup by fingerprint needs no
/// constant-time comparison: what timing could reveal is a hash of 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret)))
    }

    /// As the database gave it.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough to follow one token through the audit log, and no more.
    pub(crate) fn prefix(&self) -> &str {
        self.0.get(..8).unwrap_or_default()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({}…)", self.prefix())
    }
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// `N` random bytes.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // A system without random numbers can run no server at all: ring documents no other cause.
    #[allow(clippy::expect_used)]
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system's random source answers");
    bytes
}

/// `N` random bytes in base64url.
pub(crate) fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let token = RefreshToken::random();
        let key = IdempotencyKey::parse(b"0123456789abcdef").unwrap();
        assert!(!format!("{token:?}").contains(token.expose()));
        assert!(!format!("{key:?}").contains(key.expose()));
        assert!(!format!("{:?}", token.fingerprint()).contains(token.fingerprint().as_str()));
    }

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length() {
        assert!(IdempotencyKey::parse(&[b'k'; 255]).is_some());
        for bad in [&b""[..], &[b'k'; 256], b"a b", b"a\0b", b"\xc3\xa9", b"a\tb"] {
            assert!(IdempotencyKey::parse(bad).is_none());
        }
    }
}
