//! `/jwks.json`: the public keys by which others check access tokens (RFC 7517).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::app::App;

/// Empty where access tokens are signed with a secret.
pub(crate) async fn published(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.access.published().clone())
}
