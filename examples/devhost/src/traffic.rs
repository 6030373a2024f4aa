//! What pages and the app say to each other, by kind, for a dashboard that draws it. Never what a message holds.

use serde::Deserialize;
use tokencast::pages::{Origin, PageId};
use tokencast::token::Generation;
use tokio::sync::broadcast;

/// Who does not listen for so many messages misses some.
const REMEMBERED: usize = 256;
/// The kinds of `tokencast/1`. Whatever else a page says is `other`: a name must not carry anything out.
const KINDS: [&str; 12] = [
    "hello", "watch", "need", "ack", "lease", "handover", "bye", "state", "notify", "ended", "err", "other",
];
const OTHER: &str = KINDS[11];
const REASONS: [&str; 2] = ["401", "expiring"];

/// A message that passed between a page and the app.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passed {
    /// The page, or whom the app spoke to.
    pub page: PageId,
    /// The origin that its browser stated.
    pub origin: Origin,
    /// Whether the page said it; otherwise the app did.
    pub by_page: bool,
    /// Its kind by the protocol's name, or `other`.
    pub kind: &'static str,
    /// Why a page needs a newer token: `401` or `expiring`.
    pub why: Option<&'static str>,
    /// The generation that it names.
    pub generation: Option<Generation>,
}

/// Tells what passes to whoever listens.
pub(crate) struct Traffic(broadcast::Sender<Passed>);

impl Default for Traffic {
    fn default() -> Self {
        Self(broadcast::Sender::new(REMEMBERED))
    }
}

impl Traffic {
    pub(crate) fn listen(&self) -> broadcast::Receiver<Passed> {
        self.0.subscribe()
    }

    pub(crate) fn note(&self, page: PageId, origin: &Origin, by_page: bool, text: &str) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let named: Named = serde_json::from_str(text).unwrap_or_default();
        // The last listener may have left meanwhile.
        let _ = self.0.send(Passed {
            page,
            origin: origin.clone(),
            by_page,
            kind: one_of(&KINDS, &named.k).unwrap_or(OTHER),
            why: named.why.and_then(|why| one_of(&REASONS, &why)),
            generation: named
                .generation
                .or(named.have)
                .map(|it| Generation::new(it.e, it.g)),
        });
    }
}

/// The parts of a message that are no secret; the others are not even read.
#[derive(Default, Deserialize)]
struct Named {
    k: String,
    why: Option<String>,
    #[serde(rename = "gen")]
    generation: Option<Numbers>,
    have: Option<Numbers>,
}

#[derive(Deserialize)]
struct Numbers {
    e: u64,
    g: u64,
}

fn one_of(names: &[&'static str], text: &str) -> Option<&'static str> {
    names.iter().find(|name| **name == text).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(by_page: bool, text: &str) -> Passed {
        let traffic = Traffic::default();
        let mut listener = traffic.listen();
        let origin = Origin::parse("https://shop.example").unwrap();
        traffic.note(PageId::from_number(1).unwrap(), &origin, by_page, text);
        listener.try_recv().unwrap()
    }

    #[test]
    fn a_message_is_told_by_its_kind_and_its_token_is_not() {
        let state = r#"{"v":1,"k":"state","id":"1","gen":{"s":"x","e":2,"g":7},"at":"s3cret"}"#;
        let told = heard(false, state);
        assert_eq!(
            (told.kind, told.generation),
            ("state", Some(Generation::new(2, 7)))
        );
        assert!(!format!("{told:?}").contains("s3cret"));
        let need = heard(true, r#"{"v":1,"k":"need","id":"1","why":"401"}"#);
        assert_eq!((need.kind, need.why, need.by_page), ("need", Some("401"), true));
    }

    #[test]
    fn what_is_no_kind_of_the_protocol_is_not_repeated() {
        for text in [r#"{"k":"s3cret","why":"s3cret"}"#, "s3cret", "[]", r#"{"k":7}"#] {
            let told = heard(true, text);
            assert_eq!((told.kind, told.why), ("other", None), "{text}");
        }
    }
}
