//! What pages send, parsed strictly and bounded, and what they are sent.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::action::Payload;
use super::policy::ApiOrigin;
use crate::error::EndReason;
use crate::time::BootTime;
use crate::token::{AccessToken, Generation, Secret, StoreId};

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
    Bye,
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

/// The codes of `err`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrCode {
    Version,
    Unsupported,
    Busy,
    Rate,
    RefreshFailed,
    Ended,
    Stale,
    Denied,
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
            "bye" => Self::Bye,
            _ => return None,
        }))
    }
}

/// What a page is told of the session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Active,
    Locked,
    Restoring,
}

/// `state`, the only message that holds an access token.
pub(super) fn state(
    id: Option<&MessageId>,
    stamp: &Stamp,
    status: Status,
    token: Option<(&AccessToken, BootTime)>,
    api: &[ApiOrigin],
    mode: &'static str,
) -> Payload {
    let api = api
        .iter()
        .map(|api| WireApi {
            origin: api.origin.to_string(),
            rejected: &api.rejected,
        })
        .collect();
    let body = StateMessage {
        // While nothing is read there is no generation to name: any would count as another sign-in's.
        stamp: (status == Status::Active).then(|| WireStamp::of(stamp)),
        st: status,
        at: token.map(|(token, _)| token.secret()),
        exp: token.map(|(token, now)| millis(token.remaining(now))),
        api,
        mode,
    };
    write("state", id, &body)
}

/// `notify`: there is this generation; pull when yours is older.
pub(super) fn notify(id: Option<&MessageId>, stamp: &Stamp) -> Payload {
    write(
        "notify",
        id,
        &Named {
            stamp: WireStamp::of(stamp),
        },
    )
}

/// `ended`: final for the epoch it names.
pub(super) fn ended(id: Option<&MessageId>, stamp: &Stamp, reason: &EndReason) -> Payload {
    let body = EndedMessage {
        stamp: WireStamp::of(stamp),
        reason: reason.code(),
    };
    write("ended", id, &body)
}

/// `err`.
pub(super) fn err(id: Option<&MessageId>, code: ErrCode, retry: Option<std::time::Duration>) -> Payload {
    let body = ErrMessage {
        code,
        retry_ms: retry.map(millis),
    };
    write("err", id, &body)
}

/// The constant answer for whoever may not ask.
pub(super) fn denied() -> Payload {
    err(None, ErrCode::Denied, None)
}

const VERSION: u64 = 1;
/// The longest document name, store name and message id, in bytes.
const MAX_NAME: usize = 64;
/// How deep a message may nest; those of the protocol need two levels.
const MAX_DEPTH: usize = 8;

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

#[derive(Serialize, Deserialize)]
struct WireStamp<S> {
    s: S,
    e: u64,
    g: u64,
}

impl<'a> WireStamp<&'a str> {
    fn of(stamp: &'a Stamp) -> Self {
        let name = stamp.store.as_str();
        Self {
            // A page takes no generation without a store, and before the first sign-in there may be none.
            s: if name.is_empty() { "none" } else { name },
            e: stamp.generation.epoch,
            g: stamp.generation.number,
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a, B> {
    v: u64,
    k: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    #[serde(flatten)]
    body: &'a B,
}

#[derive(Serialize)]
struct StateMessage<'a> {
    #[serde(rename = "gen")]
    stamp: Option<WireStamp<&'a str>>,
    st: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    api: Vec<WireApi<'a>>,
    mode: &'static str,
}

#[derive(Serialize)]
struct WireApi<'a> {
    origin: String,
    rejected: &'a [u16],
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(rename = "gen")]
    stamp: WireStamp<&'a str>,
}

#[derive(Serialize)]
struct EndedMessage<'a> {
    #[serde(rename = "gen")]
    stamp: WireStamp<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct ErrMessage {
    code: ErrCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
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

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn write<B: Serialize>(kind: &'static str, id: Option<&MessageId>, body: &B) -> Payload {
    let envelope = Envelope {
        v: VERSION,
        k: kind,
        id,
        body,
    };
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(512));
    let mut serializer = serde_json::Serializer::with_formatter(&mut *text, Ascii);
    envelope
        .serialize(&mut serializer)
        .expect("these types have string keys and no fallible field, and a Vec takes every byte");
    let text = std::str::from_utf8(&text).expect("the formatter writes ASCII only");
    Payload::new(kind, Secret::new(text))
}

