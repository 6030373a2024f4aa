//! What pages send, parsed strictly and bounded.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answer::ErrCode;
use crate::token::{Generation, Secret, StoreId, TokenSet};

/// No page's message may be longer, in bytes.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;

/// A generation with the store in which it counts: `gen` on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) store: StoreId,
    pub(crate) generation: Generation,
}

impl Stamp {
    /// Whether both name the same sign-in.
    pub(super) fn same_epoch(&self, other: &Self) -> bool {
        self.store == other.store && self.generation.epoch == other.generation.epoch
    }
}

/// A page's message.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub(super) id: Option<MessageId>,
    pub(super) body: Body,
}

/// What a page wants.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    Hello { doc: String, have: Option<Stamp> },
    Watch { have: Option<Stamp> },
    Need { used: Option<Stamp>, why: Why },
    Ack { have: Stamp },
    Lease,
    HandOver(HandOver),
    Bye,
}

/// What a page brings back under its lease.
#[derive(Debug, PartialEq)]
pub(super) struct HandOver {
    pub(super) lease: String,
    pub(super) base: Stamp,
    pub(super) tokens: TokenSet,
}

/// Why a page needs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Why {
    #[serde(rename = "401")]
    Rejected,
    #[serde(rename = "expiring")]
    Expiring,
}

/// A page's own name for its message, given back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum MessageId {
    Number(u64),
    Text(String),
}

/// A message that is none, and how to answer it.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    pub(super) id: Option<MessageId>,
    pub(super) code: ErrCode,
}

impl Message {
    /// Parses a page's text. Unknown fields are ignored, wrong ones are not.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let unsupported = |id| Unreadable {
            id,
            code: ErrCode::Unsupported,
        };
        if text.len() > MAX_MESSAGE || !is_shallow(text) {
            return Err(unsupported(None));
        }
        let head: Head = from_json(text).ok_or_else(|| unsupported(None))?;
        let id = match head.id {
            Some(MessageId::Text(id)) if id.len() > MAX_NAME => return Err(unsupported(None)),
            id => id,
        };
        if head.v != VERSION {
            return Err(Unreadable {
                id,
                code: ErrCode::Version,
            });
        }
        match Body::parse(&head.k, text) {
            Some(Ok(body)) => Ok(Self { id, body }),
            Some(Err(code)) => Err(Unreadable { id, code }),
            None => Err(unsupported(id)),
        }
    }

    /// Only the message's id, for an answer that does not depend on the rest.
    pub(super) fn id_of(text: &str) -> Option<MessageId> {
        match Self::parse(text) {
            Ok(message) => message.id,
            Err(unreadable) => unreadable.id,
        }
    }
}

impl Body {
    fn parse(kind: &str, text: &str) -> Option<Result<Self, ErrCode>> {
        Some(Ok(match kind {
            "hello" => {
                let hello: Hello = from_json(text)?;
                if hello.min > VERSION || hello.max < VERSION {
                    return Some(Err(ErrCode::Version));
                }
                if hello.doc.is_empty() || hello.doc.len() > MAX_NAME {
                    return None;
                }
                let have = stamp(hello.have)?;
                Self::Hello { doc: hello.doc, have }
            }
            "watch" => {
                let watch: Watch = from_json(text)?;
                Self::Watch {
                    have: stamp(watch.have)?,
                }
            }
            "need" => {
                let need: Need = from_json(text)?;
                Self::Need {
                    used: stamp(need.used)?,
                    why: need.why,
                }
            }
            "ack" => {
                let ack: Ack = from_json(text)?;
                Self::Ack {
                    have: stamp(Some(ack.have))??,
                }
            }
            "lease" => Self::Lease,
            "handover" => Self::HandOver(hand_over(from_json(text)?)?),
            "bye" => Self::Bye,
            _ => return None,
        }))
    }
}

pub(super) const VERSION: u64 = 1;
/// The longest document name, store name and message id, in bytes.
const MAX_NAME: usize = 64;
/// How deep a message may nest; those of the protocol need two levels.
const MAX_DEPTH: usize = 8;
/// No page's word makes a token live longer.
const MOST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
struct Head {
    v: u64,
    k: String,
    id: Option<MessageId>,
}

#[derive(Deserialize)]
struct Hello {
    min: u64,
    max: u64,
    doc: String,
    have: Option<WireStamp<String>>,
}

#[derive(Deserialize)]
struct Watch {
    have: Option<WireStamp<String>>,
}

#[derive(Deserialize)]
struct Need {
    used: Option<WireStamp<String>>,
    why: Why,
}

