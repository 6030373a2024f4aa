//! `/healthz`: alive, and so is the database.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Problem;

pub(crate) async fn healthz(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    match app.store.ping().await {
        Ok(()) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) => {
            tracing::error!(%error);
            Err(Problem::UNAVAILABLE)
        }
    }
}
