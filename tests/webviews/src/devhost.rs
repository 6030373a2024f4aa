//! Plain tabs whose pages find the development host, as in a developer's browser.

use serde_json::Value;
use tokencast::pages::PagePolicy;
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_chromium::{Chromium, Tab};
use tokencast_devhost::{DevHost, DevHostError};

use crate::host::{Host, View};
use crate::sites::is_page;

/// A browser that keeps a page for the way back keeps its connection as well: the app sees a document that may come
/// again, and has dropped its token meanwhile. Here a document that is left is gone.
const NO_WAY_BACK: &str = "--disable-features=BackForwardCache";

pub struct BrowserHost {
    browser: Chromium,
    host: std::sync::Arc<DevHost>,
    /// A page's address in the policy, for keys that another page will try.
    known: String,
}

/// A tab that opens what it is told to with a key in the fragment.
pub struct KeyedTab {
    tab: Tab,
    host: std::sync::Arc<DevHost>,
    known: String,
}

impl Host for BrowserHost {
    type View = KeyedTab;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self {
        let known = policy.origins().next().unwrap().to_string();
        Self {
            browser: Chromium::start_with(&[NO_WAY_BACK]).unwrap(),
            host: DevHost::start(session, policy).await.unwrap().into(),
            known,
        }
    }

    async fn open(&self, url: &str) -> KeyedTab {
        let view = KeyedTab {
            tab: self.browser.open().await.unwrap(),
            host: self.host.clone(),
            known: self.known.clone(),
        };
        view.go(url).await;
        view
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        let pages = self.host.pages().into_iter();
        pages
            .map(|page| (page.origin.to_string(), page.generation))
            .collect()
    }
}

impl View for KeyedTab {
    async fn go(&self, url: &str) {
        let address = match self.host.page_url(url) {
            Ok(address) => address,
            // A page that the host would not invite comes with the key of another.
            Err(DevHostError::NotInPolicy) => {
                let stolen = self.host.page_url(&self.known).unwrap();
                format!("{url}#{}", stolen.split_once('#').unwrap().1)
            }
            Err(error) => panic!("{error}"),
        };
        self.tab
            .navigate(if is_page(url) { &address } else { url })
            .await
            .unwrap();
    }

    async fn run(&self, body: &str) -> Option<Value> {
        self.tab.evaluate(body).await.ok()
    }
}
