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
use zeroize::Zeroizing;

use crate::presented::{presents, successor};

/// A server that wants to be left alone is, for so long when it does not say how long; and at most so long when it does.
const A_MOMENT: Duration = Duration::from_secs(1);
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
    redirects_to: Option<String>,
    newest: Option<Newest>,
}

/// The newest that the server gave the client to present.
struct Newest {
    credential: Zeroizing<String>,
    /// The last request that presented it.
    presented: Option<HttpRequest>,
    /// The client presented something else since.
    strayed: bool,
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

    /// Where a redirect of the server leads to, without a query.
    pub(crate) fn redirects_to(&self) -> Option<String> {
        self.lock().redirects_to.clone()
    }

    /// A fresh session lives by this.
    pub(crate) fn begins_with(&self, credential: Option<String>) {
        self.lock().newest = credential.map(Newest::of);
    }

    /// The last request, if all that the client presented since the server's last answer is the newest that it gave.
    pub(crate) fn presented_the_newest_only(&self) -> Option<HttpRequest> {
        let heard = self.lock();
        let newest = heard.newest.as_ref().filter(|newest| !newest.strayed)?;
        newest.presented.clone()
    }

    /// Sends a request as it is, past the client; whether the server does what it asks.
    pub(crate) async fn is_accepted(&self, request: HttpRequest) -> bool {
        let answer = self.below.send(request).await;
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    fn note_request(&self, request: &HttpRequest) {
        let mut heard = self.lock();
        let Some(newest) = &mut heard.newest else { return };
        if !presents(request, &newest.credential) {
            newest.strayed = true;
        } else {
            newest.presented = Some(request.clone());
        }
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
        heard.redirects_to = redirect(response).or(heard.redirects_to.take());
        if (200..300).contains(&response.status) {
            if let Some(next) = successor(&self.profile, response) {
                heard.newest = Some(Newest::of(next));
            }
        } else {
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
            listening.note_request(&request);
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

impl Newest {
    fn of(credential: String) -> Self {
        Self {
            credential: credential.into(),
            presented: None,
            strayed: false,
        }
    }
}

/// How long the server wants to be left alone. One that is merely in trouble may be so for ever, and does not ask for it.
fn pause(response: &HttpResponse) -> Option<Duration> {
    let asked = response.header("retry-after").map(|text| {
        // A date is rare: the client reads it, here a moment will do.
        text.trim().parse().map_or(A_MOMENT, Duration::from_secs)
    });
    match response.status {
        200..=299 => None,
        408 | 425 | 429 => Some(asked.unwrap_or(A_MOMENT).min(LONGEST)),
        _ => asked.map(|pause| pause.min(LONGEST)),
    }
}

/// Where a redirect leads to, without a query.
pub(crate) fn redirect(response: &HttpResponse) -> Option<String> {
    let is_one = (300..400).contains(&response.status);
    let target = response.header("location").filter(|_| is_one)?;
    target.split(['?', '#']).next().map(str::to_owned)
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
