//! Unverified JWT claims (RFC 7519 §4.1): a hint for an access token's life and nothing else. The core never
//! checks a signature of an access token; that is the resource server's.

use std::time::Duration;

use serde::Deserialize;

use crate::token::Secret;

#[derive(Deserialize)]
struct Lifetime {
    exp: f64,
    iat: f64,
}

/// `exp - iat`, when the token is a JWT that has both. Never an error: an opaque token has no claims.
pub(crate) fn lifetime(access_token: &Secret) -> Option<Duration> {
    let claims: Lifetime = jsonwebtoken::dangerous::insecure_decode_claims(access_token.expose()).ok()?;
    Duration::try_from_secs_f64(claims.exp - claims.iat).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn jwt(claims: &str) -> Secret {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        Secret::new(format!(
            "{}.{}.{}",
            part(r#"{"alg":"HS256","typ":"JWT"}"#),
            part(claims),
            part("signature")
        ))
    }

    #[test]
    fn the_life_is_the_difference_of_two_claims() {
        assert_eq!(
            lifetime(&jwt(r#"{"exp": 1060, "iat": 1000}"#)),
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn whatever_is_not_a_jwt_with_both_claims_has_no_life() {
        for text in ["", "opaque", "a.b.c", "...", "\0", "eyJ.eyJ.x"] {
            assert_eq!(lifetime(&Secret::new(text)), None, "{text:?}");
        }
        for claims in [
            r#"{"exp": 1}"#,
            r#"{"exp": 1, "iat": 2}"#,
            r#"{"exp": 1e300, "iat": 0}"#,
            "[]",
            r#"{"exp":"9","iat":1}"#,
        ] {
            assert_eq!(lifetime(&jwt(claims)), None, "{claims}");
        }
    }
}
