//! The rows with pages, in the hosts that the webviews' suite plays in.

mod channel;
pub(crate) mod live_fetch;
pub(crate) mod replayed_call;
pub(crate) mod token_to_pages;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::Value;
use tokencast_webviews::{View, run};

/// So many pages are open where there are many.
const MANY: usize = 32;

/// JavaScript for the wall clock in milliseconds, finer than `Date.now()`. Pages and this process run on one clock.
const NOW: &str = "(performance.timeOrigin + performance.now())";

/// Lets pages say what they say a little after they were given a token: the other side's turn must not pay for it.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() * 1e3
}

/// Runs the same in every page at once.
async fn all<V: View>(views: &[V], body: &str) -> Vec<Value> {
    join_all(views.iter().map(|view| run(view, body))).await
}

/// A time that a page gives in milliseconds.
fn millis(value: &Value) -> Result<f64, String> {
    value
        .as_f64()
        .ok_or_else(|| format!("a page gave {value} for a time"))
}

fn duration(millis: f64) -> Duration {
    Duration::from_secs_f64(millis.max(0.0) / 1e3)
}

fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
