use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokencast::pages::{Origin, PageId, Pages};
use tokencast::token::Generation;
use tokio::sync::watch;

/// A page that is connected, for a dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectedPage {
    /// Its connection's page.
    pub page: PageId,
    /// The origin that its browser stated.
    pub origin: Origin,
    /// The generation it has: what it acknowledged, else what it was sent; `None` before, and after its session
    /// ended.
    pub generation: Option<Generation>,
}

/// The connected pages, told to whoever watches.
pub(crate) struct List {
    pages: Pages,
    origins: Mutex<BTreeMap<PageId, Origin>>,
    told: watch::Sender<Vec<ConnectedPage>>,
}

impl List {
    pub(crate) fn new(pages: Pages) -> Self {
        Self {
            pages,
            origins: Mutex::default(),
            told: watch::Sender::new(Vec::new()),
        }
    }

    pub(crate) fn now(&self) -> Vec<ConnectedPage> {
        self.told.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Vec<ConnectedPage>> {
        self.told.subscribe()
    }

    pub(crate) fn add(&self, page: PageId, origin: Origin) {
        self.change(|origins| origins.insert(page, origin));
    }

    pub(crate) fn remove(&self, page: PageId) {
        self.change(|origins| origins.remove(&page));
    }

    pub(crate) fn refresh(&self) {
        self.change(|_| None);
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<PageId, Origin>) -> Option<Origin>) {
        // Held until it is told, so that what is told last is the newest.
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut origins);
        let connected = |status: tokencast::pages::PageStatus| {
            Some(ConnectedPage {
                page: status.page,
                origin: origins.get(&status.page)?.clone(),
                generation: status.generation,
            })
        };
        let list: Vec<_> = self.pages.list().into_iter().filter_map(connected).collect();
        self.told.send_if_modified(|told| {
            let news = *told != list;
            *told = list;
            news
        });
    }
}
