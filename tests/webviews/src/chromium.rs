//! Tabs of a headless Chromium as webviews.

use serde_json::Value;
use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_chromium::{Chromium, Tab, bridge};

use crate::host::{self, Host, View, WebView};

/// As in a webview: the page's process renders its sandboxed frames too, and a document without an address of its own may
/// call this machine.
const LIKE_A_WEBVIEW: &str = "--disable-features=IsolateSandboxedIframes,LocalNetworkAccessChecks";

pub struct ChromiumHost {
    browser: Chromium,
    pages: Pages,
    policy: PagePolicy,
}

impl Host for ChromiumHost {
    type View = Tab;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self {
        Self {
            browser: Chromium::start_with(&[LIKE_A_WEBVIEW]).unwrap(),
            pages: session.web_views(),
            policy,
        }
    }

    async fn open(&self, url: &str) -> Tab {
        self.open_as(url, self.policy.clone()).await
    }

    async fn open_as(&self, url: &str, policy: PagePolicy) -> Tab {
        let tab = self.bare().await;
        self.attach_as(&tab, policy).await;
        tab.navigate(url).await.unwrap();
        tab
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        host::greeted(&self.pages)
    }
}

impl ChromiumHost {
    /// A tab that is empty and not attached.
    pub async fn bare(&self) -> Tab {
        self.browser.open().await.unwrap()
    }

    pub async fn attach(&self, tab: &Tab) {
        self.attach_as(tab, self.policy.clone()).await;
    }

    async fn attach_as(&self, tab: &Tab, policy: PagePolicy) {
        bridge(tab, &self.pages, policy).await.unwrap();
    }
}

impl View for Tab {
    async fn go(&self, url: &str) {
        self.navigate(url).await.unwrap();
    }

    async fn run(&self, body: &str) -> Option<Value> {
        self.evaluate(body).await.ok()
    }

    async fn kill(&self) {
        self.crash();
    }
}

impl WebView for Tab {
    async fn hide(&self) {
        Tab::hide(self).await.unwrap();
    }

    async fn show(&self) {
        Tab::show(self).await.unwrap();
    }
}
