//! Where pages get their addresses: from the app, as long as it runs.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::process::Orders;
use super::sites::Site;
use crate::control::Order;

/// Where pages get their addresses.
#[derive(Clone, Default)]
pub(crate) struct Door {
    pages: Arc<[(&'static str, String)]>,
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
        Self {
            pages: sites.iter().map(|site| (site.name, site.url())).collect(),
            orders: Arc::default(),
        }
    }

    /// Asks the app for an address for each page.
    pub(crate) async fn invite(&self) -> Result<Vec<Invitation>> {
        let orders = self.orders()?;
        let mut invitations = Vec::new();
        for (name, url) in &*self.pages {
            let address = orders.give(Order::Invite { url: url.clone() }).await?;
            invitations.push(Invitation {
                name,
                origin: url.trim_end_matches('/').to_owned(),
                address: address.context("the app gave no address")?,
            });
        }
        Ok(invitations)
    }

    /// The pages' origins.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().map(|(_, url)| url.trim_end_matches('/'))
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
