//! What pages are sent.

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::action::Payload;
use super::lease::Loan;
use super::message::{MessageId, Stamp, VERSION, WireStamp};
use super::policy::ApiOrigin;
use crate::error::EndReason;
use crate::time::BootTime;
use crate::token::{AccessToken, Secret};

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

/// `lease`, the only message that holds a refresh token.
pub(super) fn lease(id: Option<&MessageId>, loan: &Loan, now: BootTime) -> Payload {
    let body = LeaseMessage {
        lease: loan.lease.as_str(),
        ttl: millis(now.until(loan.ends)),
        base: WireStamp::of(&loan.base),
        rt: loan.refresh_token.expose(),
        key: loan.attempt_key.expose(),
    };
    write("lease", id, &body)
}

/// `err`.
pub(super) fn err(id: Option<&MessageId>, code: ErrCode, retry: Option<Duration>) -> Payload {
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
struct LeaseMessage<'a> {
    lease: &'a str,
    ttl: u64,
    base: WireStamp<&'a str>,
    rt: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
struct ErrMessage {
    code: ErrCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn write<B: Serialize>(kind: &'static str, id: Option<&MessageId>, body: &B) -> Payload {
    let envelope = Envelope {
        v: VERSION,
        k: kind,
        id,
        body,
    };
    Payload::new(kind, ascii(&envelope))
}

/// A JSON string in ASCII, which is a string literal of JavaScript too.
pub(super) fn literal(text: &str) -> Secret {
    ascii(&text)
}

fn ascii<T: Serialize>(value: &T) -> Secret {
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(512));
    let mut serializer = serde_json::Serializer::with_formatter(&mut *text, Ascii);
    value
        .serialize(&mut serializer)
        .expect("these types have string keys and no fallible field, and a Vec takes every byte");
    let text = std::str::from_utf8(&text).expect("the formatter writes ASCII only");
    Secret::new(text)
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
    use serde_json::{Value, json};

    use super::super::{Action, Origin, Slot};
    use super::*;
    use crate::token::{Generation, StoreId};

    fn at(seconds: u64) -> BootTime {
        BootTime::from_start(Duration::from_secs(seconds))
    }

    fn some_stamp() -> Stamp {
        Stamp {
            store: "5704e".into(),
            generation: Generation::new(3, 7),
        }
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
            Origin::parse("https://api.example.com").unwrap(),
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
        let action = Action::Reply {
            slot: Slot(1),
            payload,
        };
        let text = format!("{action:?}");
        assert!(text.contains("state") && !text.contains("t0k3n"), "{text}");
    }
}
