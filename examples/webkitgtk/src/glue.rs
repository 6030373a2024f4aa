//! The glue between a webview and the pages of a session: it decides nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;
use tokencast::error::SessionError;
use tokencast::pages::{
    Action, DocumentOrigin, GoneReason, PageHost, PageId, PagePolicy, Pages, Payload, Pushed, Script, Sender,
    Slot,
};
use tokio::sync::mpsc;
use webkit6::glib::{MainContext, WeakRef};
use webkit6::prelude::*;
use webkit6::{
    LoadEvent, NavigationPolicyDecision, PolicyDecision, PolicyDecisionType, ResponsePolicyDecision,
    ScriptMessageReply, UserContentInjectedFrames, UserScript, UserScriptInjectionTime, WebView,
    javascriptcore as jsc,
};

use crate::documents::{Documents, NOBODY};
use crate::workers::end_workers;

/// The isolated world of the relay. Only there is a message handler: one in the page's own world could be reached
/// from any frame, and WebKitGTK does not say from which.
pub(crate) const WORLD: &str = "tokencast";
const HANDLER: &str = "tokencast";
const CLIENT: &str = include_str!("../../../bindings/web/dist/tokencast.inject.js");
const RELAY: &str = include_str!("../../../bindings/web/relay/relay.js");

/// Attaches a webview, which is detached when it is destroyed. Its next document is the first with a bridge.
pub fn bridge(view: &WebView, pages: &Pages, policy: PagePolicy) -> Result<PageId, SessionError> {
    let (queue, mut later) = mpsc::unbounded_channel();
    let page = pages.attach(policy, Arc::new(Ui(queue)))?;
    let glue = Rc::new(Glue {
        pages: pages.clone(),
        page,
        view: view.downgrade(),
        slots: RefCell::default(),
        last: Cell::default(),
        method: RefCell::default(),
        documents: Documents::new(pages, page, view),
    });

    if let Some(content) = view.user_content_manager() {
        let (top, start) = (
            UserContentInjectedFrames::TopFrame,
            UserScriptInjectionTime::Start,
        );
        let relay = format!("({RELAY})((text) => webkit.messageHandlers.{HANDLER}.postMessage(text))");
        content.add_script(&UserScript::for_world(&relay, top, start, WORLD, &[], &[]));
        content.add_script(&UserScript::new(CLIENT, top, start, &[], &[]));
        content.register_script_message_handler_with_reply(HANDLER, Some(WORLD));
        let glue = glue.clone();
        content.connect_script_message_with_reply_received(Some(HANDLER), move |_, message, reply| {
            glue.on_message(message, reply);
            true // answered, now or later
        });
    }
    let on = glue.clone();
    // True: decided, or decided later. Otherwise the view decides.
    view.connect_decide_policy(move |_, decision, kind| match kind {
        PolicyDecisionType::NavigationAction => on.on_request(decision),
        PolicyDecisionType::Response => on.on_response(decision),
        _ => false,
    });
    let on = glue.clone();
    view.connect_load_changed(move |view, event| {
        if event == LoadEvent::Committed {
            on.on_committed(view);
        }
    });
    let on = glue.clone();
    view.connect_web_process_terminated(move |_, _| on.on_gone(GoneReason::ProcessTerminated));
    let on = glue.clone();
    view.connect_destroy(move |_| on.on_gone(GoneReason::Closed));

    // Ends when the page is detached, for its host is dropped then.
    MainContext::default().spawn_local(async move {
        while let Some(actions) = later.recv().await {
            glue.perform(actions);
        }
    });
    Ok(page)
}

/// Posts to the thread of the webviews.
struct Ui(mpsc::UnboundedSender<Vec<Action>>);

impl PageHost for Ui {
    fn perform(&self, actions: Vec<Action>) {
        let _ = self.0.send(actions); // the view may be gone
    }
}

struct Glue {
    pages: Pages,
    page: PageId,
    view: WeakRef<WebView>,
    /// The questions that wait, each with the engine's way to answer that document and no other.
    slots: RefCell<BTreeMap<Slot, (ScriptMessageReply, jsc::Context)>>,
    last: Cell<u64>,
    /// How the document that is about to be committed was asked for.
    method: RefCell<Option<String>>,
    documents: Documents,
}

