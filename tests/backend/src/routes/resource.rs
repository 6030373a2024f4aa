//! What the tokens are for: `/api/me` and `/api/notes`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use crate::app::App;
use crate::problem::Problem;
use crate::store::{StoreError, UserId};

/// Who the bearer is.
pub(crate) async fn me(State(app): State<Arc<App>>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let name = app
        .store
        .user_name(&bearer.0)
        .await
        .map_err(|error| internal(&error))?;
    let Some(name) = name else {
        app.control.counters.api_rejected.add();
        return Err(Problem::ACCESS_TOKEN_REJECTED);
    };
    app.control.counters.api_ok.add();
    Ok(Json(json!({ "sub": bearer.0.0, "name": name })))
}

/// The bearer's notes.
pub(crate) async fn notes(State(app): State<Arc<App>>, bearer: Bearer) -> Result<Json<Value>, Problem> {
    let notes = app
        .store
        .notes(&bearer.0)
        .await
        .map_err(|error| internal(&error))?;
    app.control.counters.api_ok.add();
    Ok(Json(
        notes
            .into_iter()
            .map(|(id, text)| json!({ "id": id, "text": text }))
            .collect(),
    ))
}

/// Adds a note: a side effect that can be counted.
pub(crate) async fn add_note(
    State(app): State<Arc<App>>,
    bearer: Bearer,
    JsonBody(note): JsonBody<NewNote, { 64 << 10 }>,
) -> Result<Response, Problem> {
    if note.text.contains('\0') {
        return Err(Problem::INVALID_REQUEST);
    }
    let id = app
        .store
        .add_note(&bearer.0, &note.text)
        .await
        .map_err(|error| internal(&error))?;
    app.control.counters.notes.add();
    app.control.counters.api_ok.add();
    Ok((StatusCode::CREATED, Json(json!({ "id": id, "text": note.text }))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    text: String,
}

/// The user of a good access token (RFC 6750 §2.1: in the `Authorization` header only).
pub(crate) struct Bearer(UserId);

impl FromRequestParts<Arc<App>> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let claims = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| app.access.check(token.trim(), app.clock.now()))
            .filter(|claims| !app.control.was_ended(&claims.instance()));
        match claims {
            Some(claims) => Ok(Self(UserId(claims.sub))),
            None => {
                app.control.counters.api_rejected.add();
                Err(Problem::ACCESS_TOKEN_REJECTED)
            }
        }
    }
}

fn internal(error: &StoreError) -> Problem {
    tracing::error!(%error);
    Problem::INTERNAL
}
