//! `/auth/password`: a new password, and the end of every session begun with the old one.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::auth::{authenticate, internal, uninterrupted};
use super::body::Form;
use crate::app::App;
use crate::problem::Problem;
use crate::rate_limit::Peer;

/// Form `username`, `password`, `new_password`.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut form: Form,
) -> Result<Response, Problem> {
    let name = form.take("username")?;
    let password = form.take("password")?;
    let new_password = form.take("new_password")?;
    uninterrupted(async move {
        let user = authenticate(&app, peer, &name, password).await?;
        let hash = app.passwords.hash(new_password).await.map_err(|error| {
            tracing::error!(%error);
            Problem::INTERNAL
        })?;
        let changed = app.sessions.change_password(&user, &hash).await;
        if !changed.map_err(|error| internal(&error))? {
            // Somebody else changed it since it was checked.
            return Err(Problem::INVALID_CREDENTIALS);
        }
        app.control.counters.password_changes.add();
        tracing::info!(target: "audit", user = user.id.as_str(), "password changed");
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
