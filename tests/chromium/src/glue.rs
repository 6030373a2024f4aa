//! The glue between a tab and the pages of a session: it decides nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokencast::error::SessionError;
use tokencast::pages::{Action, GoneReason, PageHost, PageId, PagePolicy, Pages, Payload, Sender, Slot};

use crate::documents;
use crate::pipe::CdpError;
use crate::tab::{Remote, Tab};

/// The isolated world of the relay; the page's scripts do not get there.
const WORLD: &str = "tokencast";
/// What the relay calls to send; it stands in that world alone.
const BINDING: &str = "tokencastSend";
const CLIENT: &str = include_str!("../../../bindings/web/dist/tokencast.inject.js");
const RELAY: &str = include_str!("../../../examples/webkitgtk/src/relay.js");

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
    let answers = Arc::new(Answers {
        tab: tab.remote(),
        documents: Mutex::default(),
        rendered: documents::Documents::new(tab.remote(), &pages),
    });
    let page = pages.attach(policy, answers.clone())?;
    let glue = Glue { pages, page, answers };
    let shown = glue.answers.clone();
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
    let main_frame = tree["frameTree"]["frame"]["id"].as_str().unwrap_or_default();
    shown.documents().main_frame = main_frame.to_owned();
    Ok(page)
}

/// Passes on what the browser says.
struct Glue {
    pages: Arc<Pages>,
    page: PageId,
    answers: Arc<Answers>,
}

/// Performs what the pages say. It must not hold them, for they hold it.
struct Answers {
    tab: Remote,
    documents: Mutex<Documents>,
    rendered: documents::Documents,
}

#[derive(Default)]
struct Documents {
    /// The main frame; its id stays the same whatever it shows.
    main_frame: String,
    /// The worlds of living documents, by the number that messages name. Numbers are used again by other processes,
    /// so answers go by the unique name.
    worlds: BTreeMap<u64, World>,
    /// Who sent what waits for an answer.
    slots: BTreeMap<Slot, String>,
    last: u64,
    /// The method of each document's request, by its loader.
    methods: BTreeMap<String, String>,
}

#[derive(Clone)]
struct World {
    name: String,
    frame: String,
}

impl Glue {
    fn on_event(&self, event: &str, parameters: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut documents = self.answers.documents();
        let actions = match event {
            "Runtime.bindingCalled" if parameters["name"] == BINDING => {
                let Some((sender, message, slot)) = documents.message(parameters) else {
                    return;
                };
                drop(documents);
                self.pages.on_message(self.page, &sender, &message, slot)
            }
            "Runtime.executionContextCreated" if parameters["context"]["name"] == WORLD => {
                let context = &parameters["context"];
                let name = text(&context["uniqueId"]);
                let frame = text(&context["auxData"]["frameId"]);
                if let Some(id) = context["id"].as_u64() {
                    documents.worlds.insert(id, World { name, frame });
                }
                return;
            }
            "Runtime.executionContextDestroyed" => {
                if let Some(id) = parameters["executionContextId"].as_u64() {
                    documents.worlds.remove(&id);
                }
                return;
            }
            "Runtime.executionContextsCleared" => return documents.worlds.clear(),
            "Network.requestWillBeSent" if parameters["type"] == "Document" => {
                let method = text(&parameters["request"]["method"]);
                documents.methods.insert(text(&parameters["loaderId"]), method);
                return;
            }
            "Page.frameNavigated" if parameters["frame"]["parentId"].is_null() => {
                let frame = &parameters["frame"];
                documents.main_frame = text(&frame["id"]);
                let methods = std::mem::take(&mut documents.methods);
                let method = methods
                    .get(&text(&frame["loaderId"]))
                    .cloned()
                    .unwrap_or_default();
                drop(documents);
                self.answers.rendered.on_committed();
                self.pages.on_committed(self.page, &text(&frame["url"]), &method)
            }
            "Fetch.requestPaused" => {
                let main_frame = documents.main_frame.clone();
                drop(documents);
                let rendered = &self.answers.rendered;
                return rendered.on_paused(&self.pages, self.page, &main_frame, parameters);
            }
            "Inspector.targetCrashed" => {
                drop(documents);
                self.pages.on_gone(self.page, GoneReason::ProcessTerminated)
            }
            "Target.detachedFromTarget" => {
                drop(documents);
                self.answers.tab.forget();
                self.pages.on_gone(self.page, GoneReason::Closed)
            }
            _ => return,
        };
        self.answers.perform(actions);
    }
}

impl Documents {
    /// Who says what: the origin is stated by our own script in its world, the rest by the browser.
    fn message(&mut self, parameters: &Value) -> Option<(Sender, String, Slot)> {
        let world = self
            .worlds
            .get(&parameters["executionContextId"].as_u64()?)?
            .clone();
        let stated: Value = serde_json::from_str(parameters["payload"].as_str()?).ok()?;
        let sender = Sender {
            origin: stated["origin"].as_str()?.to_owned(),
            is_main_frame: world.frame == self.main_frame,
            doc: Some(world.name.clone()),
        };
        self.last += 1;
        let slot = Slot(self.last);
        self.slots.insert(slot, world.name);
        Some((sender, stated["text"].as_str()?.to_owned(), slot))
    }

    /// The world of the document that is shown now.
    fn shown(&self) -> Option<String> {
        let mut worlds = self.worlds.values();
        let shown = worlds.find(|world| world.frame == self.main_frame)?;
        Some(shown.name.clone())
    }
}

impl Answers {
    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a text to one document's relay; where that document is gone, to nobody.
    fn deliver(&self, world: &str, payload: &Payload) {
        let wanted = json!({
            "functionDeclaration": "function (text) { tokencastDeliver(text) }",
            "arguments": [{"value": payload.expose()}],
            "uniqueContextId": world,
            "silent": true,
        });
        self.tab.send("Runtime.callFunctionOn", wanted);
    }
}

impl PageHost for Answers {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Reply { slot, payload } => {
                    let asker = self.documents().slots.remove(&slot);
                    if let Some(world) = asker {
                        self.deliver(&world, &payload);
                    }
                }
                Action::Notify { payload, .. } => {
                    let shown = self.documents().shown();
                    if let Some(world) = shown {
                        self.deliver(&world, &payload);
                    }
                }
                other => self.rendered.perform(other),
            }
        }
    }
}
