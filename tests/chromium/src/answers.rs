use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::json;
use tokencast::pages::{Action, PageHost, PageId, PagePolicy, Pages, Payload, Pushed, Script};

use crate::documents::Documents;
use crate::tab::Remote;
use crate::workers::{forget_workers, is_end};
use crate::worlds::Worlds;

/// Performs what the pages say. It must not hold them, for they hold it.
pub(crate) struct Answers {
    tab: Remote,
    worlds: Mutex<Worlds>,
    documents: Documents,
    pages: Weak<Pages>,
    /// Whose pages may have tokens.
    origins: Vec<String>,
}

impl Answers {
    pub(crate) fn new(tab: Remote, pages: &Arc<Pages>, policy: &PagePolicy) -> Self {
        Self {
            documents: Documents::new(tab.clone(), pages),
            worlds: Mutex::default(),
            pages: Arc::downgrade(pages),
            origins: policy.origins().map(ToString::to_string).collect(),
            tab,
        }
    }

    pub(crate) fn worlds(&self) -> MutexGuard<'_, Worlds> {
        self.worlds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
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

    /// Into the document that is shown now and no other: its world has a name of its own.
    fn push(&self, page: PageId, script: &Script) {
        let (world, pages) = (self.worlds().page(), self.pages.clone());
        let wanted = json!({"expression": script.expose(), "uniqueContextId": world, "silent": true});
        self.tab.then("Runtime.evaluate", wanted, move |answer| {
            if let Some(pages) = pages.upgrade() {
                let result = answer["result"]["result"]["value"].as_str();
                pages.push_done(page, Pushed::from_result(result));
            }
        });
    }

    /// That document and no other: the result of a POST that came meanwhile would be submitted once more. To navigate to
    /// the same URL would be a move within the document where it has a fragment.
    fn load_again(&self) {
        let wanted = json!({"loaderId": self.worlds().loader()});
        self.tab.send("Page.reload", wanted);
    }
}

impl PageHost for Answers {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            if is_end(&action) {
                forget_workers(&self.tab, &self.origins);
            }
            match action {
                Action::Reply { slot, payload } => {
                    let asker = self.worlds().asker(slot);
                    if let Some(world) = asker {
                        self.deliver(&world, &payload);
                    }
                }
                Action::Notify { payload, .. } => {
                    let shown = self.worlds().relay();
                    if let Some(world) = shown {
                        self.deliver(&world, &payload);
                    }
                }
                Action::Push { page, script } => self.push(page, &script),
                Action::ReloadSame { .. } => self.load_again(),
                other => self.documents.perform(other),
            }
        }
    }
}
