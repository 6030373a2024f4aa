//! The glue between a tab and the pages of a session: it decides nothing.

use std::sync::Arc;

use serde_json::{Value, json};
use tokencast::error::SessionError;
use tokencast::pages::{GoneReason, PageHost, PageId, PagePolicy, Pages};

use crate::answers::Answers;
use crate::documents;
use crate::pipe::CdpError;
use crate::tab::Tab;
use crate::worlds::Said;

/// The isolated world of the relay; the page's scripts do not get there.
pub(crate) const WORLD: &str = "tokencast";
/// What the relay calls to send; it stands in that world alone.
const BINDING: &str = "tokencastSend";
const CLIENT: &str = include_str!("../../../bindings/web/dist/tokencast.inject.js");
const RELAY: &str = include_str!("../../../bindings/web/relay/relay.js");

/// Why a tab could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The policy does not fit.
    #[error(transparent)]
    Policy(#[from] SessionError),
    /// The browser does not take part.
    #[error(transparent)]
    Browser(#[from] CdpError),
}

/// Attaches a tab, which is detached when it closes. Its next document is the first with a bridge.
pub async fn bridge(tab: &Tab, pages: &Pages, policy: PagePolicy) -> Result<PageId, BridgeError> {
    let pages = Arc::new(pages.clone());
    let answers = Arc::new(Answers::new(tab.remote(), &pages, &policy));
    let page = pages.attach(policy, answers.clone())?;
    let shown = answers.clone();
    let glue = Glue { pages, page, answers };
    tab.listen(Arc::new(move |event, parameters| {
        glue.on_event(event, parameters)
    }));
    let relay = format!("({RELAY})(async (text) => {BINDING}(text))");
    let steps = [
        ("Page.enable", json!({})),
        ("Network.enable", json!({})),
        ("Inspector.enable", json!({})),
        ("Runtime.enable", json!({})),
        (
            "Runtime.addBinding",
            json!({"name": BINDING, "executionContextName": WORLD}),
        ),
        (
            "Page.addScriptToEvaluateOnNewDocument",
            json!({"source": relay, "worldName": WORLD}),
        ),
        ("Page.addScriptToEvaluateOnNewDocument", json!({"source": CLIENT})),
    ];
    for (method, parameters) in steps.into_iter().chain(documents::steps()) {
        tab.call(method, parameters).await?;
    }
    let tree = tab.call("Page.getFrameTree", json!({})).await?;
    shown.worlds().set_main_frame(&tree["frameTree"]["frame"]["id"]);
    Ok(page)
}

/// Passes on what the browser says.
struct Glue {
    pages: Arc<Pages>,
    page: PageId,
    answers: Arc<Answers>,
}

impl Glue {
    fn on_event(&self, event: &str, parameters: &Value) {
        let mut worlds = self.answers.worlds();
        let actions = match event {
            "Runtime.bindingCalled" if parameters["name"] == BINDING => match worlds.said(parameters) {
                Some(Said::Message(sender, message, slot)) => {
                    drop(worlds);
                    self.pages.on_message(self.page, &sender, &message, slot)
                }
                Some(Said::Seen(origin, visible)) => {
                    drop(worlds);
                    let mut actions = self.pages.on_document_origin(self.page, &origin);
                    actions.extend(self.pages.on_visibility(self.page, visible));
                    actions
                }
                None => return,
            },
            "Runtime.executionContextCreated" => return worlds.created(&parameters["context"]),
            "Runtime.executionContextDestroyed" => {
                return worlds.destroyed(&parameters["executionContextId"]);
            }
            "Runtime.executionContextsCleared" => return worlds.cleared(),
            "Network.requestWillBeSent" if parameters["type"] == "Document" => {
                return worlds.asked_for(parameters);
            }
            "Page.frameNavigated" if parameters["frame"]["parentId"].is_null() => {
                let (url, method) = worlds.committed(&parameters["frame"]);
                drop(worlds);
                self.answers.documents().on_committed();
                self.pages.on_committed(self.page, &url, &method)
            }
            "Fetch.requestPaused" => {
                let main_frame = worlds.main_frame();
                drop(worlds);
                let documents = self.answers.documents();
                return documents.on_paused(&self.pages, self.page, &main_frame, parameters);
            }
            "Inspector.targetCrashed" => {
                drop(worlds);
                self.pages.on_gone(self.page, GoneReason::ProcessTerminated)
            }
            "Target.detachedFromTarget" => {
                drop(worlds);
                self.answers.forget();
                self.pages.on_gone(self.page, GoneReason::Closed)
            }
            _ => return,
        };
        self.answers.perform(actions);
    }
}