impl Glue {
    fn on_message(&self, message: &jsc::Value, reply: &ScriptMessageReply) {
        let stated: Value = serde_json::from_str(&message.to_str()).unwrap_or_default();
        if let (Some(visible), Some(origin)) = (stated["visible"].as_bool(), stated["origin"].as_str()) {
            let seen = DocumentOrigin::Isolated(origin.to_owned());
            self.perform(self.pages.on_document_origin(self.page, &seen));
            return self.perform(self.pages.on_visibility(self.page, visible));
        }
        let (Some((sender, text)), Some(context)) = (read(&stated), message.context()) else {
            return reply.return_error_message("not a message of the relay");
        };
        let slot = Slot(self.last.get() + 1);
        self.last.set(slot.0);
        self.slots.borrow_mut().insert(slot, (reply.clone(), context));
        self.perform(self.pages.on_message(self.page, &sender, &text, slot));
    }

    fn on_request(&self, decision: &PolicyDecision) -> bool {
        let decision = decision.downcast_ref::<NavigationPolicyDecision>();
        decision.is_some_and(|decision| self.documents.on_request(decision))
    }

    fn on_response(&self, decision: &PolicyDecision) -> bool {
        let Some(decision) = decision.downcast_ref::<ResponsePolicyDecision>() else {
            return false;
        };
        if !decision.is_main_frame_main_resource() {
            return false;
        }
        let method = decision.request().and_then(|request| request.http_method());
        *self.method.borrow_mut() = method.map(Into::into);
        self.documents.on_response(decision)
    }

    fn on_committed(&self, view: &WebView) {
        let url = view.uri().unwrap_or_default();
        self.documents.on_committed();
        // Of a document from the back-forward cache nobody says how it was asked for.
        let method = self.method.take().unwrap_or_default();
        self.perform(self.pages.on_committed(self.page, &url, &method));
    }

    fn on_gone(&self, reason: GoneReason) {
        self.perform(self.pages.on_gone(self.page, reason));
    }

    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            end_workers(&self.view, &action);
            match action {
                Action::Reply { slot, payload } => {
                    let asked = self.slots.borrow_mut().remove(&slot);
                    if let Some((reply, context)) = asked {
                        reply.return_value(&jsc::Value::new_string(&context, Some(payload.expose())));
                    }
                }
                Action::Notify { payload, .. } => self.notify(&payload),
                Action::ReloadSame { .. } => self.load_again(),
                Action::Push { script, .. } => self.push(&script),
                Action::SetCookie { op, cookie, .. } => self.documents.set_cookie(op, &cookie),
                Action::DeleteCookie { op, origin, name, .. } => {
                    self.documents.delete_cookie(op, &origin, &name);
                }
                Action::Release { op } => self.documents.release(op),
                _ => {} // a host is asked for nothing else
            }
        }
    }

    fn push(&self, script: &Script) {
        if let Some(view) = self.view.upgrade() {
            let (pages, page) = (self.pages.clone(), self.page);
            view.evaluate_javascript(script.expose(), None, None, NOBODY, move |result| {
                let result = result.ok().map(|value| value.to_str());
                pages.push_done(page, Pushed::from_result(result.as_deref()));
            });
        }
    }

    /// By GET: a reload would send the body of a POST once more.
    fn load_again(&self) {
        if let Some(view) = self.view.upgrade()
            && let Some(url) = view.uri()
        {
            view.load_uri(&url);
        }
    }

    /// For whichever document is shown: what is told this way holds no secret.
    fn notify(&self, payload: &Payload) {
        if let Some(view) = self.view.upgrade() {
            let script = format!("globalThis.tokencastDeliver?.({})", Value::from(payload.expose()));
            view.evaluate_javascript(&script, Some(WORLD), None, NOBODY, |_| {});
        }
    }
}

/// What the relay says of its document, which is the top frame's, and what the page's client said to it.
fn read(stated: &Value) -> Option<(Sender, String)> {
    let sender = Sender::main_frame(stated["origin"].as_str()?).document(stated["doc"].as_str()?);
    Some((sender, stated["text"].as_str()?.to_owned()))
}
