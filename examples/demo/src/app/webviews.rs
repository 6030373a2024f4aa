//! The app's own window, as a phone's app has one: the demo's pages in webviews, beside those in the browser.

use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast_webkitgtk::webkit6::prelude::*;
use tokencast_webkitgtk::{Running, UiThread, open};
use tokio::sync::oneshot;

/// Pages in a window, attached as long as this is kept.
pub(super) struct Webviews {
    _pages: Pages,
    _ui: Running,
}

/// Shows these pages.
pub(super) async fn show(
    urls: &[String],
    session: &AuthSession,
    policy: PagePolicy,
) -> Result<Webviews, String> {
    let ui = UiThread::start().map_err(|error| format!("no window, is there a screen? {error}"))?;
    let ui = ui.run();
    let pages = session.web_views();
    let (told, shown) = oneshot::channel();
    let (urls, attached) = (urls.to_owned(), pages.clone());
    ui.perform(move || {
        let window = open("Tokencast", &urls, &attached, &policy);
        let outcome = window.map(|window| window.present());
        let _ = told.send(outcome.map_err(|error| error.to_string()));
    });
    shown.await.map_err(|_| "the window did not open".to_owned())??;
    Ok(Webviews {
        _pages: pages,
        _ui: ui,
    })
}
