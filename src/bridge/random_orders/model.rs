//! A page as the test knows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::events::Doc;
use crate::bridge::{Demand, PageId};
use crate::time::BootTime;

/// What the model knows of a page, from what it did and saw alone.
#[derive(Default)]
pub(super) struct Model {
    pub(super) page: Option<PageId>,
    /// The document that greeted and was not ended since: its origin, platform name and own name.
    pub(super) document: Option<(usize, Doc)>,
    /// Of that document: the highest generation seen, and the epochs that ended.
    pub(super) highest: Option<(String, u64, u64)>,
    pub(super) ended: BTreeSet<(String, u64)>,
    /// The host has found that document's own origin, or it has greeted.
    pub(super) seen: bool,
    /// Slots in use, and whether the demand is out.
    pub(super) open: BTreeMap<u64, (usize, Doc)>,
    pub(super) demand: Option<Demand>,
    /// What was committed last, and whether by GET.
    pub(super) loaded: Option<(usize, bool)>,
    pub(super) hidden: bool,
    pub(super) reloads: Vec<(usize, BootTime)>,
    /// The demand has been met by a loan.
    pub(super) lent: bool,
    pub(super) loan: Option<Lent>,
    pub(super) barred_until: Option<BootTime>,
}

/// A loan that its page has in its hands.
#[derive(Clone)]
pub(super) struct Lent {
    pub(super) lease: String,
    pub(super) base: Value,
    pub(super) ends: BootTime,
    pub(super) document: Option<(usize, Doc)>,
}
