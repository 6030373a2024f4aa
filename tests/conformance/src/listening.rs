//! A transport that notes which answers the server gives besides tokens, for whoever writes the profile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokencast::ServerProfile;
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};

/// Clones note into one list.
#[derive(Clone)]
pub(crate) struct Listening {
    below: ReqwestTransport,
    profile: Arc<ServerProfile>,
    heard: Arc<Mutex<BTreeMap<(u16, String), u64>>>,
}

impl Listening {
    pub(crate) fn new(profile: &ServerProfile) -> Self {
        Self {
            below: ReqwestTransport::default(),
            profile: Arc::new(profile.clone()),
            heard: Arc::default(),
        }
    }

    /// Status and code of each answer that was no success, and how often it came.
    pub(crate) fn heard(&self) -> BTreeMap<(u16, String), u64> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpTransport for Listening {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let listening = self.clone();
        Box::pin(async move {
            let answer = listening.below.send(request).await;
            if let Ok(response) = &answer
                && !(200..300).contains(&response.status)
            {
                let code = code(&listening.profile, response);
                let mut heard = listening.heard.lock().unwrap_or_else(PoisonError::into_inner);
                *heard.entry((response.status, code)).or_default() += 1;
            }
            answer
        })
    }

    fn preparation(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.below.preparation()
    }
}

/// The code at the profile's `answer.error`, when it is one: a server may say anything there, a token too.
fn code(profile: &ServerProfile, response: &HttpResponse) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(&response.body) else {
        return "(no JSON)".into();
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    match profile.answer().error.get(&body) {
        Some(Value::String(code)) if code.len() <= 40 && code.chars().all(name) => code.clone(),
        Some(_) => "(prose)".into(),
        None => format!("(nothing at {})", String::from(profile.answer().error.clone())),
    }
}
