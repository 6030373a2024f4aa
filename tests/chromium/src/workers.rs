//! A service worker outlives its page and would see the tokens of the next session: it ends with the session.

use serde_json::json;
use tokencast::pages::Action;

use crate::tab::Remote;

/// Whether a page is told that its session is over.
pub(crate) fn is_end(action: &Action) -> bool {
    let kind = match action {
        Action::Reply { payload, .. } | Action::Notify { payload, .. } => payload.kind(),
        Action::Push { script, .. } => script.kind(),
        _ => return false,
    };
    kind == "ended"
}

/// Ends the service workers of these origins.
pub(crate) fn forget_workers(tab: &Remote, origins: &[String]) {
    for origin in origins {
        let wanted = json!({"origin": origin, "storageTypes": "service_workers"});
        tab.send("Storage.clearDataForOrigin", wanted);
    }
}
