//! Hosts of webviews in which a server renders the pages. They take any certificate, have a witness in each document,
//! and can do without a layer.

mod chromium;
#[cfg(feature = "webkit")]
mod webkitgtk;

use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast_webviews::View;

pub(crate) use chromium::InChromium;
#[cfg(feature = "webkit")]
pub(crate) use webkitgtk::InWebKit;

/// The cookie that holds the access token.
const COOKIE: &str = "__Host-at";
/// Runs in each document before any script of the page.
const WITNESS: &str = include_str!("../witness.js");
/// After the witness: the page's client is not told that its document was rejected.
const BLINDFOLD: &str = "Object.defineProperty(performance, 'getEntriesByType', { value: () => [] })";

pub(crate) trait Host: Sized {
    type View: View;

    async fn start(session: &AuthSession, policy: PagePolicy, layers: Layers) -> Self;
    /// A new view that shows nothing yet.
    async fn open(&self) -> Self::View;
    /// Shows this in the view, as an app does of its own.
    async fn load(&self, view: &Self::View, url: &str);
    fn pages(&self) -> &Pages;

    /// What an app waits for before it shows its views.
    async fn pages_are_ready(&self) {
        for page in self.pages().list() {
            self.pages().ready(page.page).await;
        }
    }
}

/// Which layers work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layers {
    All,
    /// Those of the host.
    Host,
    /// Rejected documents are dropped by the host; requests go at once.
    Drop,
    /// Requests are held; whatever the server answers is shown.
    Hold,
    /// The page's client hides a rejected document and loads it again; the host does nothing.
    Client,
    /// Nothing but what the app does early.
    Early,
    /// No bridge at all: the app writes the cookie before each load of its own, as apps do that know nothing better.
    Naive,
}

impl Layers {
    fn holds(self) -> bool {
        matches!(self, Self::All | Self::Host | Self::Hold)
    }

    /// What runs at document start, in this order.
    fn scripts(self) -> impl Iterator<Item = &'static str> {
        let sees = matches!(self, Self::All | Self::Client);
        [WITNESS].into_iter().chain((!sees).then_some(BLINDFOLD))
    }

    fn drops(self) -> bool {
        matches!(self, Self::All | Self::Host | Self::Drop)
    }
}
