//! Tabs of a headless Chromium as webviews.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokencast::pages::{Jar, PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_chromium::{CdpError, Chromium, Tab, bridge};

use crate::host::{self, Host, Layers, Rendered, RenderedHost, View, WebView};

pub struct ChromiumHost {
    browser: Chromium,
    session: AuthSession,
    pages: Pages,
    policy: PagePolicy,
    rendered: Option<Rendered>,
    /// Tabs have cookies of their own, each in a jar of this number.
    jars: AtomicU64,
}

/// Every document is asked for, on the way back too.
const RENDERED: &[&str] = &[
    "--ignore-certificate-errors",
    "--disable-features=BackForwardCache",
];

impl ChromiumHost {
    fn new(session: &AuthSession, policy: PagePolicy, flags: &[&str]) -> Self {
        Self {
            browser: Chromium::start_with(flags).unwrap(),
            session: session.clone(),
            pages: session.web_views(),
            policy,
            rendered: None,
            jars: AtomicU64::default(),
        }
    }

    async fn attach(&self, tab: &Tab, policy: PagePolicy) {
        let Some(rendered) = self.rendered else {
            bridge(tab, &self.pages, policy).await.unwrap();
            return;
        };
        tab.run_at_document_start(rendered.witness).await.unwrap();
        if rendered.layers == Layers::Naive {
            return;
        }
        let jar = Jar(self.jars.fetch_add(1, Ordering::Relaxed));
        let policy = policy.cookie(jar, rendered.cookie).unwrap();
        bridge(tab, &self.pages, policy).await.unwrap();
        let (holds, drops) = (rendered.layers.holds(), rendered.layers.drops());
        tab.stop_documents(holds, drops).await.unwrap();
    }
}

impl Host for ChromiumHost {
    type View = Tab;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self {
        Self::new(session, policy, &[])
    }

    async fn open(&self, url: &str) -> Tab {
        self.open_as(url, self.policy.clone()).await
    }

    async fn open_as(&self, url: &str, policy: PagePolicy) -> Tab {
        let tab = self.browser.open().await.unwrap();
        self.attach(&tab, policy).await;
        self.load(&tab, url).await;
        tab
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        host::greeted(&self.pages)
    }
}

impl RenderedHost for ChromiumHost {
    async fn start_rendered(session: &AuthSession, policy: PagePolicy, rendered: Rendered) -> Self {
        Self {
            rendered: Some(rendered),
            ..Self::new(session, policy, RENDERED)
        }
    }

    async fn load(&self, tab: &Tab, url: &str) {
        if let Some(Rendered {
            cookie,
            layers: Layers::Naive,
            ..
        }) = self.rendered
        {
            let token = self.session.access_token().await.unwrap();
            tab.set_cookie(url, cookie, token.secret()).await.unwrap();
        }
        tab.go(url).await;
    }

    async fn ready(&self) {
        host::ready(&self.pages).await;
    }
}

impl View for Tab {
    async fn go(&self, url: &str) {
        match self.navigate(url).await {
            // Of a document that was dropped. What is shown in the end is looked at elsewhere.
            Ok(()) | Err(CdpError::Refused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
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
