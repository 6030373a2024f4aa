//! Calls with the access token: authorised, a rejected one refreshed and replayed once, redirects followed with
//! the token on its own origin only.

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue, LOCATION, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode, Url};

use super::AuthSession;
use crate::error::{Failure, SessionError};
use crate::token::AccessToken;

const MOST_REDIRECTS: usize = 10;

/// Why a call has no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no access token for it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The call itself failed. The error holds no URL.
    #[error("the call failed")]
    Http(#[source] reqwest::Error),
    /// More than 10 redirects.
    #[error("the server redirects without end")]
    TooManyRedirects,
}

impl AuthSession {
    /// Sends a request with the access token (RFC 6750 §2.1) to one of the profile's resource origins. A rejected
    /// token is refreshed and the request replayed once, if its body is no stream.
    ///
    /// The request goes out on a connection of the session's own, which follows same-origin redirects with the
    /// token and others without it. A caller's own `Authorization` header is left as it is, and then nothing is
    /// refreshed.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let request = request
            .build()
            .map_err(|error| SendError::Http(error.without_url()))?;
        if !self.profile().may_send_to(request.url()) {
            let origin = request.url().origin().ascii_serialization();
            return Err(SessionError::from(Failure::misconfigured(
                format!("no access token is sent to {origin}"),
                "add it to the profile's `resource_origins`, or call it without the session",
            ))
            .into());
        }
        if request.headers().contains_key(AUTHORIZATION) {
            return self.follow(request, None).await;
        }
        let token = self.access_token().await?;
        let (origin, replay) = (request.url().origin(), request.try_clone());
        let response = self.follow(request, Some(&token)).await?;
        let Some(replay) = replay.filter(|_| self.rejects(&response) && response.url().origin() == origin)
        else {
            return Ok(response);
        };
        drop(response);
        let token = self.rejected(token.generation()).await?;
        self.follow(replay, Some(&token)).await
    }

    /// Whether the response says that the token was not accepted, and not something else.
    fn rejects(&self, response: &Response) -> bool {
        let status = response.status().as_u16();
        let challenge = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        self.profile().rejects(status, challenge)
    }

    async fn follow(&self, mut request: Request, token: Option<&AccessToken>) -> Result<Response, SendError> {
        let client = self.0.core.resources.resource_client().map_err(|error| {
            SessionError::from(Failure::misconfigured(
                error.to_string(),
                "check the platform's trust store",
            ))
        })?;
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        }
        for _ in 0..=MOST_REDIRECTS {
            let next = request.try_clone();
            let from = request.url().clone();
            let response = client
                .execute(request)
                .await
                .map_err(|error| SendError::Http(error.without_url()))?;
            let Some(target) = redirect_target(&response, &from) else {
                return Ok(response);
            };
            let Some(next) = next else { return Ok(response) };
            request = redirected(next, response.status(), target);
        }
        Err(SendError::TooManyRedirects)
    }
}

fn bearer(token: &AccessToken) -> Result<HeaderValue, SendError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", token.secret()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        SessionError::from(Failure::misconfigured(
            "the access token is no header value",
            "look at the server",
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn redirect_target(response: &Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    from.join(location)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The request that a redirect asks for (RFC 9110 §15.4), without credentials when it leaves the origin.
fn redirected(mut next: Request, status: StatusCode, target: Url) -> Request {
    if target.origin() != next.url().origin() {
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            next.headers_mut().remove(name);
        }
    }
    let becomes_get = status == StatusCode::SEE_OTHER
        || (matches!(status.as_u16(), 301 | 302) && next.method() == Method::POST);
    if becomes_get && next.method() != Method::HEAD {
        *next.method_mut() = Method::GET;
        *next.body_mut() = None;
        next.headers_mut().remove(reqwest::header::CONTENT_TYPE);
        next.headers_mut().remove(reqwest::header::CONTENT_LENGTH);
    }
    *next.url_mut() = target;
    next
}
