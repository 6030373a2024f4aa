//! Tabs of a headless Chromium as webviews.

use serde_json::Value;
use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_chromium::{Chromium, Tab, bridge};

use crate::host::{self, Host, View};

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
        let tab = self.bare().await;
        self.attach(&tab).await;
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
        bridge(tab, &self.pages, self.policy.clone()).await.unwrap();
    }
}

impl View for Tab {
    async fn go(&self, url: &str) {
        self.navigate(url).await.unwrap();
    }

    async fn run(&self, body: &str) -> Option<Value> {
        self.evaluate(body).await.ok()
    }
}
