//! The server's RSA key. It signs access tokens where they are more than a ticket: in the schemes in which the expired
//! access token names the user at the refresh endpoint. Whoever can only check them (RFC 7517) cannot make one.

use argon2::password_hash::rand_core::OsRng;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::digest;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

/// RSA of 2048 bits, for RS256.
pub(crate) struct SigningKey {
    key: RsaPrivateKey,
    /// PKCS#1.
    der: Vec<u8>,
}

impl SigningKey {
    /// Some tenths of a second of work.
    pub(crate) fn draw() -> Option<Self> {
        Self::of(RsaPrivateKey::new(&mut OsRng, BITS).ok()?)
    }

    /// As [`Self::to_stored`] wrote it.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let der = URL_SAFE_NO_PAD.decode(text).ok()?;
        let key = RsaPrivateKey::from_pkcs1_der(&der).ok()?;
        (key.n().bits() == BITS).then(|| Self::of(key))?
    }

    /// For the database, which is as secret as the key.
    pub(crate) fn to_stored(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.der)
    }

    pub(crate) fn signs(&self) -> EncodingKey {
        EncodingKey::from_rsa_der(&self.der)
    }

    pub(crate) fn checks(&self) -> DecodingKey {
        DecodingKey::from_rsa_raw_components(&self.key.n().to_bytes_be(), &self.key.e().to_bytes_be())
    }

    /// The public half (RFC 7517, RFC 7518 §6.3.1).
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = self.numbers();
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id(), "n": n, "e": e })
    }

    /// The thumbprint (RFC 7638 §3): no server has to remember a name for it.
    pub(crate) fn id(&self) -> String {
        let (n, e) = self.numbers();
        let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()))
    }

    fn numbers(&self) -> (String, String) {
        let encoded = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        (
            encoded(self.key.n().to_bytes_be()),
            encoded(self.key.e().to_bytes_be()),
        )
    }

    fn of(key: RsaPrivateKey) -> Option<Self> {
        let der = key.to_pkcs1_der().ok()?.as_bytes().to_vec();
        Some(Self { key, der })
    }
}

const BITS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_itself_and_shows_its_public_half_only() {
        let key = SigningKey::draw().unwrap();
        let again = SigningKey::from_stored(&key.to_stored()).unwrap();
        assert_eq!(again.jwk(), key.jwk());
        let jwk = key.jwk();
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(
            (jwk["e"].as_str(), jwk["n"].as_str().unwrap().len()),
            (Some("AQAB"), 342)
        );
        for damaged in ["", "AAAA", "%", &key.to_stored()[1..]] {
            assert!(SigningKey::from_stored(damaged).is_none());
        }
    }
}
