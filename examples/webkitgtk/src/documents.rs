//! What pages that a server renders need of a webview: requests that wait for the cookie, answers that are dropped
//! before anything of them is shown, the cookie itself. Nothing is decided here.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tokencast::pages::{Cookie, DocumentRequest, DocumentResponse, Op, Origin, PageId, Pages};
use webkit6::gio::Cancellable;
use webkit6::glib::{GString, Uri, UriFlags, WeakRef};
use webkit6::prelude::*;
use webkit6::{NavigationPolicyDecision, ResponsePolicyDecision, WebView, soup};

pub(crate) struct Documents {
    pages: Pages,
    page: PageId,
    view: WeakRef<WebView>,
    held: RefCell<BTreeMap<Op, Held>>,
}

enum Held {
    /// WebKit decides for itself, to go on, when it is dropped.
    Request(NavigationPolicyDecision),
    /// A document to be loaded again.
    Load(GString),
}

impl Documents {
    pub(crate) fn new(pages: &Pages, page: PageId, view: &WebView) -> Self {
        Self {
            pages: pages.clone(),
            page,
            view: view.downgrade(),
            held: RefCell::default(),
        }
    }

    /// A frame is about to ask for a document. True when it waits.
    pub(crate) fn on_request(&self, decision: &NavigationPolicyDecision) -> bool {
        let request = decision
            .navigation_action()
            .and_then(|mut action| action.request());
        let Some((url, method)) = request.and_then(|request| Some((request.uri()?, request.http_method()?)))
        else {
            return false;
        };
        match self.pages.on_document_request(self.page, &url, &method) {
            DocumentRequest::Go => false,
            DocumentRequest::Hold { op } => {
                // Its release comes through the main loop, so not before this.
                let held = Held::Request(decision.clone());
                self.held.borrow_mut().insert(op, held);
                true
            }
        }
    }

    pub(crate) fn release(&self, op: Op) {
        let held = self.held.borrow_mut().remove(&op);
        match (held, self.view.upgrade()) {
            (Some(Held::Request(decision)), _) => decision.use_(),
            (Some(Held::Load(url)), Some(view)) => view.load_uri(&url),
            _ => {}
        }
    }

    /// Whoever went on meanwhile is not called back.
    pub(crate) fn on_committed(&self) {
        let mut held = self.held.borrow_mut();
        held.retain(|_, held| matches!(held, Held::Request(_)));
    }

    /// The answer for the main frame's document is there. True when it is dropped.
    pub(crate) fn on_response(&self, decision: &ResponsePolicyDecision) -> bool {
        let method = decision.request().and_then(|request| request.http_method());
        let (Some(method), Some(response)) = (method, decision.response()) else {
            return false;
        };
        let (url, status) = (response.uri().unwrap_or_default(), response.status_code());
        let status = u16::try_from(status).unwrap_or_default();
        match self.pages.on_document_response(self.page, &url, &method, status) {
            DocumentResponse::Go => false,
            DocumentResponse::Again { op } => {
                decision.ignore();
                self.held.borrow_mut().insert(op, Held::Load(url));
                true
            }
        }
    }

    pub(crate) fn set_cookie(&self, op: Op, cookie: &Cookie) {
        self.write(op, cookie.origin(), cookie.set_cookie().expose());
    }

    /// By an end in the past: `delete_cookie` wants to be told the cookie's value, and says that it worked all the same.
    pub(crate) fn delete_cookie(&self, op: Op, origin: &Origin, name: &str) {
        let text = format!("{name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
        self.write(op, origin, &text);
    }

    fn write(&self, op: Op, origin: &Origin, text: &str) {
        let session = self.view.upgrade().and_then(|view| view.network_session());
        let jar = session.and_then(|session| session.cookie_manager());
        let uri = Uri::parse(&origin.to_string(), UriFlags::NONE).ok();
        let (Some(jar), Some(cookie)) = (jar, soup::Cookie::parse(text, uri.as_ref())) else {
            return self.pages.cookie_done(op, false);
        };
        let pages = self.pages.clone();
        jar.add_cookie(&cookie, NOBODY, move |result| {
            pages.cookie_done(op, result.is_ok());
        });
    }
}

pub(crate) const NOBODY: Option<&Cancellable> = None;