#[derive(Deserialize)]
struct Ack {
    have: WireStamp<String>,
}

#[derive(Deserialize)]
struct WireHandOver {
    lease: String,
    base: WireStamp<String>,
    at: Secret,
    rt: Option<Secret>,
    exp: u64,
}

/// What cannot be a pair of tokens is no hand-over; whether the server takes it is seen when it is saved.
fn hand_over(wire: WireHandOver) -> Option<HandOver> {
    let fits =
        |token: &Secret| !token.is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if wire.lease.len() > MAX_NAME || !fits(&wire.at) || wire.rt.as_ref().is_some_and(|rt| !fits(rt)) {
        return None;
    }
    Some(HandOver {
        lease: wire.lease,
        base: stamp(Some(wire.base))??,
        tokens: TokenSet {
            refresh_token: wire.rt,
            ..TokenSet::only_access_token(wire.at).expires_in(Duration::from_millis(wire.exp).min(MOST_LIFE))
        },
    })
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireStamp<S> {
    s: S,
    e: u64,
    g: u64,
}

impl<'a> WireStamp<&'a str> {
    pub(super) fn of(stamp: &'a Stamp) -> Self {
        let name = stamp.store.as_str();
        Self {
            // A page takes no generation without a store, and before the first sign-in there may be none.
            s: if name.is_empty() { "none" } else { name },
            e: stamp.generation.epoch,
            g: stamp.generation.number,
        }
    }
}

/// `None` when it is no stamp, `Some(None)` when there is none.
#[allow(clippy::option_option)]
fn stamp(wire: Option<WireStamp<String>>) -> Option<Option<Stamp>> {
    match wire {
        None => Some(None),
        Some(wire) if wire.s.is_empty() || wire.s.len() > MAX_NAME => None,
        Some(wire) => Some(Some(Stamp {
            store: wire.s.as_str().into(),
            generation: Generation::new(wire.e, wire.g),
        })),
    }
}

fn from_json<T: DeserializeOwned>(text: &str) -> Option<T> {
    // The error may quote what the page sent, so it goes no further.
    serde_json::from_str(text).ok()
}

/// Whether no bracket outside of a string stands deeper than the protocol needs, in one pass without recursion.
fn is_shallow(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_stamp() -> Stamp {
        Stamp {
            store: "5704e".into(),
            generation: Generation::new(3, 7),
        }
    }

    fn code(text: &str) -> ErrCode {
        Message::parse(text).unwrap_err().code
    }

    #[test]
    fn a_hello_is_read_with_all_its_fields() {
        let text = r#"{"v":1,"k":"hello","id":"9","min":1,"max":2,"doc":"d","have":{"s":"5704e","e":3,"g":7},"resume":true,"new":[1]}"#;
        let Message { id, body } = Message::parse(text).unwrap();
        assert_eq!(id, Some(MessageId::Text("9".into())));
        assert_eq!(
            body,
            Body::Hello {
                doc: "d".into(),
                have: Some(some_stamp())
            }
        );
    }

    #[test]
    fn every_kind_of_the_protocol_is_read() {
        let parse = |text| Message::parse(text).map(|message| message.body);
        assert_eq!(
            parse(r#"{"v":1,"k":"watch","id":1,"have":null}"#),
            Ok(Body::Watch { have: None })
        );
        assert_eq!(parse(r#"{"v":1,"k":"bye","why":"pagehide"}"#), Ok(Body::Bye));
        assert_eq!(
            parse(r#"{"v":1,"k":"need","id":1,"used":{"s":"5704e","e":3,"g":7},"why":"401"}"#),
            Ok(Body::Need {
                used: Some(some_stamp()),
                why: Why::Rejected
            })
        );
        assert_eq!(
            parse(r#"{"v":1,"k":"ack","id":1,"have":{"s":"5704e","e":3,"g":7}}"#),
            Ok(Body::Ack { have: some_stamp() })
        );
        assert_eq!(parse(r#"{"v":1,"k":"lease","id":1}"#), Ok(Body::Lease));
        let tokens = TokenSet::refresh_token("r").access_token("a");
        assert_eq!(
            parse(
                r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"5704e","e":3,"g":7},"at":"a","rt":"r","exp":1500}"#
            ),
            Ok(Body::HandOver(HandOver {
                lease: "l".into(),
                base: some_stamp(),
                tokens: tokens.expires_in(Duration::from_millis(1500)),
            }))
        );
    }

    #[test]
    fn what_is_no_message_is_refused_and_never_panics() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "\"hello\"",
            "{\"v\":1",
            "\u{0}",
            r#"{"v":"1","k":"bye"}"#,
            r#"{"v":1,"k":7}"#,
            r#"{"v":1,"v":1,"k":"bye"}"#,
            r#"{"v":1.5,"k":"bye"}"#,
            r#"{"v":-1,"k":"bye"}"#,
            r#"{"v":1e999,"k":"bye"}"#,
            r#"{"v":1,"k":"bye","id":{}}"#,
            r#"{"v":1,"k":"bye","id":-1}"#,
            r#"{"v":1,"k":"bye"} {"v":1}"#,
            r#"{"v":1,"k":"ack","have":null}"#,
            r#"{"v":1,"k":"ack","have":{"s":"","e":1,"g":1}}"#,
            r#"{"v":1,"k":"ack","have":{"s":"a","e":-1,"g":1}}"#,
            r#"{"v":1,"k":"ack","have":{"s":"a","e":1}}"#,
            r#"{"v":1,"k":"need","used":null,"why":"403"}"#,
            r#"{"v":1,"k":"need","used":"x","why":"401"}"#,
            r#"{"v":1,"k":"hello","min":1,"max":1,"doc":"","have":null}"#,
            r#"{"v":1,"k":"hello","min":1,"max":1,"have":null}"#,
            r#"{"v":1,"k":"__proto__"}"#,
            r#"{"v":1,"k":"borrow","id":1}"#,
            r#"{"v":1,"k":"handover","id":1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":null,"at":"a","exp":1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"a","e":1,"g":1},"at":"","exp":1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"a","e":1,"g":1},"at":"a b","exp":1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"a","e":1,"g":1},"at":"a","exp":-1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"a","e":1,"g":1},"at":"a","rt":"","exp":1}"#,
            r#"{"v":1,"k":"handover","id":1,"lease":"l","base":{"s":"a","e":1,"g":1},"at":"a","rt":"r\r\nX: y","exp":1}"#,
        ] {
            assert_eq!(code(text), ErrCode::Unsupported, "{text}");
        }
    }

    #[test]
    fn another_version_is_named_as_such() {
        assert_eq!(code(r#"{"v":2,"k":"hello","id":1}"#), ErrCode::Version);
        assert_eq!(
            code(r#"{"v":1,"k":"hello","id":1,"min":2,"max":3,"doc":"d","have":null}"#),
            ErrCode::Version
        );
    }

    #[test]
    fn an_unknown_kind_keeps_its_id() {
        let unreadable = Message::parse(r#"{"v":1,"k":"borrow","id":"4"}"#).unwrap_err();
        assert_eq!(unreadable.id, Some(MessageId::Text("4".into())));
    }

    #[test]
    fn a_message_too_long_or_too_deep_is_refused_before_it_is_read() {
        let long = format!(r#"{{"v":1,"k":"bye","x":"{}"}}"#, "a".repeat(MAX_MESSAGE));
        assert_eq!(code(&long), ErrCode::Unsupported);
        let deep = format!(
            r#"{{"v":1,"k":"bye","x":{}{}}}"#,
            "[".repeat(20_000),
            "]".repeat(20_000)
        );
        assert_eq!(code(&deep), ErrCode::Unsupported);
        let deep = format!(
            r#"{{"v":1,"k":"bye","x":{}1{}}}"#,
            r#"{"a":"#.repeat(9_000),
            "}".repeat(9_000)
        );
        assert_eq!(code(&deep), ErrCode::Unsupported);
    }

    #[test]
    fn brackets_in_a_string_are_not_depth() {
        let text = format!(r#"{{"v":1,"k":"bye","x":"\"{}"}}"#, "[".repeat(100));
        assert!(Message::parse(&text).is_ok());
    }

    #[test]
    fn long_names_are_refused() {
        let name = "a".repeat(MAX_NAME + 1);
        let hello = format!(r#"{{"v":1,"k":"hello","id":1,"min":1,"max":1,"doc":"{name}","have":null}}"#);
        assert_eq!(code(&hello), ErrCode::Unsupported);
        let ack = format!(r#"{{"v":1,"k":"ack","id":1,"have":{{"s":"{name}","e":1,"g":1}}}}"#);
        assert_eq!(code(&ack), ErrCode::Unsupported);
        let id = format!(r#"{{"v":1,"k":"bye","id":"{name}"}}"#);
        assert_eq!(Message::parse(&id).unwrap_err().id, None);
    }
}