/// Compact JSON in ASCII, also without `<`, `>` and `&`: it can stand in a script.
struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, character) in fragment.char_indices() {
            if matches!(character, ' '..='~') && !matches!(character, '<' | '>' | '&') {
                continue;
            }
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::from_start(Duration::from_secs(seconds))
    }

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
            r#"{"v":1,"k":"lease","id":1}"#,
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
        let unreadable = Message::parse(r#"{"v":1,"k":"lease","id":"4"}"#).unwrap_err();
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

    #[test]
    fn a_state_says_what_the_protocol_says() {
        let token = AccessToken::new(
            "t0k3n".into(),
            some_stamp().generation,
            at(10),
            Duration::from_secs(60),
        );
        let api = [ApiOrigin::new(
            super::super::Origin::parse("https://api.example.com").unwrap(),
            &[],
        )];
        let id = MessageId::Text("7".into());
        let payload = state(
            Some(&id),
            &some_stamp(),
            Status::Active,
            Some((&token, at(15))),
            &api,
            "inject",
        );
        let value: Value = serde_json::from_str(payload.expose()).unwrap();
        assert_eq!(
            value,
            json!({"v":1, "k":"state", "id":"7", "gen":{"s":"5704e","e":3,"g":7}, "st":"active", "at":"t0k3n",
                   "exp":55_000, "api":[{"origin":"https://api.example.com","rejected":[401]}], "mode":"inject"})
        );
    }

    #[test]
    fn a_session_that_is_not_read_yet_names_no_generation() {
        let nothing = Stamp {
            store: StoreId::default(),
            generation: Generation::default(),
        };
        let value: Value =
            serde_json::from_str(state(None, &nothing, Status::Restoring, None, &[], "inject").expose())
                .unwrap();
        assert_eq!(
            value,
            json!({"v":1, "k":"state", "gen":null, "st":"restoring", "api":[], "mode":"inject"})
        );
    }

    #[test]
    fn the_other_messages_say_what_the_protocol_says() {
        let value = |payload: Payload| serde_json::from_str::<Value>(payload.expose()).unwrap();
        let stamp = json!({"s":"5704e","e":3,"g":7});
        assert_eq!(
            value(notify(None, &some_stamp())),
            json!({"v":1, "k":"notify", "gen":stamp})
        );
        assert_eq!(
            value(ended(None, &some_stamp(), &EndReason::Server("x<".into()))),
            json!({"v":1, "k":"ended", "gen":stamp, "reason":"server"})
        );
        assert_eq!(
            value(err(
                Some(&MessageId::Number(4)),
                ErrCode::Rate,
                Some(Duration::from_secs(2))
            )),
            json!({"v":1, "k":"err", "id":4, "code":"rate", "retry_ms":2000})
        );
        assert_eq!(denied().expose(), r#"{"v":1,"k":"err","code":"denied"}"#);
    }

    #[test]
    fn a_hostile_token_stays_one_ascii_string() {
        let text = "</script><!--\u{2028}\u{2029}\"\\'`${x}&\0\u{7f}\r\né😀";
        let token = AccessToken::new(
            text.into(),
            some_stamp().generation,
            at(0),
            Duration::from_secs(60),
        );
        let payload = state(
            None,
            &some_stamp(),
            Status::Active,
            Some((&token, at(0))),
            &[],
            "inject",
        );
        let raw = payload.expose();
        assert!(raw.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{raw}");
        assert!(!raw.contains(['<', '>', '&']), "{raw}");
        let value: Value = serde_json::from_str(raw).unwrap();
        assert_eq!(value["at"], text);
    }

    #[test]
    fn a_payload_never_prints_its_token() {
        let token = AccessToken::new(
            "t0k3n".into(),
            some_stamp().generation,
            at(0),
            Duration::from_secs(60),
        );
        let payload = state(
            None,
            &some_stamp(),
            Status::Active,
            Some((&token, at(0))),
            &[],
            "inject",
        );
        let action = super::super::Action::Reply {
            slot: super::super::Slot(1),
            payload,
        };
        let text = format!("{action:?}");
        assert!(text.contains("state") && !text.contains("t0k3n"), "{text}");
    }
}
