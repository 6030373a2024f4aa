//! What pages that a server renders need of a tab: requests that wait for the cookie, answers that are dropped before
//! anything of them is shown, the cookie itself. Nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::{Value, json};
use tokencast::pages::{Action, DocumentRequest, DocumentResponse, Op, PageId, Pages};

use crate::pipe::CdpError;
use crate::tab::{Remote, Tab};

/// What has the browser stop at each document, before it is asked for and before its answer is shown. A service
/// worker would answer past that.
pub(crate) fn steps() -> [(&'static str, Value); 2] {
    [
        ("Network.setBypassServiceWorker", json!({"bypass": true})),
        ("Fetch.enable", at_stages(&["Request", "Response"])),
    ]
}

fn at_stages(stages: &[&str]) -> Value {
    let stages = stages.iter();
    let patterns: Vec<_> = stages
        .map(|stage| json!({"resourceType": "Document", "requestStage": stage}))
        .collect();
    json!({ "patterns": patterns })
}

impl Tab {
    /// Whether document requests are held, and answers dropped, in this attached tab: so that a test sees what happens
    /// without.
    pub async fn stop_documents(&self, requests: bool, answers: bool) -> Result<(), CdpError> {
        self.call("Fetch.disable", json!({})).await?;
        let stages = match (requests, answers) {
            (true, true) => &["Request", "Response"][..],
            (true, false) => &["Request"],
            (false, true) => &["Response"],
            (false, false) => return Ok(()),
        };
        self.call("Fetch.enable", at_stages(stages)).await?;
        Ok(())
    }
}

/// Performs what the pages say. It must not hold them, for they hold it.
#[derive(Debug)]
pub(crate) struct Documents {
    tab: Remote,
    pages: Weak<Pages>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    waiting: BTreeMap<Op, Waiting>,
    /// What was released before it was written down here.
    early: BTreeSet<Op>,
}

#[derive(Debug)]
enum Waiting {
    /// By the browser's name of it.
    Request(String),
    /// A document to be loaded again.
    Load(String),
}

impl Documents {
    pub(crate) fn new(tab: Remote, pages: &Arc<Pages>) -> Self {
        Self {
            tab,
            pages: Arc::downgrade(pages),
            held: Mutex::default(),
        }
    }

    /// A document's request, or its answer, is stopped.
    pub(crate) fn on_paused(&self, pages: &Pages, page: PageId, main_frame: &str, paused: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (url, method) = (
            text(&paused["request"]["url"]),
            text(&paused["request"]["method"]),
        );
        let request = text(&paused["requestId"]);
        let status = paused["responseStatusCode"].as_u64();
        if status.is_none() && paused["responseErrorReason"].is_null() {
            return match pages.on_document_request(page, &url, &method) {
                DocumentRequest::Go => self.proceed(&request),
                DocumentRequest::Hold { op } => self.hold(op, Waiting::Request(request)),
            };
        }
        let status = status.and_then(|status| u16::try_from(status).ok());
        let is_main = paused["frameId"] == main_frame;
        let ruling = status.filter(|_| is_main).map_or(DocumentResponse::Go, |status| {
            pages.on_document_response(page, &url, &method, status)
        });
        match ruling {
            DocumentResponse::Go => self.proceed(&request),
            DocumentResponse::Again { op } => {
                let dropped = json!({"requestId": request, "errorReason": "Aborted"});
                self.tab.send("Fetch.failRequest", dropped);
                self.hold(op, Waiting::Load(url));
            }
        }
    }

    /// Whoever went on meanwhile is not called back.
    pub(crate) fn on_committed(&self) {
        let mut held = self.held();
        held.waiting
            .retain(|_, waiting| matches!(waiting, Waiting::Request(_)));
    }

    /// One of the actions for documents and cookies; others are not its business.
    pub(crate) fn perform(&self, action: Action) {
        match action {
            Action::SetCookie { op, cookie, .. } => {
                let wanted = json!({
                    "name": cookie.name(), "value": cookie.expose(), "url": format!("{}/", cookie.origin()),
                    "path": "/", "secure": true, "httpOnly": true, "sameSite": "Lax",
                });
                self.write(op, "Network.setCookie", wanted);
            }
            Action::DeleteCookie { op, origin, name, .. } => {
                let wanted = json!({"name": name, "url": format!("{origin}/"), "path": "/"});
                self.write(op, "Network.deleteCookies", wanted);
            }
            Action::Release { op } => {
                let mut held = self.held();
                match held.waiting.remove(&op) {
                    Some(waiting) => self.release(&waiting),
                    None => drop(held.early.insert(op)),
                }
            }
            _ => {}
        }
    }

    fn hold(&self, op: Op, waiting: Waiting) {
        let mut held = self.held();
        if held.early.remove(&op) {
            self.release(&waiting);
        } else {
            held.waiting.insert(op, waiting);
        }
    }

    fn release(&self, waiting: &Waiting) {
        match waiting {
            Waiting::Request(request) => self.proceed(request),
            Waiting::Load(url) => self.tab.send("Page.navigate", json!({ "url": url })),
        }
    }

    fn proceed(&self, request: &str) {
        self.tab
            .send("Fetch.continueRequest", json!({ "requestId": request }));
    }

    fn write(&self, op: Op, method: &'static str, wanted: Value) {
        let pages = self.pages.clone();
        self.tab.then(method, wanted, move |answer| {
            let is_done = answer["error"].is_null() && answer["result"]["success"] != false;
            if let Some(pages) = pages.upgrade() {
                pages.cookie_done(op, is_done);
            }
        });
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
