use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::random::{NoRandomness, Random};

/// What a user gives to sign in: named fields for the profile's sign-in request.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    account: Option<String>,
    fields: BTreeMap<String, Secret>,
}

impl Credentials {
    /// A user name and a password, in the fields `username` and `password`.
    pub fn password(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        let username = username.into();
        Self {
            account: Some(username.clone()),
            fields: BTreeMap::new(),
        }
        .field("username", username)
        .field("password", password)
    }

    /// No fields yet: for servers that want other names, codes or assertions.
    pub fn fields() -> Self {
        Self {
            account: None,
            fields: BTreeMap::new(),
        }
    }

    /// Adds or replaces one field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// The account's name as the app shows it; kept in the record, never sent on its own.
    #[must_use]
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.account = Some(name.into());
        self
    }

    pub(crate) fn account_name(&self) -> Option<&str> {
        self.account.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("fields", &self.fields.keys())
            .finish_non_exhaustive()
    }
}

/// Tokens that the app got on its own (a web sign-in, a migration) and hands over for good with `adopt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSet {
    pub(crate) access_token: Option<Secret>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) cookies: Option<Secret>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) account: Option<String>,
}

impl TokenSet {
    /// A refresh token alone: the first access token is then bought with it.
    pub fn refresh_token(token: impl Into<Secret>) -> Self {
        Self {
            refresh_token: Some(token.into()),
            ..Self::nothing()
        }
    }

    /// The session's cookies alone, written as a `Cookie` header has them: `refresh=…; csrf=…`.
    pub fn cookies(cookies: impl Into<Secret>) -> Self {
        Self {
            cookies: Some(cookies.into()),
            ..Self::nothing()
        }
    }

    /// An access token alone, for a server that renews by it.
    pub fn only_access_token(token: impl Into<Secret>) -> Self {
        Self::nothing().access_token(token)
    }

    fn nothing() -> Self {
        Self {
            access_token: None,
            refresh_token: None,
            cookies: None,
            expires_in: None,
            account: None,
        }
    }

    /// Adds the access token that came with it. Its life is read from `expires_in`, else from its JWT claims,
    /// else the profile's default holds.
    #[must_use]
    pub fn access_token(mut self, token: impl Into<Secret>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// What is left of the access token's life.
    #[must_use]
    pub fn expires_in(mut self, life: Duration) -> Self {
        self.expires_in = Some(life);
        self
    }

    /// The account's name as the app shows it.
    #[must_use]
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.account = Some(name.into());
        self
    }
}

/// The tokens of one generation as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Buys the next access token (RFC 6749 §1.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Kept only where a refresh presents it or the builder asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// The session's cookies, `name=value; name2=value2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Secret>,
}

impl Credential {
    /// What a refresh presents: the refresh token, else the cookies, else the access token. An access token that is
    /// stored beside cookies is not what the session lives by.
    pub fn presented(&self) -> Option<&Secret> {
        self.refresh_token
            .as_ref()
            .or(self.cookie.as_ref())
            .or(self.access_token.as_ref())
    }

    /// The hash under which two records are told apart.
    pub fn hash(&self) -> CredentialHash {
        CredentialHash::of(self.presented())
    }
}

/// SHA-256 of the credential that a refresh presents.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CredentialHash([u8; 32]);

impl CredentialHash {
    pub(crate) fn of(presented: Option<&Secret>) -> Self {
        Self::of_text(presented.map_or("", Secret::expose))
    }

    pub(crate) fn of_text(text: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for CredentialHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A prefix tells two apart in a log and gives nothing to try tokens against.
        write!(f, "{}…", hex(&self.0[..4]))
    }
}

impl From<CredentialHash> for String {
    fn from(hash: CredentialHash) -> String {
        hex(&hash.0)
    }
}

impl TryFrom<String> for CredentialHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err("a credential hash has 64 hexadecimal digits");
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| "not ASCII")?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| "not hexadecimal")?;
        }
        Ok(Self(bytes))
    }
}

/// The idempotency key of one stored credential: random, drawn anew at every commit, sent with each request
/// that presents the credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptKey(Secret);

impl AttemptKey {
    /// Draws 128 random bits. Never derived from the token: a thief's copy would rotate on undetected.
    pub fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let [key] = Self::draw_many(random)?;
        Ok(key)
    }

    /// All in one draw: each key or none.
    pub(crate) fn draw_many<const N: usize>(random: &dyn Random) -> Result<[Self; N], NoRandomness> {
        let mut bytes = [[0; 16]; N];
        random.fill(bytes.as_flattened_mut())?;
        Ok(bytes.map(|bytes| Self(Secret::new(hex(&bytes)))))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresh_token_is_presented_before_cookies_and_those_before_the_access_token() {
        let both = Credential {
            refresh_token: Some("r".into()),
            access_token: Some("a".into()),
            cookie: Some("c".into()),
        };
        assert_eq!(both.presented(), Some(&Secret::new("r")));
        let cookies = Credential {
            refresh_token: None,
            ..both
        };
        assert_eq!(cookies.presented(), Some(&Secret::new("c")));
        let access = Credential {
            cookie: None,
            ..cookies
        };
        assert_eq!(access.presented(), Some(&Secret::new("a")));
        assert_ne!(access.hash(), Credential::default().hash());
    }

    #[test]
    fn a_hash_survives_its_text_form() {
        let hash = CredentialHash::of(Some(&"token".into()));
        let text = String::from(hash);
        assert_eq!(CredentialHash::try_from(text), Ok(hash));
        assert!(CredentialHash::try_from("é".repeat(32)).is_err());
    }

    #[test]
    fn nothing_of_a_credential_is_printed() {
        let tokens = TokenSet::refresh_token("r3fr3sh").access_token("acc3ss");
        let given = Credentials::password("ada", "passw0rd");
        let text = format!("{tokens:?} {given:?}");
        assert!(
            !text.contains("r3fr3sh") && !text.contains("acc3ss") && !text.contains("passw0rd"),
            "{text}"
        );
    }
}
