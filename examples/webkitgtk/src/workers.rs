//! A service worker outlives its page and would see the tokens of the next session: it ends with the session.

use tokencast::pages::Action;
use webkit6::gio::Cancellable;
use webkit6::glib::{TimeSpan, WeakRef};
use webkit6::prelude::*;
use webkit6::{WebView, WebsiteDataTypes};

use crate::glue::WORLD;

/// Ends them when the page is told that its session is over.
pub(crate) fn end_workers(view: &WeakRef<WebView>, action: &Action) {
    let kind = match action {
        Action::Reply { payload, .. } | Action::Notify { payload, .. } => payload.kind(),
        Action::Push { script, .. } => script.kind(),
        _ => return,
    };
    if let Some(view) = view.upgrade().filter(|_| kind == "ended") {
        forget_workers(&view);
    }
}

/// Ends the service workers of the shown document's origin, and those that the view's network session keeps on disk. A
/// bridged view does so itself when its page is told of the end; an app that signs out with no page open calls it.
pub fn forget_workers(view: &WebView) {
    let nobody = None::<&Cancellable>;
    // WebKit clears no workers of an ephemeral session: they are ended from within, where no page can patch anything.
    view.evaluate_javascript(UNREGISTER, Some(WORLD), None, nobody, |_| {});
    let data = view
        .network_session()
        .and_then(|session| session.website_data_manager());
    if let Some(data) = data {
        let workers = WebsiteDataTypes::SERVICE_WORKER_REGISTRATIONS;
        data.clear(workers, TimeSpan(0), nobody, |_| {});
    }
}

const UNREGISTER: &str = "navigator.serviceWorker?.getRegistrations().then((all) => all.forEach((one) => one.unregister()), () => {})";
