use std::collections::BTreeMap;

use serde_json::Value;
use tokencast::pages::{DocumentOrigin, Sender, Slot};

use crate::glue::WORLD;

/// The documents of a tab, as the browser tells of them.
#[derive(Default)]
pub(crate) struct Worlds {
    /// The main frame; its id stays the same whatever it shows.
    main_frame: String,
    /// The load that brought what the main frame shows.
    loader: String,
    /// The worlds of living documents, by the number that messages name. Numbers are used again by other processes,
    /// so answers go by the unique name.
    worlds: BTreeMap<u64, World>,
    /// Who sent what waits for an answer.
    slots: BTreeMap<Slot, String>,
    last: u64,
    /// The method of each document's request, by its loader.
    methods: BTreeMap<String, String>,
}

/// What the relay of the main frame's document says.
pub(crate) enum Said {
    Message(Sender, String, Slot),
    /// Whose document it is, and whether it is shown.
    Seen(DocumentOrigin, bool),
}

#[derive(Clone)]
struct World {
    name: String,
    frame: String,
    /// The page's own, and not the relay's.
    is_page: bool,
}

impl Worlds {
    pub(crate) fn set_main_frame(&mut self, id: &Value) {
        self.main_frame = text(id);
    }

    pub(crate) fn main_frame(&self) -> String {
        self.main_frame.clone()
    }

    pub(crate) fn created(&mut self, context: &Value) {
        let is_page = context["auxData"]["isDefault"] == true;
        let world = World {
            name: text(&context["uniqueId"]),
            frame: text(&context["auxData"]["frameId"]),
            is_page,
        };
        if let Some(id) = context["id"].as_u64()
            && (is_page || context["name"] == WORLD)
        {
            self.worlds.insert(id, world);
        }
    }

    pub(crate) fn destroyed(&mut self, id: &Value) {
        if let Some(id) = id.as_u64() {
            self.worlds.remove(&id);
        }
    }

    pub(crate) fn cleared(&mut self) {
        self.worlds.clear();
    }

    pub(crate) fn asked_for(&mut self, request: &Value) {
        let method = text(&request["request"]["method"]);
        self.methods.insert(text(&request["loaderId"]), method);
    }

    /// The document's URL, and the method by which it was asked for; none when the browser did not ask.
    pub(crate) fn committed(&mut self, frame: &Value) -> (String, String) {
        self.main_frame = text(&frame["id"]);
        self.loader = text(&frame["loaderId"]);
        let methods = std::mem::take(&mut self.methods);
        let method = methods.get(&self.loader).cloned();
        (text(&frame["url"]), method.unwrap_or_default())
    }

    /// What was said, and by whom: the origin is stated by our own script in its world, the rest by the browser.
    pub(crate) fn said(&mut self, call: &Value) -> Option<Said> {
        let world = self.worlds.get(&call["executionContextId"].as_u64()?)?.clone();
        if world.is_page {
            return None;
        }
        let is_main_frame = world.frame == self.main_frame;
        let stated: Value = serde_json::from_str(call["payload"].as_str()?).ok()?;
        let origin = stated["origin"].as_str()?.to_owned();
        if let Some(visible) = stated["visible"].as_bool() {
            let seen = DocumentOrigin::Isolated(origin);
            return is_main_frame.then_some(Said::Seen(seen, visible));
        }
        let sender = Sender {
            origin,
            is_main_frame,
            doc: Some(world.name.clone()),
        };
        let message = stated["text"].as_str()?.to_owned();
        self.last += 1;
        let slot = Slot(self.last);
        self.slots.insert(slot, world.name);
        Some(Said::Message(sender, message, slot))
    }

    /// The world of the document that asked, once.
    pub(crate) fn asker(&mut self, slot: Slot) -> Option<String> {
        self.slots.remove(&slot)
    }

    /// The relay's world of the document that is shown now.
    pub(crate) fn relay(&self) -> Option<String> {
        self.shown(false)
    }

    /// The page's own world of the document that is shown now.
    pub(crate) fn page(&self) -> Option<String> {
        self.shown(true)
    }

    /// The load that brought the document that is shown now.
    pub(crate) fn loader(&self) -> String {
        self.loader.clone()
    }

    fn shown(&self, is_page: bool) -> Option<String> {
        let mut worlds = self.worlds.values();
        let shown = worlds.find(|world| world.frame == self.main_frame && world.is_page == is_page)?;
        Some(shown.name.clone())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
