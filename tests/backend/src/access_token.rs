//! Access tokens: signed, short-lived, and without personal data.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::secret::marked_text;
use crate::signing_key::SigningKey;
use crate::store::UserId;

/// Makes and checks access tokens (RFC 7519) under the server's own key. One algorithm is accepted, the one it signs
/// with, whatever a token's header asks for (RFC 8725 §3.1).
#[derive(Clone)]
pub(crate) struct AccessTokens {
    header: Header,
    sign: EncodingKey,
    verify: DecodingKey,
    /// The public keys by which others may check.
    published: Value,
    ttl_secs: u64,
}

impl AccessTokens {
    /// HS256: only this server can check them.
    pub(crate) fn hs256(key: &[u8], ttl_secs: u64) -> Self {
        Self {
            header: Header::new(Algorithm::HS256),
            sign: EncodingKey::from_secret(key),
            verify: DecodingKey::from_secret(key),
            published: json!({ "keys": [] }),
            ttl_secs,
        }
    }

    /// RS256: whoever has the public key can check them.
    pub(crate) fn rs256(key: &SigningKey, ttl_secs: u64) -> Self {
        Self {
            header: Header {
                kid: Some(key.id()),
                ..Header::new(Algorithm::RS256)
            },
            sign: key.signs(),
            verify: key.checks(),
            published: json!({ "keys": [key.jwk()] }),
            ttl_secs,
        }
    }

    /// A JWK set (RFC 7517 §5).
    pub(crate) fn published(&self) -> &Value {
        &self.published
    }

    pub(crate) fn issue(
        &self,
        user: &UserId,
        now: Millis,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.issue_as(user, marked_text::<16>(), now)
    }

    /// With an id that somebody else chose.
    pub(crate) fn issue_as(
        &self,
        user: &UserId,
        jti: String,
        now: Millis,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        // Rounded up: a token never lives shorter than `expires_in` says.
        let issued = u64::try_from(now).unwrap_or(0).div_ceil(1000);
        let claims = Claims {
            sub: user.0.clone(),
            iat: issued,
            exp: issued.saturating_add(self.ttl_secs),
            jti,
            kind: KIND.to_owned(),
        };
        let text = jsonwebtoken::encode(&self.header, &claims, &self.sign)?;
        Ok(AccessToken {
            text,
            instance: claims.instance(),
            expires_in: self.ttl_secs,
        })
    }

    /// The claims of a genuine token that has not expired. Nobody is told what exactly is wrong with one.
    pub(crate) fn check(&self, token: &str, now: Millis) -> Option<Claims> {
        self.genuine(token).filter(|claims| now < claims.ends())
    }

    /// The claims of a token that this server signed, whether or not it has expired.
    pub(crate) fn genuine(&self, token: &str) -> Option<Claims> {
        let mut rules = Validation::new(self.header.alg);
        // Expiry goes by the server's own clock, which tests can move, and without leeway.
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify, &rules)
            .ok()?
            .claims;
        (claims.kind == KIND).then_some(claims)
    }
}

const KIND: &str = "access";

/// A new access token.
pub(crate) struct AccessToken {
    pub(crate) text: String,
    /// As [`Claims::instance`] says.
    pub(crate) instance: String,
    /// Seconds from now.
    pub(crate) expires_in: u64,
}

/// Exactly these: whoever sees a token learns nothing about the person.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    iat: u64,
    exp: u64,
    pub(crate) jti: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Claims {
    /// The first moment at which the token is no longer accepted.
    pub(crate) fn ends(&self) -> Millis {
        Millis::try_from(self.exp)
            .unwrap_or(Millis::MAX)
            .saturating_mul(1000)
    }

    /// This very token: a repeated exchange gives another one of the same `jti`.
    pub(crate) fn instance(&self) -> String {
        format!("{} {}", self.jti, self.iat)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const NOW: Millis = 1_700_000_000_500;

    fn tokens() -> AccessTokens {
        AccessTokens::hs256(&[7; 32], 60)
    }

    fn issue() -> AccessToken {
        tokens().issue(&UserId("u1".into()), NOW).unwrap()
    }

    #[test]
    fn an_access_token_holds_exactly_sub_iat_exp_jti_and_type() {
        let token = issue();
        let payload = token.text.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        let mut names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["exp", "iat", "jti", "sub", "type"]);
        assert_eq!(claims["type"], "access");
    }

    #[test]
    fn an_access_token_lives_at_least_as_long_as_it_says_and_not_a_second_longer() {
        let token = issue();
        assert!(tokens().check(&token.text, NOW + 60_000 - 1).is_some());
        assert!(tokens().check(&token.text, NOW + 61_000).is_none());
    }

    #[test]
    fn a_forged_token_is_refused() {
        let genuine = issue().text;
        let (head, rest) = genuine.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
        let hs512 = URL_SAFE_NO_PAD.encode(json!({"alg": "HS512", "typ": "JWT"}).to_string());
        let other_key = AccessTokens::hs256(&[8; 32], 60)
            .issue(&UserId("u1".into()), NOW)
            .unwrap()
            .text;
        for forged in [
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{hs512}.{payload}.{signature}"),
            format!("{head}.{payload}."),
            format!(
                "{head}.{}.{signature}",
                URL_SAFE_NO_PAD.encode(r#"{"sub":"root"}"#)
            ),
            other_key,
            String::new(),
            "..".into(),
            "a\0b".into(),
        ] {
            assert!(tokens().check(&forged, NOW).is_none());
        }
        assert!(tokens().check(&genuine, NOW).is_some());
    }

    /// RFC 8725 §2.1: who has the public key must not be able to sign by calling it a shared secret.
    #[test]
    fn an_rs256_server_takes_no_other_algorithm_and_its_public_key_is_no_secret() {
        let key = SigningKey::draw().unwrap();
        let tokens = AccessTokens::rs256(&key, 60);
        let genuine = tokens.issue(&UserId("u1".into()), NOW).unwrap().text;
        assert!(tokens.check(&genuine, NOW).is_some());
        let (_, rest) = genuine.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();

        let (n, e) = (key.jwk()["n"].clone(), key.jwk()["e"].clone());
        let raw = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
        let secrets = [
            raw(&n),
            [raw(&n), raw(&e)].concat(),
            n.as_str().unwrap().as_bytes().to_vec(),
            key.jwk().to_string().into_bytes(),
            tokens.published().to_string().into_bytes(),
            Vec::new(),
        ];
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            for secret in &secrets {
                let header = Header {
                    kid: Some(key.id()),
                    ..Header::new(algorithm)
                };
                let forged =
                    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
                assert!(tokens.genuine(&forged).is_none());
            }
        }
        for algorithm in ["none", "None", "HS256", "PS256", "RS512", "ES256"] {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm, "typ": "JWT" }).to_string());
            assert!(
                tokens
                    .genuine(&format!("{header}.{payload}.{signature}"))
                    .is_none()
            );
            assert!(tokens.genuine(&format!("{header}.{payload}.")).is_none());
        }
        let another = AccessTokens::rs256(&SigningKey::draw().unwrap(), 60);
        assert!(another.genuine(&genuine).is_none());
        // And the other way round: what an RS256 server signed is nothing to one of HS256.
        assert!(AccessTokens::hs256(&raw(&n), 60).genuine(&genuine).is_none());
    }
}
