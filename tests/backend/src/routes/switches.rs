//! `/test/*`: what `RunningBackend` offers to Rust, for tests in other languages. Mounted with `--test-faults` only.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use crate::app::App;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::stats::Stats;

/// A fault may carry a token of a megabyte.
const LIMIT: usize = 4 << 20;

pub(crate) async fn stats(State(app): State<Arc<App>>) -> Json<Stats> {
    Json(app.control.stats())
}

/// `{"advance_ms": n}`
pub(crate) async fn clock(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Advance, LIMIT>,
) -> Json<Value> {
    app.clock.advance(Duration::from_millis(body.advance_ms));
    Json(json!({ "advanced_ms": app.clock.advanced_ms() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    advance_ms: u64,
}

/// A fault as JSON.
pub(crate) async fn arm(
    State(app): State<Arc<App>>,
    JsonBody(fault): JsonBody<Fault, LIMIT>,
) -> Result<Json<Value>, Problem> {
    app.control.arm(fault).map_err(|_| Problem::INVALID_REQUEST)?;
    Ok(Json(json!({})))
}

/// Forgets the faults that did not fire.
pub(crate) async fn disarm(State(app): State<Arc<App>>) -> Json<Value> {
    app.control.disarm();
    Json(json!({}))
}

/// `{"refreshes": true}` holds every refresh answer, `false` lets them go.
pub(crate) async fn hold(State(app): State<Arc<App>>, JsonBody(body): JsonBody<Hold, LIMIT>) -> Json<Value> {
    app.control.hold(body.refreshes);
    Json(json!({ "held": app.control.held() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    refreshes: bool,
}

/// `{}`: the network delivers what `duplicate` and `postpone` kept; answers with the statuses they met.
pub(crate) async fn deliver_copies(
    State(app): State<Arc<App>>,
    JsonBody(Nothing {}): JsonBody<Nothing, LIMIT>,
) -> Json<Value> {
    let mut statuses = Vec::new();
    for copy in app.control.take_copies() {
        statuses.push(copy().await.as_u16());
    }
    Json(json!({ "statuses": statuses }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Every access token issued so far is refused from now on; refresh tokens stay as they are.
pub(crate) async fn expire_access_tokens(State(app): State<Arc<App>>) -> Json<Value> {
    app.control.expire_access_tokens();
    Json(json!({}))
}
