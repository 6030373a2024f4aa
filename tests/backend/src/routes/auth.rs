//! `/auth/login`, `/auth/refresh`, `/auth/logout`; and what `/oauth/*` does in the same way.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, FromRequest as _, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::body::Form;
use crate::app::App;
use crate::problem::Problem;
use crate::rate_limit::{Peer, Subject};
use crate::schemes::{AccessField, Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, SessionError};
use crate::secret::{IdempotencyKey, PresentedAccessToken, RefreshToken};
use crate::store::UserRow;

/// Form `username`, `password`.
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut form: Form,
) -> Result<Response, Problem> {
    let name = form.take("username")?;
    let password = form.take("password")?;
    sign_in(app, peer, name, password).await
}

/// What the scheme asks for, and the header `Idempotency-Key`.
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Problem> {
    let request = refresh_request(&app, request).await?;
    renew(app, peer, request).await
}

/// Form `token` (RFC 7009 §2.1; `token_type_hint` is not needed), or the cookies: success whether or not the token was
/// alive.
pub(crate) async fn logout(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    if app.sessions.scheme().asks().cookies {
        let token = app.session_cookies.read(request.headers())?;
        let mut response = end(app.clone(), RevokeRequest { token }).await?;
        app.session_cookies.clear(response.headers_mut());
        return Ok(response);
    }
    let mut form = Form::from_request(request, &()).await?;
    let token = Some(RefreshToken::presented(form.take("token")?));
    end(app, RevokeRequest { token }).await
}

pub(super) async fn sign_in(
    app: Arc<App>,
    peer: Peer,
    name: String,
    password: String,
) -> Result<Response, Problem> {
    uninterrupted(async move {
        let user = authenticate(&app, peer, &name, password).await?;
        let issued = app.sessions.start(&user).await.map_err(|error| match error {
            SessionError::PasswordChanged => Problem::INVALID_CREDENTIALS,
            error => internal(&error),
        })?;
        app.control.counters.logins.add();
        tracing::info!(target: "audit", user = user.id.0, "signed in");
        Ok(tokens(&app, issued))
    })
    .await
}

/// The user of this name and password, if so many tries are allowed.
pub(super) async fn authenticate(
    app: &App,
    Peer(address): Peer,
    name: &str,
    password: String,
) -> Result<UserRow, Problem> {
    let subjects = [Subject::user(name), Subject::Address(address)];
    app.sign_ins.admit(&subjects, app.clock.now())?;
    let user = app
        .store
        .user_by_name(name)
        .await
        .map_err(|error| internal(&error.into()))?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let right = app.passwords.verify(password, stored).await.map_err(|error| {
        tracing::error!(%error);
        Problem::INTERNAL
    })?;
    user.filter(|_| right).ok_or_else(|| {
        app.control.counters.login_failures.add();
        // Not the name: people type passwords into that field.
        tracing::info!(target: "audit", "sign-in refused");
        Problem::INVALID_CREDENTIALS
    })
}

pub(super) async fn renew(
    app: Arc<App>,
    Peer(address): Peer,
    request: RefreshRequest,
) -> Result<Response, Problem> {
    let token = request.fingerprint().map(|hash| Subject::token(&hash));
    let subjects: Vec<_> = token.into_iter().chain([Subject::Address(address)]).collect();
    app.refreshes.admit(&subjects, app.clock.now())?;
    uninterrupted(async move {
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

pub(super) async fn end(app: Arc<App>, request: RevokeRequest) -> Result<Response, Problem> {
    uninterrupted(async move {
        if app
            .sessions
            .revoke(request)
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
pub(super) async fn uninterrupted(
    work: impl Future<Output = Result<Response, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    tokio::spawn(work).await.unwrap_or(Err(Problem::INTERNAL))
}

fn tokens(app: &App, issued: Issued) -> Response {
    if app.test_faults {
        app.control.issued(issued.access.instance.clone());
    }
    let in_cookies = app.sessions.scheme().asks().cookies;
    let mut body = json!({
        "access_token": issued.access.text,
        "expires_in": issued.access.expires_in,
        "token_type": "Bearer",
    });
    if let Some(refresh) = issued.refresh.as_ref().filter(|_| !in_cookies) {
        body["refresh_token"] = refresh.expose().into();
    }
    // RFC 6749 §5.1.
    let mut response = (
        [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
        Json(body),
    )
        .into_response();
    if let Some(refresh) = issued.refresh.as_ref().filter(|_| in_cookies) {
        app.session_cookies.set(response.headers_mut(), refresh);
    }
    response
}

/// Reads what the scheme asks for; what is missing, repeated or in another form is refused.
async fn refresh_request(app: &App, request: Request) -> Result<RefreshRequest, Problem> {
    let asks = app.sessions.scheme().asks();
    let headers = request.headers().clone();
    let mut parsed = RefreshRequest {
        idempotency_key: idempotency_key(app, &headers)?,
        ..RefreshRequest::default()
    };
    if asks.cookies {
        // A browser without the cookie is one without a session, not one that made a mistake.
        parsed.refresh_token = Some(
            app.session_cookies
                .read(&headers)?
                .ok_or(Problem::INVALID_TOKEN)?,
        );
        return Ok(parsed);
    }
    let in_query = request.method() == Method::GET;
    let mut form = if in_query {
        Form::of_query(request.uri().query().unwrap_or_default())
    } else {
        Form::from_request(request, &()).await?
    };
    // The query form as the mission draws it names no grant.
    if asks.grant_type && !in_query && form.take("grant_type")? != "refresh_token" {
        return Err(Problem::UNSUPPORTED_GRANT);
    }
    if asks.refresh_token {
        parsed.refresh_token = Some(RefreshToken::presented(form.take("refresh_token")?));
    }
    if let AccessField::Named(name) = asks.access_token {
        parsed.access_token = Some(PresentedAccessToken::new(form.take(name)?));
    }
    Ok(parsed)
}

pub(super) fn one_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Problem::INVALID_REQUEST),
        },
        (Some(_), Some(_)) => Err(Problem::INVALID_REQUEST),
    }
}

pub(super) fn idempotency_key(app: &App, headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    if !app.idempotency {
        return Ok(None);
    }
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
        Refusal::Incomplete => Problem::INVALID_REQUEST,
        Refusal::InvalidToken => Problem::INVALID_TOKEN,
        Refusal::Expired => Problem::EXPIRED,
        Refusal::ReuseDetected { .. } => Problem::REUSE_DETECTED,
        Refusal::AlreadyExchanged => Problem::ALREADY_EXCHANGED,
        Refusal::PasswordChanged => Problem::PASSWORD_CHANGED,
        Refusal::SignedInElsewhere => Problem::SIGNED_IN_ELSEWHERE,
        Refusal::TooEarly { retry_after_ms } => Problem::TOO_EARLY.retry_after(seconds(retry_after_ms)),
        Refusal::Superseded { retry_after_ms } => Problem::SUPERSEDED.retry_after(seconds(retry_after_ms)),
        Refusal::IdempotencyMismatch => Problem::IDEMPOTENCY_MISMATCH,
    }
}

fn seconds(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).div_ceil(1000)
}

pub(super) fn internal(error: &SessionError) -> Problem {
    tracing::error!(%error);
    Problem::INTERNAL
}
