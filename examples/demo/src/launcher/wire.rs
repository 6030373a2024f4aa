//! What went from one place to another, as it was seen: requests by the tap, messages of pages by the app. The dashboard
//! draws these, in this order. No token is in them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokencast::token::Generation;

use super::tap::{Actor, Answer, Kind, Label, Passing};
use crate::control::{RENDERED, Said};

/// So many are kept: more than a browser misses between two looks.
const MOST: usize = 160;

/// The newest of what went over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(VecDeque<(u64, Duration, Moment)>);

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    pub(crate) from: Spot,
    pub(crate) to: Spot,
    /// Which page it is, by its origin, where a page is in it.
    pub(crate) page: Option<String>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// Where things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spot {
    App,
    Server,
    Page,
    /// Whoever else is in a story.
    Other,
}

/// What is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum What {
    /// A request: `POST /auth/refresh`.
    Asks {
        asks: String,
        /// Whether it was asked before under the same key.
        again: bool,
        carries: Vec<Kind>,
    },
    /// Its answer; without a status it was lost.
    Answers {
        asks: String,
        status: Option<u16>,
        error: Option<String>,
        brings: Vec<Kind>,
    },
    /// A message of the bridge.
    Says {
        says: String,
        why: Option<String>,
        generation: Option<Generation>,
    },
    /// A copy of what the app has, taken by somebody.
    Copies { carries: Vec<Kind> },
    /// What a hostile page tried, and what came of it.
    Tries {
        tries: String,
        got: String,
        nothing: bool,
    },
}

impl Wire {
    pub(crate) fn add(&mut self, number: u64, at: Duration, moment: Moment) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((number, at, moment));
    }

    pub(crate) fn to_json(&self) -> Vec<Value> {
        let one = |(number, at, moment): &(u64, Duration, Moment)| {
            let mut value = json!(moment);
            value["n"] = json!(number);
            value["ms"] = json!(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
            value
        };
        self.0.iter().map(one).collect()
    }
}

impl From<Passing> for Moment {
    fn from(passing: Passing) -> Self {
        // The window of the app asks for the page itself: it is the page's way.
        let rendered = passing.from == Actor::App && passing.asks.ends_with(" /app");
        let page = passing.origin.or(rendered.then(|| RENDERED.to_owned()));
        let sender = match passing.from {
            Actor::App if rendered => Spot::Page,
            Actor::App => Spot::App,
            Actor::Page => Spot::Page,
            Actor::Other => Spot::Other,
        };
        let asks = passing.asks;
        let (from, to, what) = match passing.answer {
            None => {
                let (again, carries) = (passing.again, kinds(&passing.carries));
                let what = What::Asks { asks, again, carries };
                (sender, Spot::Server, what)
            }
            Some(answer) => {
                let (status, error, brings) = match answer {
                    Answer::Given {
                        status,
                        error,
                        brings,
                    } => (Some(status), error, kinds(&brings)),
                    Answer::NotYet | Answer::Lost => (None, None, Vec::new()),
                };
                let what = What::Answers {
                    asks,
                    status,
                    error,
                    brings,
                };
                (Spot::Server, sender, what)
            }
        };
        Self { from, to, page, what }
    }
}

impl From<Said> for Moment {
    fn from(said: Said) -> Self {
        let (from, to) = if said.by_page {
            (Spot::Page, Spot::App)
        } else {
            (Spot::App, Spot::Page)
        };
        Self {
            from,
            to,
            page: Some(said.origin),
            what: What::Says {
                says: said.kind,
                why: said.why,
                generation: said.generation,
            },
        }
    }
}

fn kinds(labels: &[Label]) -> Vec<Kind> {
    labels.iter().map(|label| label.kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(answer: Option<Answer>) -> Passing {
        Passing {
            from: Actor::Page,
            origin: Some("http://127.0.0.1:4000".into()),
            asks: "GET /api/me".into(),
            again: false,
            carries: vec![Label {
                kind: Kind::Access,
                text: "A1".into(),
            }],
            answer,
        }
    }

    #[test]
    fn a_request_goes_to_the_server_and_its_answer_comes_back() {
        let there = Moment::from(passing(None));
        assert_eq!((there.from, there.to), (Spot::Page, Spot::Server));
        let back = Moment::from(passing(Some(Answer::Lost)));
        assert_eq!((back.from, back.to), (Spot::Server, Spot::Page));
        assert!(matches!(back.what, What::Answers { status: None, .. }));
        let text = json!(there).to_string();
        assert!(
            text.contains(r#""what":"asks""#) && text.contains(r#""carries":["access"]"#),
            "{text}"
        );
    }

    #[test]
    fn the_oldest_go_first_and_each_keeps_its_number() {
        let mut wire = Wire::default();
        for number in 0..MOST as u64 + 3 {
            wire.add(number, Duration::ZERO, Moment::from(passing(None)));
        }
        let told = wire.to_json();
        assert_eq!((told.len(), &told[0]["n"]), (MOST, &json!(3)));
    }
}
