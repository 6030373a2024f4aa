use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokencast::pages::{Action, PageHost, Pages, Payload};

use crate::documents::Documents;
use crate::rendered::Rendered;
use crate::tab::Remote;

/// Performs what the pages say. It must not hold them, for they hold it.
pub(crate) struct Answers {
    tab: Remote,
    documents: Mutex<Documents>,
    pub(crate) rendered: Rendered,
}

impl Answers {
    pub(crate) fn new(tab: Remote, pages: &Arc<Pages>) -> Self {
        Self {
            rendered: Rendered::new(tab.clone(), pages),
            tab,
            documents: Mutex::default(),
        }
    }

    pub(crate) fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tab is gone.
    pub(crate) fn forget(&self) {
        self.tab.forget();
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

    /// By GET: a reload would send the body of a POST once more.
    fn load_again(&self) {
        let url = self.documents().url();
        self.tab.send("Page.navigate", json!({ "url": url }));
    }
}

impl PageHost for Answers {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Reply { slot, payload } => {
                    let asker = self.documents().asker(slot);
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
                Action::ReloadSame { .. } => self.load_again(),
                other => self.rendered.perform(other),
            }
        }
    }
}
