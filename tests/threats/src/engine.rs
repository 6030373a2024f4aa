//! What the stories need of an engine beyond a host of the bridge.

mod chromium;
#[cfg(feature = "webkit")]
mod webkitgtk;

use tokencast_webviews::{Host, WebView};

/// An engine whose views are driven without the bridge too.
pub trait Engine: Host<View: WebView> {
    /// A view that nobody attached.
    async fn bare(&self) -> Self::View;
    /// Attaches it, as [`Host::open`] does.
    async fn attach(&self, view: &Self::View);
    /// From the next document on a script runs in the page's world before any of the page's: in the main frame, perhaps in
    /// others.
    async fn at_start(&self, view: &Self::View, script: &str);
    /// The naive way to hear pages: every frame of the view can call `askApp(text)`, which promises what `answer` returns.
    async fn hear_everyone(
        &self,
        view: &Self::View,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    );
    /// Goes to a page and notes how the engine calls its document.
    async fn remember(&self, view: &Self::View, url: &str) -> u64;
    /// Evaluates a script in what was noted, where the engine still knows something of that name.
    async fn evaluate_in(&self, view: &Self::View, remembered: u64, script: &str);
    /// The address that the engine says is shown.
    async fn shown(&self, view: &Self::View) -> String;
    /// Back in the history, as the user does it.
    async fn back(&self, view: &Self::View);
    /// Loads again what is shown, in the way in which it was loaded.
    async fn reload(&self, view: &Self::View);
}
