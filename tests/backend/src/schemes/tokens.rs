//! What a session's two tokens are to each other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::{Issued, SessionError, Sessions};
use crate::access_token::Claims;
use crate::clock::Millis;
use crate::secret::{Fingerprint, RefreshToken, mark, random_bytes};
use crate::store::UserId;

/// How a scheme makes tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tokens {
    /// The refresh token is random; any access token goes with it.
    Opaque,
    /// Made for each other: see [`Pairs`].
    Pairs,
}

impl Tokens {
    /// New ones, and what the database knows the refresh token by.
    pub(super) fn mint(
        self,
        sessions: &Sessions,
        user: &UserId,
        now: Millis,
    ) -> Result<Minted, SessionError> {
        let expires = now + sessions.terms.refresh_ttl_ms;
        let refresh = match self {
            Self::Opaque => RefreshToken::random(),
            Self::Pairs => Pairs::refresh_token(expires),
        };
        Ok(Minted {
            hash: self.hash(sessions, &refresh),
            access: self.access(sessions, user, &refresh, now)?,
            refresh,
            expires,
        })
    }

    /// The same refresh token, with an access token that lives from now.
    pub(super) fn again(
        self,
        sessions: &Sessions,
        user: &UserId,
        refresh: RefreshToken,
        now: Millis,
    ) -> Result<Issued, SessionError> {
        Ok(Issued::pair(self.access(sessions, user, &refresh, now)?, refresh))
    }

    pub(super) fn hash(self, sessions: &Sessions, refresh: &RefreshToken) -> Fingerprint {
        match self {
            Self::Opaque => refresh.fingerprint(),
            Self::Pairs => sessions.pairs.hash(refresh),
        }
    }

    fn access(
        self,
        sessions: &Sessions,
        user: &UserId,
        refresh: &RefreshToken,
        now: Millis,
    ) -> Result<crate::access_token::AccessToken, SessionError> {
        Ok(match self {
            Self::Opaque => sessions.access.issue(user, now)?,
            Self::Pairs => sessions.access.issue_as(user, sessions.pairs.jti(refresh), now)?,
        })
    }
}

pub(super) struct Minted {
    pub(super) access: crate::access_token::AccessToken,
    pub(super) refresh: RefreshToken,
    pub(super) hash: Fingerprint,
    pub(super) expires: Millis,
}

impl Minted {
    pub(super) fn issued(self) -> Issued {
        Issued::pair(self.access, self.refresh)
    }
}

/// Pairs that only work together. The access token's `jti` is a MAC of the refresh token under the server's key: it
/// salts it. A refresh token beside any other access token is refused before the database is asked, and the database
/// knows the pair by a hash of that MAC. The refresh token says when it expires, so that an old one can be told from
/// one that was exchanged.
pub(crate) struct Pairs {
    key: hmac::Key,
}

impl Pairs {
    /// Under a key derived from the server's own.
    pub(crate) fn new(server_key: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, server_key);
        let derived = hmac::sign(&root, b"tokencast pairs v1");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        }
    }

    fn refresh_token(expires: Millis) -> RefreshToken {
        let body = [&random_bytes::<32>()[..], &expires.to_be_bytes()].concat();
        RefreshToken::presented(format!("{}{}", mark(), URL_SAFE_NO_PAD.encode(body)))
    }

    /// When the refresh token expires; none if it is not of this make. Believe it after [`Self::fits`] only.
    pub(super) fn expires(refresh: &RefreshToken) -> Option<Millis> {
        let text = refresh.expose();
        let body = text.get(text.len().checked_sub(BODY)?..)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        Some(Millis::from_be_bytes(*bytes.last_chunk()?))
    }

    /// Whether the two were made for each other; in constant time.
    pub(super) fn fits(&self, refresh: &RefreshToken, access: &Claims) -> bool {
        let Some(start) = access.jti.len().checked_sub(MAC) else {
            return false;
        };
        let mac = access.jti.get(start..).map(|mac| URL_SAFE_NO_PAD.decode(mac));
        let Some(Ok(mac)) = mac else {
            return false;
        };
        hmac::verify(&self.key, refresh.expose().as_bytes(), &mac).is_ok()
    }

    /// What the database knows the pair by.
    pub(super) fn hash(&self, refresh: &RefreshToken) -> Fingerprint {
        Fingerprint::of(self.mac(refresh).as_bytes())
    }

    /// The same, from the access token.
    pub(super) fn hash_of(access: &Claims) -> Option<Fingerprint> {
        let mac = access.jti.get(access.jti.len().checked_sub(MAC)?..)?;
        Some(Fingerprint::of(mac.as_bytes()))
    }

    fn jti(&self, refresh: &RefreshToken) -> String {
        format!("{}{}", mark(), self.mac(refresh))
    }

    fn mac(&self, refresh: &RefreshToken) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, refresh.expose().as_bytes()))
    }
}

/// 40 bytes in base64url.
const BODY: usize = 54;
/// 32 bytes in base64url.
const MAC: usize = 43;
