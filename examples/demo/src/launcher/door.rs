//! Where pages get their addresses: from the app, as long as it runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::process::Orders;
use super::sites::{self, Site};
use crate::control::Order;

/// Where pages get their addresses.
#[derive(Clone)]
pub(crate) struct Door {
    pages: Arc<[(&'static str, String)]>,
    /// The page that is none of the app's.
    hostile: Arc<str>,
    /// How many of the pages are open.
    shown: Arc<AtomicUsize>,
    orders: Arc<Mutex<Option<Orders>>>,
}

/// A page's address, good for one connection.
#[derive(Serialize)]
pub(crate) struct Invitation {
    pub(crate) name: &'static str,
    pub(crate) origin: String,
    pub(crate) address: String,
}

impl Door {
    pub(super) fn new(sites: &[Site]) -> Self {
        let (hostile, pages): (Vec<_>, Vec<_>) = sites.iter().partition(|site| site.hostile);
        Self {
            pages: pages.iter().map(|site| (site.name, site.url())).collect(),
            hostile: hostile.first().map(|site| site.url()).unwrap_or_default().into(),
            shown: Arc::new(AtomicUsize::new(sites::COUNT)),
            orders: Arc::default(),
        }
    }

    /// Asks the app for an address for each page that is open.
    pub(crate) async fn invite(&self) -> Result<Vec<Invitation>> {
        self.orders()?;
        let mut invitations = Vec::new();
        for (name, url) in self.pages.iter().take(self.shown()) {
            invitations.push(self.invite_to(name, url).await?);
        }
        Ok(invitations)
    }

    /// Asks the app for an address for the page that is opened later.
    pub(crate) async fn invite_another(&self) -> Result<Invitation> {
        let (name, url) = self.pages.last().context("there is no other page")?;
        self.invite_to(name, url).await
    }

    /// The hostile page's address: with a key that it stole, good for the first page, and used by nobody yet.
    pub(crate) async fn invite_hostile(&self) -> Result<Invitation> {
        let (name, url) = self.pages.first().context("there are no pages")?;
        let stolen = self.invite_to(name, url).await?;
        let (_, key) = stolen
            .address
            .split_once('#')
            .context("there is no key to steal")?;
        Ok(Invitation {
            name: "hostile",
            origin: self.hostile.trim_end_matches('/').to_owned(),
            address: format!("{}#{key}", self.hostile),
        })
    }

    async fn invite_to(&self, name: &'static str, url: &str) -> Result<Invitation> {
        let order = Order::Invite { url: url.to_owned() };
        let address = self.orders()?.give(order).await?;
        Ok(Invitation {
            name,
            origin: url.trim_end_matches('/').to_owned(),
            address: address.context("the app gave no address")?,
        })
    }

    /// How many pages are open.
    pub(crate) fn shown(&self) -> usize {
        self.shown.load(Ordering::Relaxed)
    }

    pub(super) fn show(&self, pages: usize) {
        self.shown.store(pages, Ordering::Relaxed);
    }

    /// The origins of the app's pages; the last is opened later.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().map(|(_, url)| url.trim_end_matches('/'))
    }

    /// The hostile page's origin.
    pub(crate) fn hostile(&self) -> &str {
        self.hostile.trim_end_matches('/')
    }

    /// The origins of all that a dashboard shows.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &str> {
        self.origins().chain([self.hostile()])
    }

    pub(super) fn open(&self, orders: Orders) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(orders);
    }

    pub(super) fn close(&self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn orders(&self) -> Result<Orders> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match &*orders {
            Some(orders) => Ok(orders.clone()),
            None => bail!("the app is not running"),
        }
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new(&[])
    }
}
