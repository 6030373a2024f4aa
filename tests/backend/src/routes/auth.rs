//! `/auth/login`, `/auth/refresh`, `/auth/logout`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::Form;
use crate::app::App;
use crate::problem::Problem;
use crate::schemes::{Issued, RefreshRequest, Refreshed, Refusal, SessionError};
use crate::secret::{IdempotencyKey, RefreshToken};

/// Form `username`, `password`.
pub(crate) async fn login(State(app): State<Arc<App>>, mut form: Form) -> Result<Response, Problem> {
    let name = form.take("username")?;
    let password = form.take("password")?;
    uninterrupted(async move {
        let user = app
            .store
            .user_by_name(&name)
            .await
            .map_err(|error| internal(&error.into()))?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let right = app.passwords.verify(password, stored).await.map_err(|error| {
            tracing::error!(%error);
            Problem::INTERNAL
        })?;
        let Some(user) = user.filter(|_| right) else {
            app.control.counters.login_failures.add();
            // Not the name: people type passwords into that field.
            tracing::info!(target: "audit", "sign-in refused");
            return Err(Problem::INVALID_CREDENTIALS);
        };
        let issued = app
            .sessions
            .start(&user.id)
            .await
            .map_err(|error| internal(&error))?;
        app.control.counters.logins.add();
        tracing::info!(target: "audit", user = user.id.0, "signed in");
        Ok(tokens(&app, issued))
    })
    .await
}

/// Form `grant_type=refresh_token`, `refresh_token`; header `Idempotency-Key`.
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response, Problem> {
    let idempotency_key = if app.idempotency {
        idempotency_key(&headers)?
    } else {
        None
    };
    if form.take("grant_type")? != "refresh_token" {
        return Err(Problem::UNSUPPORTED_GRANT);
    }
    let refresh_token = RefreshToken::presented(form.take("refresh_token")?);
    uninterrupted(async move {
        let request = RefreshRequest {
            refresh_token,
            idempotency_key,
        };
        let refreshed = app
            .sessions
            .refresh(request)
            .await
            .map_err(|error| internal(&error))?;
        let counters = &app.control.counters;
        match refreshed {
            Refreshed::Exchanged(issued) => {
                counters.exchanges.add();
                Ok(tokens(&app, issued))
            }
            Refreshed::Replayed(issued) => {
                counters.replays.add();
                Ok(tokens(&app, issued))
            }
            Refreshed::Refused(refusal) => {
                match refusal {
                    Refusal::Superseded { .. } => counters.superseded.add(),
                    Refusal::IdempotencyMismatch => counters.idempotency_mismatches.add(),
                    Refusal::ReuseDetected { ended_now: true } => counters.reuse_detected.add(),
                    _ => counters.refresh_rejected.add(),
                }
                Err(problem(refusal))
            }
        }
    })
    .await
}

/// Form `token` (RFC 7009 §2.1; `token_type_hint` is not needed): success whether or not the token was alive.
pub(crate) async fn logout(State(app): State<Arc<App>>, mut form: Form) -> Result<Response, Problem> {
    let token = RefreshToken::presented(form.take("token")?);
    uninterrupted(async move {
        if app
            .sessions
            .revoke(token)
            .await
            .map_err(|error| internal(&error))?
        {
            app.control.counters.revocations.add();
        }
        Ok(Json(json!({})).into_response())
    })
    .await
}

/// Runs to its end even when the client leaves: no transaction is abandoned half way.
async fn uninterrupted(
    work: impl Future<Output = Result<Response, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    tokio::spawn(work).await.unwrap_or(Err(Problem::INTERNAL))
}

fn tokens(app: &App, issued: Issued) -> Response {
    if app.test_faults {
        app.control.issued(issued.access.jti);
    }
    let body = json!({
        "access_token": issued.access.text,
        "refresh_token": issued.refresh.expose(),
        "expires_in": issued.access.expires_in,
        "token_type": "Bearer",
    });
    // RFC 6749 §5.1.
    (
        [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
        Json(body),
    )
        .into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => IdempotencyKey::parse(value.as_bytes())
            .map(Some)
            .ok_or(Problem::INVALID_REQUEST),
        (Some(_), Some(_)) => Err(Problem::INVALID_REQUEST),
    }
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::InvalidToken => Problem::INVALID_TOKEN,
        Refusal::Expired => Problem::EXPIRED,
        Refusal::ReuseDetected { .. } => Problem::REUSE_DETECTED,
        Refusal::Superseded { retry_after_ms } => {
            Problem::SUPERSEDED.retry_after(u64::try_from(retry_after_ms).unwrap_or(0).div_ceil(1000))
        }
        Refusal::IdempotencyMismatch => Problem::IDEMPOTENCY_MISMATCH,
    }
}

fn internal(error: &SessionError) -> Problem {
    tracing::error!(%error);
    Problem::INTERNAL
}
