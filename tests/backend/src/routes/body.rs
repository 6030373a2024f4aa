//! Request bodies, bounded in size and time, parsed strictly.

use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::problem::Problem;

/// The fields of an `application/x-www-form-urlencoded` body (RFC 6749 appendix B).
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The same fields in the address.
    pub(super) fn of_query(query: &str) -> Self {
        Self::parse(query.as_bytes())
    }

    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A field that must be there once and not empty.
    pub(super) fn take(&mut self, name: &str) -> Result<String, Problem> {
        self.take_optional(name)?
            .filter(|value| !value.is_empty())
            .ok_or(Problem::INVALID_REQUEST)
    }

    /// A field that may be missing; RFC 6749 §3.2 forbids to repeat one.
    pub(super) fn take_optional(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(position) = self.0.iter().position(|(field, _)| field == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.swap_remove(position);
        // The parser replaces what is not UTF-8; a NUL is in no name, password or token. Fields that nobody asks for may
        // hold anything: they are ignored, as RFC 6749 §3.2 has it.
        let spoilt = value.contains(['\0', char::REPLACEMENT_CHARACTER]);
        if spoilt || self.0.iter().any(|(field, _)| field == name) {
            return Err(Problem::INVALID_REQUEST);
        }
        Ok(Some(value))
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Problem::FORM_EXPECTED);
        }
        let bytes = read(request, 64 << 10).await?;
        Ok(Self::parse(&bytes))
    }
}

/// A JSON body of at most `LIMIT` bytes.
pub(crate) struct JsonBody<T, const LIMIT: usize>(pub(super) T);

impl<S: Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for JsonBody<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/json") {
            return Err(Problem::JSON_EXPECTED);
        }
        let bytes = read(request, LIMIT).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|_| Problem::INVALID_JSON)
    }
}

/// Without parameters such as the charset.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(Duration::from_secs(30), to_bytes(request.into_body(), limit)).await {
        Err(_) => Err(Problem::BODY_TOO_SLOW),
        // The other cause is a client that left: nobody reads that answer.
        Ok(Err(_)) => Err(Problem::BODY_TOO_LARGE),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}
