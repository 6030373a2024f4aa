//! What a server's answers to document requests say of the cookie: that it did not take the token, although by the
//! app's own clock it has not ended.

use std::collections::{BTreeMap, VecDeque};

use super::action::{Op, PageId};
use super::cookies::Place;
use super::reload::{MOST_OF_PAGE, MOST_OF_URL, SPAN, Url};
use super::{Bridge, Steps};
use crate::time::BootTime;

/// What is to become of the answer to a document request, before anything of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentResponse {
    /// It is shown, whatever it is.
    Go,
    /// It is dropped, and the same URL is loaded again, by GET, when [`Action::Release`](super::Action::Release) with this
    /// name comes; unless another document has been committed meanwhile.
    Again {
        /// The name of what waits.
        op: Op,
    },
}

/// How often a page's documents were asked for once more.
#[derive(Debug, Default)]
pub(super) struct Rejections(BTreeMap<PageId, VecDeque<(Url, BootTime)>>);

/// By this query parameter a server sends a request back with its body, to the same URL (307): it did not take the token.
/// With the parameter it answers in any case.
const SENT_BACK: (&str, &str) = ("retried", "1");

impl Bridge {
    /// The answer to a request for the main frame's document is there.
    pub(crate) fn on_document_response(
        &mut self,
        id: PageId,
        url: &str,
        method: &str,
        status: u16,
        now: BootTime,
    ) -> (DocumentResponse, Steps) {
        let mut steps = Steps::new();
        let is_rejection = self
            .pages
            .get(&id)
            .is_some_and(|page| page.is_rejection(url, status));
        // What else was sent would be sent twice.
        let may_repeat = is_rejection && method.eq_ignore_ascii_case("GET");
        let place = may_repeat.then(|| self.rejected(id, url, now)).flatten();
        match place.and_then(|place| self.cookies.wait(id, vec![place], now, &mut steps)) {
            Some(op) => (DocumentResponse::Again { op }, steps),
            None => (DocumentResponse::Go, steps),
        }
    }

    /// A document is about to be asked for: whether because the server sent it back.
    pub(crate) fn on_sent_back(&mut self, id: PageId, url: &str, method: &str, now: BootTime) {
        let (name, value) = SENT_BACK;
        let is_sent_back = !method.eq_ignore_ascii_case("GET")
            && url::Url::parse(url)
                .is_ok_and(|url| url.query_pairs().any(|pair| pair == (name.into(), value.into())));
        if is_sent_back {
            self.rejected(id, url, now);
        }
    }

    /// A server did not take the cookie's token. Which cookie, when asking once more may help: at most twice in five
    /// minutes for one URL, and eight times for a page.
    fn rejected(&mut self, id: PageId, url: &str, now: BootTime) -> Option<Place> {
        let place = self.pages.get(&id)?.place(url)?;
        if !self.standing.state.is_active() || !self.rejections.admit(id, url, now) {
            return None;
        }
        self.cookies.reject(&place, &self.standing);
        Some(place)
    }
}

impl Rejections {
    pub(super) fn detach(&mut self, id: PageId) {
        self.0.remove(&id);
    }

    fn admit(&mut self, id: PageId, url: &str, now: BootTime) -> bool {
        let past = self.0.entry(id).or_default();
        while past.front().is_some_and(|(_, time)| time.until(now) >= SPAN) {
            past.pop_front();
        }
        let url = Url::of(url);
        let of_url = past.iter().filter(|(other, _)| *other == url).count();
        let admitted = of_url < MOST_OF_URL && past.len() < MOST_OF_PAGE;
        if admitted {
            past.push_back((url, now));
        }
        admitted
    }
}
