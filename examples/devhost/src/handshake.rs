//! Who is let in: everything is judged before the connection becomes a WebSocket.

use std::sync::PoisonError;

use tokencast::pages::Origin;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
};

use crate::Shared;

/// The one path.
pub(crate) const PATH: &str = "/bridge";

const PROTOCOL: &str = "tokencast.1";
const KEY: &str = "key.";

/// Judges the opening request; on success the page's origin.
pub(crate) fn admit(shared: &Shared, request: &Request) -> Result<Origin, Refusal> {
    let headers = request.headers();
    // First the name by which it was called: a page that rebound its own name to loopback learns nothing more.
    if only(headers, HOST).is_none_or(|host| host != shared.address.to_string()) {
        return Err(Refusal::NotThisHost);
    }
    if request.uri().path() != PATH || request.uri().query().is_some() {
        return Err(Refusal::NoSuchPath);
    }
    let origin = only(headers, ORIGIN).and_then(|origin| Origin::parse(origin).ok());
    let origin = origin
        .filter(|origin| shared.policy.accepts(origin))
        .ok_or(Refusal::Forbidden)?;
    let mut offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered: Option<Vec<_>> = offered.by_ref().map(|value| value.to_str().ok()).collect();
    let offered = offered.ok_or(Refusal::NoProtocol)?.join(",");
    let mut offered = offered.split(',').map(str::trim);
    if !offered.clone().any(|protocol| protocol == PROTOCOL) {
        return Err(Refusal::NoProtocol);
    }
    let key = offered
        .find_map(|protocol| protocol.strip_prefix(KEY))
        .ok_or(Refusal::Forbidden)?;
    let mut keys = shared.keys.lock().unwrap_or_else(PoisonError::into_inner);
    if keys.redeem(key, &origin, Instant::now()) {
        Ok(origin)
    } else {
        Err(Refusal::Forbidden)
    }
}

/// The answer to a request that is let in: the key is never sent back.
pub(crate) fn welcome(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    response
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its `Host` is not this host's address (RFC 9110 §15.5.20).
    NotThisHost,
    /// It asks for another path.
    NoSuchPath,
    /// It does not speak `tokencast.1`.
    NoProtocol,
    /// Its origin or its key is wrong; which one is not told.
    Forbidden,
}

impl Refusal {
    pub(crate) fn response(self) -> ErrorResponse {
        let (status, text) = match self {
            Self::NotThisHost => (StatusCode::MISDIRECTED_REQUEST, "not this host\n"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no such path\n"),
            Self::NoProtocol => (StatusCode::BAD_REQUEST, "no such protocol\n"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden\n"),
        };
        let mut response = ErrorResponse::new(Some(text.to_owned()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("connection", HeaderValue::from_static("close"));
        response
    }
}

/// A header that is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
