//! A transport that notes which answers the server gives besides tokens, for whoever writes the profile, and how long
//! the server asked to be left alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokencast::ServerProfile;
use tokencast::profile::VerdictRule;
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};

/// A server in trouble is left alone for so long, when it does not say how long; and at most so long when it does.
const TROUBLE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(120);

/// Clones note into one list.
#[derive(Clone)]
pub(crate) struct Listening {
    below: ReqwestTransport,
    profile: Arc<ServerProfile>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    answers: BTreeMap<Answer, u64>,
    asks_for: Option<Duration>,
}

/// An answer that was no success, without anything that could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: String,
    /// Whether a verdict of the profile fits it.
    pub(crate) listed: bool,
}

impl Listening {
    pub(crate) fn new(profile: &ServerProfile) -> Self {
        Self {
            below: ReqwestTransport::default(),
            profile: Arc::new(profile.clone()),
            heard: Arc::default(),
        }
    }

    /// Each answer that was no success, and how often it came.
    pub(crate) fn heard(&self) -> BTreeMap<Answer, u64> {
        self.lock().answers.clone()
    }

    /// How long the server wants to be left alone, by its last answer. It means real time, which the client's clock does
    /// not keep.
    pub(crate) fn take_pause(&self) -> Option<Duration> {
        self.lock().asks_for.take()
    }

    fn note(&self, response: &HttpResponse) {
        let answer = Answer {
            status: response.status,
            code: code(&self.profile, response),
            listed: self
                .profile
                .verdicts()
                .iter()
                .any(|rule| fits(rule, &self.profile, response)),
        };
        let mut heard = self.lock();
        heard.asks_for = pause(response);
        if !(200..300).contains(&response.status) {
            *heard.answers.entry(answer).or_default() += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpTransport for Listening {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let listening = self.clone();
        Box::pin(async move {
            let answer = listening.below.send(request).await;
            if let Ok(response) = &answer {
                listening.note(response);
            }
            answer
        })
    }

    fn preparation(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.below.preparation()
    }
}

fn pause(response: &HttpResponse) -> Option<Duration> {
    let asked = response.header("retry-after").map(|text| {
        // A date is rare: the client reads it, here a moment will do.
        text.trim().parse().map_or(TROUBLE, Duration::from_secs)
    });
    match response.status {
        200..=299 => None,
        408 | 425 | 429 | 500..=599 => Some(asked.unwrap_or(TROUBLE).min(LONGEST)),
        _ => asked.map(|pause| pause.min(LONGEST)),
    }
}

/// The code at the profile's `answer.error`, when it is one: a server may say anything there, a token too.
pub(crate) fn code(profile: &ServerProfile, response: &HttpResponse) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(&response.body) else {
        return "(no JSON)".into();
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    match profile.answer().error.get(&body) {
        Some(Value::String(code)) if code.len() <= 40 && code.chars().all(name) => code.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => "(prose)".into(),
        None => format!("(nothing at {})", String::from(profile.answer().error.clone())),
    }
}

/// Whether a rule of the verdict table is about this answer, as docs/guides/server-profile.md tells it.
pub(crate) fn fits(rule: &VerdictRule, profile: &ServerProfile, response: &HttpResponse) -> bool {
    if rule.status != response.status {
        return false;
    }
    let body = serde_json::from_slice::<Value>(&response.body).ok();
    let pointer = rule.at.as_ref().unwrap_or(&profile.answer().error);
    let value = body.as_ref().and_then(|body| pointer.get(body));
    if let Some(error) = &rule.error {
        return value.and_then(Value::as_str) == Some(error);
    }
    if let Some(wanted) = &rule.is {
        return value == Some(wanted);
    }
    let Some(part) = &rule.contains else { return true };
    match (value, &body) {
        (Some(Value::String(text)), _) => text.contains(part),
        (Some(value), _) => value.to_string().contains(part),
        (None, None) if rule.at.is_none() => String::from_utf8_lossy(&response.body).contains(part),
        (None, _) => false,
    }
}
