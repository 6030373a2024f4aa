use serde_json::Value;
use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;

/// Shows pages that are attached to a session.
pub trait Host: Sized {
    type View: View;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self;
    /// A new view that shows this.
    async fn open(&self, url: &str) -> Self::View;
    /// The same under a policy of its own.
    async fn open_as(&self, url: &str, policy: PagePolicy) -> Self::View;
    /// The attached pages whose document has greeted: its origin, and the generation it has.
    fn greeted(&self) -> Vec<(String, Option<Generation>)>;
}

/// A host of webviews whose pages a server renders, and what is unusual in it.
pub trait RenderedHost: Host {
    async fn start_rendered(session: &AuthSession, policy: PagePolicy, rendered: Rendered) -> Self;
    /// Shows this in a view of its own.
    async fn load(&self, view: &Self::View, url: &str);
    /// Waits until its views can be shown.
    async fn ready(&self);
}

/// How a host shows pages that a server renders. It takes any certificate.
#[derive(Clone, Copy, Debug)]
pub struct Rendered {
    /// The cookie that holds the access token.
    pub cookie: &'static str,
    /// Runs in each document before any script of the page.
    pub witness: &'static str,
    pub layers: Layers,
}

/// Which of a host's layers work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layers {
    All,
    /// Document requests go at once.
    NoHold,
    /// Whatever the server answers is shown.
    ShowsAll,
    /// Neither of the two.
    Neither,
    /// No bridge at all: whoever opens or loads a page writes the cookie first, as apps do that know nothing better.
    Naive,
}

impl Layers {
    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::All | Self::ShowsAll)
    }

    pub(crate) fn drops(self) -> bool {
        matches!(self, Self::All | Self::NoHold)
    }
}

/// One view, whatever document it shows.
pub trait View {
    async fn go(&self, url: &str);
    /// Runs the body of an async function in the page's world; `None` when it did not run to its end, for instance
    /// because the document went away.
    async fn run(&self, body: &str) -> Option<Value>;
    /// Ends the process that renders it.
    async fn kill(&self);
}

/// A view that the app shows and hides: a webview.
pub trait WebView: View {
    async fn hide(&self);
    async fn show(&self);
}

pub(crate) async fn ready(pages: &Pages) {
    for page in pages.list() {
        pages.ready(page.page).await;
    }
}

/// What `greeted` is where the host attaches views itself.
pub(crate) fn greeted(pages: &Pages) -> Vec<(String, Option<Generation>)> {
    let list = pages.list().into_iter();
    list.filter_map(|page| Some((page.origin?.to_string(), page.generation)))
        .collect()
}
