use std::sync::atomic::{AtomicU64, Ordering};

use tokencast::pages::{Jar, PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast_chromium::{CdpError, Chromium, Tab, bridge};

use super::{COOKIE, Host, Layers};

pub(crate) struct InChromium {
    browser: Chromium,
    session: AuthSession,
    pages: Pages,
    policy: PagePolicy,
    layers: Layers,
    /// Each tab has cookies of its own, in a jar of this number.
    jars: AtomicU64,
}

/// Every document is asked for, on the way back too.
const FLAGS: &[&str] = &[
    "--ignore-certificate-errors",
    "--disable-features=BackForwardCache",
];

impl Host for InChromium {
    type View = Tab;

    async fn start(session: &AuthSession, policy: PagePolicy, layers: Layers) -> Self {
        Self {
            browser: Chromium::start_with(FLAGS).unwrap(),
            session: session.clone(),
            pages: session.web_views(),
            policy,
            layers,
            jars: AtomicU64::default(),
        }
    }

    async fn open(&self) -> Tab {
        let tab = self.browser.open().await.unwrap();
        for script in self.layers.scripts() {
            tab.run_at_document_start(script).await.unwrap();
        }
        if self.layers != Layers::Naive {
            let jar = Jar(self.jars.fetch_add(1, Ordering::Relaxed));
            let policy = self.policy.clone().cookie(jar, COOKIE).unwrap();
            bridge(&tab, &self.pages, policy).await.unwrap();
            let (holds, drops) = (self.layers.holds(), self.layers.drops());
            tab.stop_documents(holds, drops).await.unwrap();
        }
        tab
    }

    async fn load(&self, tab: &Tab, url: &str) {
        if self.layers == Layers::Naive {
            let token = self.session.access_token().await.unwrap();
            tab.set_cookie(url, COOKIE, token.secret()).await.unwrap();
        }
        match tab.navigate(url).await {
            // Of a document that was dropped. What is shown in the end is looked at elsewhere.
            Ok(()) | Err(CdpError::Refused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn pages(&self) -> &Pages {
        &self.pages
    }
}
