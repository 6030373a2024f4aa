//! `/oauth/token` (RFC 6749 §3.2) and `/oauth/revoke` (RFC 7009), for the scheme `oauth2`.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::auth;
use super::body::Form;
use crate::app::App;
use crate::config::{ClientAuthentication, OAuthClient};
use crate::problem::Problem;
use crate::rate_limit::Peer;
use crate::schemes::{RefreshRequest, RevokeRequest};
use crate::secret::{RefreshToken, same};

/// The grants `refresh_token` (RFC 6749 §6) and `password` (§4.3; RFC 9700 §2.4 forbids it to apps, it is here so that
/// tests can sign in without a browser).
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response, Problem> {
    authenticate(&app.oauth_client, &headers, &mut form)?;
    let grant = form.take("grant_type")?;
    check_scope(form.take_optional("scope")?.as_deref())?;
    let answer = match grant.as_str() {
        "refresh_token" => {
            let request = RefreshRequest {
                refresh_token: Some(RefreshToken::presented(form.take("refresh_token")?)),
                idempotency_key: auth::idempotency_key(&app, &headers)?,
                ..RefreshRequest::default()
            };
            auth::renew(app, peer, request).await
        }
        "password" => auth::sign_in(app, peer, form.take("username")?, form.take("password")?).await,
        _ => return Err(Problem::UNSUPPORTED_GRANT),
    };
    answer.map_err(Problem::of_a_grant)
}

/// Success whether or not the token was alive.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response, Problem> {
    authenticate(&app.oauth_client, &headers, &mut form)?;
    let request = RevokeRequest {
        token: Some(RefreshToken::presented(form.take("token")?)),
    };
    auth::end(app, request).await
}

/// There is one scope; asking for it, or for none, gets it (RFC 6749 §3.3).
fn check_scope(scope: Option<&str>) -> Result<(), Problem> {
    let known = |scope: &str| scope.split(' ').all(|one| one == "api");
    match scope {
        Some(scope) if !known(scope) => Err(Problem::INVALID_SCOPE),
        _ => Ok(()),
    }
}

/// RFC 6749 §2.3.1, in the one way that this client was registered with.
fn authenticate(client: &OAuthClient, headers: &HeaderMap, form: &mut Form) -> Result<(), Problem> {
    let in_header = headers.contains_key(header::AUTHORIZATION);
    let id = form.take_optional("client_id")?;
    let secret = form.take_optional("client_secret")?;
    if in_header && secret.is_some() {
        return Err(Problem::INVALID_REQUEST); // §2.3: not more than one method
    }
    let (id, secret) = if in_header {
        let Some((from_header, secret)) = basic(headers) else {
            return Err(Problem::INVALID_CLIENT_BASIC);
        };
        if id.is_some_and(|id| id != from_header) {
            return Err(Problem::INVALID_CLIENT_BASIC);
        }
        (from_header, Some(secret))
    } else {
        (id.unwrap_or_default(), secret)
    };
    let told = match (in_header, secret.is_some()) {
        (true, _) => ClientAuthentication::Basic,
        (false, true) => ClientAuthentication::Post,
        (false, false) => ClientAuthentication::None,
    };
    let right = same(&id, &client.id)
        & same(
            secret.as_deref().unwrap_or_default(),
            client.secret.as_deref().unwrap_or_default(),
        );
    match (told == client.authentication && right, in_header) {
        (true, _) => Ok(()),
        (false, true) => Err(Problem::INVALID_CLIENT_BASIC),
        (false, false) => Err(Problem::INVALID_CLIENT),
    }
}

/// Id and secret, each form-encoded before they were joined by a colon.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

/// A value may hold neither `&` nor `=` in its encoded form.
fn decoded(value: &str) -> Option<String> {
    if value.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(value.as_bytes());
    match (pairs.next(), pairs.next()) {
        (None, _) => Some(String::new()),
        (Some((name, _)), None) => Some(name.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_values_are_form_decoded_each_by_itself() {
        let headers = |credentials: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("Basic {}", STANDARD.encode(credentials));
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            headers
        };
        let read = |credentials: &str| basic(&headers(credentials));
        assert_eq!(
            read("my%3Aapp:s%2Bcr+t%25"),
            Some(("my:app".into(), "s+cr t%".into()))
        );
        assert_eq!(read("app:"), Some(("app".into(), String::new())));
        assert_eq!(read("app"), None);
        assert_eq!(read("a&b:c"), None);
    }
}
