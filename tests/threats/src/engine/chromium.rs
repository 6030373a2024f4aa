use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use tokencast_chromium::Tab;
use tokencast_webviews::ChromiumHost;

use super::Engine;

/// Makes `askApp` of a binding that gives no answers.
const ASK: &str = r#"(() => {
  const waiting = new Map();
  let last = 0;
  globalThis.askApp = (text) => new Promise((resolve) => {
    waiting.set(++last, resolve);
    askAppBinding(JSON.stringify({ id: last, text }));
  });
  globalThis.askAppAnswer = (id, answer) => waiting.get(id)?.(answer);
})()"#;

impl Engine for ChromiumHost {
    async fn bare(&self) -> Tab {
        self.bare().await
    }

    async fn attach(&self, tab: &Tab) {
        self.attach(tab).await;
    }

    async fn at_start(&self, tab: &Tab, script: &str) {
        tab.call("Page.enable", json!({})).await.unwrap();
        let wanted = json!({ "source": script });
        tab.call("Page.addScriptToEvaluateOnNewDocument", wanted)
            .await
            .unwrap();
    }

    async fn hear_everyone(
        &self,
        tab: &Tab,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) {
        let remote = tab.remote();
        tab.listen(Arc::new(move |event, parameters| {
            if event != "Runtime.bindingCalled" {
                return;
            }
            let asked: Value =
                serde_json::from_str(parameters["payload"].as_str().unwrap_or_default()).unwrap_or_default();
            let answer = json!(answer(asked["text"].as_str().unwrap_or_default()));
            // By the number of the context, which another document may have by now: naive in this too.
            let wanted = json!({
                "expression": format!("askAppAnswer({}, {answer})", asked["id"]),
                "contextId": parameters["executionContextId"],
            });
            remote.send("Runtime.evaluate", wanted);
        }));
        tab.call("Runtime.enable", json!({})).await.unwrap();
        tab.call("Runtime.addBinding", json!({ "name": "askAppBinding" }))
            .await
            .unwrap();
        self.at_start(tab, ASK).await;
    }

    async fn remember(&self, tab: &Tab, url: &str) -> u64 {
        let last = Arc::new(AtomicU64::new(0));
        let seen = last.clone();
        tab.listen(Arc::new(move |event, parameters| {
            if event == "Runtime.executionContextCreated" {
                seen.store(parameters["context"]["id"].as_u64().unwrap_or_default(), Relaxed);
            }
        }));
        tab.call("Runtime.enable", json!({})).await.unwrap();
        tab.navigate(url).await.unwrap();
        // Whatever runs in the new document comes after the news of it.
        tab.evaluate("return document.readyState").await.unwrap();
        last.load(Relaxed)
    }

    async fn evaluate_in(&self, tab: &Tab, remembered: u64, script: &str) {
        let wanted = json!({ "expression": script, "contextId": remembered });
        let _ = tab.call("Runtime.evaluate", wanted).await;
    }

    async fn shown(&self, tab: &Tab) -> String {
        let tree = tab.call("Page.getFrameTree", json!({})).await.unwrap();
        tree["frameTree"]["frame"]["url"].as_str().unwrap().to_owned()
    }

    async fn back(&self, tab: &Tab) {
        let history = tab.call("Page.getNavigationHistory", json!({})).await.unwrap();
        let before = history["currentIndex"].as_u64().unwrap() as usize - 1;
        let wanted = json!({ "entryId": history["entries"][before]["id"] });
        tab.call("Page.navigateToHistoryEntry", wanted).await.unwrap();
    }

    async fn reload(&self, tab: &Tab) {
        tab.call("Page.reload", json!({})).await.unwrap();
    }
}
