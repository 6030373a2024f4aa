use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokencast::bridge::{Action, PageId, PagePolicy, Sender, Slot};
use tokencast::pages::{PageHost, Pages};

/// A webview as its glue sees it.
pub(crate) struct OpenPage {
    pages: Pages,
    id: PageId,
    origin: String,
    greeting: Value,
    later: Arc<Mutex<Vec<Action>>>,
}

struct Glue(Arc<Mutex<Vec<Action>>>);

impl PageHost for Glue {
    fn perform(&self, actions: Vec<Action>) {
        self.0.lock().unwrap().extend(actions);
    }
}

impl OpenPage {
    pub(crate) fn greeted(pages: &Pages, number: u32) -> Self {
        let origin = format!("https://page{number}.example.com");
        let later = Arc::new(Mutex::new(Vec::new()));
        let policy = PagePolicy::new([origin.as_str()]).unwrap().allow_loopback_http();
        let id = pages.attach(policy, Arc::new(Glue(later.clone()))).unwrap();
        let mut page = Self {
            pages: pages.clone(),
            id,
            origin,
            greeting: Value::Null,
            later,
        };
        let hello = json!({"v": 1, "k": "hello", "id": 1, "min": 1, "max": 1, "doc": "d", "have": null, "resume": false});
        let answer = reply(&page.says(&hello)).expect("a state");
        assert_eq!(answer["gen"]["g"], 1);
        page.greeting = answer;
        page
    }

    pub(crate) fn was_greeted_with(&self, token: &tokencast::AccessToken) -> bool {
        self.greeting["at"] == token.secret()
    }

    pub(crate) fn reports_a_401(&self) -> Vec<Action> {
        self.says(&json!({"v": 1, "k": "need", "id": 2, "used": self.greeting["gen"], "why": "401"}))
    }

    fn says(&self, message: &Value) -> Vec<Action> {
        let slot = Slot(message["id"].as_u64().unwrap());
        self.pages.on_message(
            self.id,
            &Sender::main_frame(self.origin.as_str()),
            &message.to_string(),
            slot,
        )
    }

    pub(crate) fn answer(&self) -> Option<Value> {
        reply(&self.later.lock().unwrap())
    }
}

fn reply(actions: &[Action]) -> Option<Value> {
    actions.iter().find_map(|action| match action {
        Action::Reply { payload, .. } => serde_json::from_str(payload.expose()).ok(),
        _ => None,
    })
}
