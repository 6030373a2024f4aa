//! Errors on the wire: a status, a stable code, a sentence for people. Never a cause, a stack or a token.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    description: &'static str,
    retry_after: Option<u64>,
    /// `WWW-Authenticate`.
    challenge: Option<&'static str>,
}

impl Problem {
    pub(crate) const INVALID_REQUEST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "A parameter is missing, repeated or malformed.",
    );
    pub(crate) const INVALID_JSON: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "invalid_json",
        "The body is not the JSON this endpoint takes.",
    );
    pub(crate) const UNSUPPORTED_GRANT: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "unsupported_grant_type",
        "This grant_type is not offered here.",
    );
    pub(crate) const FORM_EXPECTED: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body must be application/x-www-form-urlencoded.",
    );
    pub(crate) const JSON_EXPECTED: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body must be application/json.",
    );
    pub(crate) const BODY_TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is larger than this endpoint takes.",
    );
    pub(crate) const BODY_TOO_SLOW: Self = Self::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The body did not arrive in time.",
    );
    pub(crate) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.");
    pub(crate) const METHOD: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This endpoint does not take this method.",
    );
    pub(crate) const INTERNAL: Self = Self::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The server failed; nothing is known to have changed.",
    );
    pub(crate) const UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "The database does not answer.",
    );

    pub(crate) const RATE_LIMITED: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests; nothing was changed.",
    );
    pub(crate) const INVALID_SCOPE: Self =
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", "The only scope is api.");
    pub(crate) const INVALID_CLIENT: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "The client is unknown or authenticated in a way it was not registered with.",
    );
    /// To a client that tried by the `Authorization` header (RFC 6749 §5.2).
    pub(crate) const INVALID_CLIENT_BASIC: Self = Self {
        challenge: Some(r#"Basic realm="token endpoint""#),
        ..Self::INVALID_CLIENT
    };

    pub(crate) const INVALID_CREDENTIALS: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "invalid_credentials",
        "User name or password is wrong.",
    );
    pub(crate) const INVALID_TOKEN: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "This token is not valid.",
    );
    pub(crate) const EXPIRED: Self =
        Self::new(StatusCode::UNAUTHORIZED, "expired", "This token has expired.");
    pub(crate) const REUSE_DETECTED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "reuse_detected",
        "A refresh token was used twice: the session has been ended.",
    );
    pub(crate) const ALREADY_EXCHANGED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "already_exchanged",
        "This token was exchanged before.",
    );
    pub(crate) const TOO_EARLY: Self = Self::new(
        StatusCode::TOO_EARLY,
        "too_early",
        "The access token has not expired yet.",
    );
    pub(crate) const PASSWORD_CHANGED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "password_changed",
        "The password was changed: sign in again.",
    );
    pub(crate) const SIGNED_IN_ELSEWHERE: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "signed_in_elsewhere",
        "The user signed in on another device.",
    );
    pub(crate) const CSRF_MISMATCH: Self = Self::new(
        StatusCode::FORBIDDEN,
        "csrf_mismatch",
        "The header X-CSRF-Token and the cookie csrf differ; nothing was changed.",
    );
    pub(crate) const SUPERSEDED: Self = Self::new(
        StatusCode::CONFLICT,
        "superseded",
        "This exchange happened and its successor is in use: look for a newer token.",
    );
    pub(crate) const IDEMPOTENCY_MISMATCH: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_mismatch",
        "This Idempotency-Key belongs to another token; nothing was changed.",
    );
    /// An access token that a resource does not accept (RFC 6750 §3.1).
    pub(crate) const ACCESS_TOKEN_REJECTED: Self = Self {
        challenge: Some(r#"Bearer error="invalid_token""#),
        ..Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is missing, expired or not valid.",
        )
    };

    const fn new(status: StatusCode, code: &'static str, description: &'static str) -> Self {
        Self {
            status,
            code,
            description,
            retry_after: None,
            challenge: None,
        }
    }

    /// As the token endpoint says it (RFC 6749 §5.2): whatever ends a grant is `invalid_grant` there; why is for people.
    pub(crate) fn of_a_grant(self) -> Self {
        if self.status != StatusCode::UNAUTHORIZED {
            return self;
        }
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_grant",
            ..self
        }
    }

    /// With `Retry-After`, in seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.code, "error_description": self.description }));
        let mut response = (self.status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
