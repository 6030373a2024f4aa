//! What tests may change while the server runs.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::config::Origin;
use crate::fault::{Copy, Fault, FaultError, FaultKind, Route};
use crate::stats::{Counters, Stats};

/// Faults, held answers, copies of requests, origins. No lock here is held across an await.
pub(crate) struct Control {
    pub(crate) counters: Counters,
    faults: Mutex<VecDeque<Fault>>,
    copies: Mutex<Vec<Copy>>,
    holding: watch::Sender<bool>,
    held: watch::Sender<u64>,
    origins: RwLock<Vec<Origin>>,
    access_tokens: Mutex<IssuedAccessTokens>,
    forms: Mutex<Vec<ReceivedForm>>,
}

/// A form that came to `/app/notes`, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedForm {
    /// Its text: give each form one of its own.
    pub text: String,
    /// What it was answered: 303 done, 307 sent back, else refused.
    pub status: u16,
}

#[derive(Default)]
struct IssuedAccessTokens {
    good: HashSet<String>,
    ended: HashSet<String>,
}

impl Control {
    pub(crate) fn new(origins: Vec<Origin>) -> Self {
        Self {
            counters: Counters::default(),
            faults: Mutex::default(),
            copies: Mutex::default(),
            holding: watch::Sender::new(false),
            held: watch::Sender::new(0),
            origins: RwLock::new(origins),
            access_tokens: Mutex::default(),
            forms: Mutex::default(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(self.held())
    }

    pub(crate) fn arm(&self, fault: Fault) -> Result<(), FaultError> {
        fault.fault.validate()?;
        lock(&self.faults).push_back(fault);
        Ok(())
    }

    pub(crate) fn disarm(&self) {
        lock(&self.faults).clear();
    }

    pub(crate) fn take_fault(&self, route: Route) -> Option<FaultKind> {
        let mut faults = lock(&self.faults);
        faults.retain(|fault| fault.times > 0);
        let position = faults.iter().position(|fault| fault.route.covers(route))?;
        let fault = &mut faults[position];
        fault.times -= 1;
        self.counters.faults.add();
        Some(fault.fault.clone())
    }

    pub(crate) fn keep_copy(&self, copy: Copy) {
        lock(&self.copies).push(copy);
    }

    pub(crate) fn take_copies(&self) -> Vec<Copy> {
        std::mem::take(&mut lock(&self.copies))
    }

    pub(crate) fn hold(&self, hold: bool) {
        self.holding.send_replace(hold);
    }

    pub(crate) fn held(&self) -> u64 {
        *self.held.borrow()
    }

    pub(crate) fn watch_held(&self) -> watch::Receiver<u64> {
        self.held.subscribe()
    }

    /// Returns at once unless answers are held; then when they are released. A client that leaves is not counted.
    pub(crate) async fn wait_while_held(&self) {
        let mut holding = self.holding.subscribe();
        if !*holding.borrow_and_update() {
            return;
        }
        let _counted = Held::new(&self.held);
        // The sender lives as long as `self`: no error to see.
        let _ = holding.wait_for(|held| !held).await;
    }

    pub(crate) fn set_origins(&self, origins: Vec<Origin>) {
        *self.origins.write().unwrap_or_else(PoisonError::into_inner) = origins;
    }

    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        let origins = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        origins.iter().any(|allowed| allowed.matches(origin.as_bytes()))
    }

    /// Remembers an access token by its instance, so that a test can end it early.
    pub(crate) fn issued(&self, instance: String) {
        lock(&self.access_tokens).good.insert(instance);
    }

    /// Every access token issued until now is refused from now on, as if it had expired.
    pub(crate) fn expire_access_tokens(&self) {
        let mut tokens = lock(&self.access_tokens);
        let good = std::mem::take(&mut tokens.good);
        tokens.ended.extend(good);
    }

    pub(crate) fn form_received(&self, text: String, status: u16) {
        lock(&self.forms).push(ReceivedForm { text, status });
    }

    pub(crate) fn forms(&self) -> Vec<ReceivedForm> {
        lock(&self.forms).clone()
    }

    pub(crate) fn was_ended(&self, instance: &str) -> bool {
        lock(&self.access_tokens).ended.contains(instance)
    }
}

/// One held answer, counted as long as somebody waits for it.
struct Held<'a>(&'a watch::Sender<u64>);

impl<'a> Held<'a> {
    fn new(count: &'a watch::Sender<u64>) -> Self {
        count.send_modify(|held| *held += 1);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

/// Every critical section leaves the value whole, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
