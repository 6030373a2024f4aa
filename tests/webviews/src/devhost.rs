//! Plain tabs whose pages find the development host, as in a developer's browser.

use std::sync::{Arc, Mutex};

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
    session: AuthSession,
    /// A development host for each policy.
    hosts: Mutex<Vec<(PagePolicy, Arc<DevHost>)>>,
    /// A page's address in the policy, for keys that another page will try.
    known: String,
}

/// A tab that opens what it is told to with a key in the fragment.
pub struct KeyedTab {
    tab: Tab,
    host: Arc<DevHost>,
    known: String,
}

impl Host for BrowserHost {
    type View = KeyedTab;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self {
        let known = policy.origins().next().unwrap().to_string();
        let host = DevHost::start(session, policy.clone()).await.unwrap();
        Self {
            browser: Chromium::start_with(&[NO_WAY_BACK]).unwrap(),
            session: session.clone(),
            hosts: Mutex::new(vec![(policy, host.into())]),
            known,
        }
    }

    async fn open(&self, url: &str) -> KeyedTab {
        let policy = self.hosts.lock().unwrap()[0].0.clone();
        self.open_as(url, policy).await
    }

    async fn open_as(&self, url: &str, policy: PagePolicy) -> KeyedTab {
        let view = KeyedTab {
            tab: self.browser.open().await.unwrap(),
            host: self.host(policy).await,
            known: self.known.clone(),
        };
        view.go(url).await;
        view
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        let hosts = self.hosts.lock().unwrap();
        let pages = hosts.iter().flat_map(|(_, host)| host.pages());
        pages
            .map(|page| (page.origin.to_string(), page.generation))
            .collect()
    }
}

impl BrowserHost {
    async fn host(&self, policy: PagePolicy) -> Arc<DevHost> {
        let known = self
            .hosts
            .lock()
            .unwrap()
            .iter()
            .find_map(|(known, host)| (*known == policy).then(|| host.clone()));
        if let Some(host) = known {
            return host;
        }
        let host = Arc::new(DevHost::start(&self.session, policy.clone()).await.unwrap());
        self.hosts.lock().unwrap().push((policy, host.clone()));
        host
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

    async fn kill(&self) {
        self.tab.crash();
    }
}
