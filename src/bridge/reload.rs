//! Whether a page may be loaded again for a new token.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::message::Stamp;
use crate::time::BootTime;

/// So often within [`SPAN`] one URL of a page is loaded again.
pub(super) const MOST_OF_URL: usize = 2;
/// So often within [`SPAN`] a page is, whatever its URLs: a page can give itself a new one each time.
pub(super) const MOST_OF_PAGE: usize = 8;
/// The time in which reloads count.
pub(super) const SPAN: Duration = Duration::from_secs(5 * 60);

/// What a page has loaded and how often it was loaded again. Kept across documents: a reload makes a new one.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    loaded: Option<Loaded>,
    hidden: bool,
    /// The generation for which the host was told to load again; no longer than until the next commit.
    under_way: Option<Stamp>,
    past: VecDeque<(Url, BootTime)>,
}

/// What is to become of a document that was sent an older token than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The host is to load it again.
    Now,
    /// The host has been told.
    UnderWay,
    /// When the page is shown.
    WhenShown,
    /// It goes on as it is.
    Never,
}

#[derive(Debug)]
struct Loaded {
    url: Url,
    by_get: bool,
}

/// Tells one URL from another. Of the URL itself, which may hold a secret, nothing is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Url([u8; 32]);

impl Reloads {
    /// A document was committed. Only one that came by GET can be loaded again: the result of a POST would be
    /// submitted once more.
    pub(super) fn on_committed(&mut self, url: &str, method: &str) {
        self.under_way = None;
        self.loaded = Some(Loaded {
            url: Url::of(url),
            by_get: method.eq_ignore_ascii_case("GET"),
        });
    }

    pub(super) fn on_visibility(&mut self, visible: bool) {
        self.hidden = !visible;
    }

    /// Rules on the document for this generation, and counts it when it is to be loaded again now.
    pub(super) fn rule(&mut self, stamp: &Stamp, now: BootTime) -> Ruling {
        if self.under_way.as_ref() == Some(stamp) {
            return Ruling::UnderWay;
        }
        let Some(Loaded { url, by_get: true }) = &self.loaded else {
            return Ruling::Never;
        };
        while self.past.front().is_some_and(|(_, time)| time.until(now) >= SPAN) {
            self.past.pop_front();
        }
        let of_url = self.past.iter().filter(|(past, _)| past == url).count();
        if of_url >= MOST_OF_URL || self.past.len() >= MOST_OF_PAGE {
            return Ruling::Never;
        }
        if self.hidden {
            return Ruling::WhenShown;
        }
        self.past.push_back((*url, now));
        self.under_way = Some(stamp.clone());
        Ruling::Now
    }
}

impl Url {
    pub(super) fn of(url: &str) -> Self {
        // Another fragment is the same document.
        let whole = url.split('#').next().unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, whole.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url")
    }
}
