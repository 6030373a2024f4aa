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

/// What `greeted` is where the host attaches views itself.
pub(crate) fn greeted(pages: &Pages) -> Vec<(String, Option<Generation>)> {
    let list = pages.list().into_iter();
    list.filter_map(|page| Some((page.origin?.to_string(), page.generation)))
        .collect()
}
