//! The floors of P7: the same ways of an engine without the bridge.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokencast_chromium::Tab;
use tokencast_webviews::{ChromiumHost, Host, View};

/// The relay that the bridge uses: what it costs is the engine's.
const RELAY: &str = include_str!("../../../bindings/web/relay/relay.js");
const WORLD: &str = "bench";

/// A page's client that asks when it is told of news, and notes when it has the answer.
fn client() -> String {
    let now = super::NOW;
    format!(
        r#"(() => {{
          let port;
          addEventListener("tokencast-port", (event) => {{
            if (port) return;
            port = event.ports[0];
            event.preventDefault();
            port.onmessage = ({{ data }}) => {{
              if (data === "news") port.postMessage("give");
              else window.at = {now};
            }};
          }});
          dispatchEvent(new Event("tokencast-open"));
        }})()"#
    )
}

/// An engine whose views are spoken to without the bridge.
pub(super) trait Channel: Host {
    const NAME: &'static str;

    /// How one view is reached.
    type Way;

    /// Opens a page with a relay and nothing behind it but this answer to whatever is asked.
    async fn open_bare(&self, url: &str, answer: String) -> (Self::View, Self::Way);
    /// Evaluates a script in the page's world and waits for nothing.
    async fn evaluate(&self, view: &Self::View, script: &str);
    /// Tells the page of news.
    async fn notify(&self, view: &Self::View, way: &Self::Way);
}

impl Channel for ChromiumHost {
    const NAME: &'static str = "Chromium";

    /// The relay's world by its unique name.
    type Way = Arc<Mutex<String>>;

    async fn open_bare(&self, url: &str, answer: String) -> (Tab, Self::Way) {
        let tab = self.bare().await;
        let way = Arc::new(Mutex::new(String::new()));
        let (remote, seen) = (tab.remote(), way.clone());
        tab.listen(Arc::new(move |event, parameters| match event {
            "Runtime.executionContextCreated" if parameters["context"]["name"] == WORLD => {
                let name = parameters["context"]["uniqueId"].as_str().unwrap_or_default();
                name.clone_into(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
            }
            "Runtime.bindingCalled" => {
                let said = parameters["payload"].as_str().unwrap_or_default();
                let said: Value = serde_json::from_str(said).unwrap_or_default();
                if said["text"].is_string() {
                    remote.send("Runtime.callFunctionOn", deliver(&seen, &answer));
                }
            }
            _ => {}
        }));
        let relay = format!("({RELAY})(async (text) => benchSend(text))");
        let steps = [
            ("Page.enable", json!({})),
            ("Runtime.enable", json!({})),
            (
                "Runtime.addBinding",
                json!({"name": "benchSend", "executionContextName": WORLD}),
            ),
            (
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": relay, "worldName": WORLD}),
            ),
            (
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": client()}),
            ),
        ];
        for (method, parameters) in steps {
            tab.call(method, parameters)
                .await
                .expect("the browser takes part");
        }
        tab.go(url).await;
        (tab, way)
    }

    async fn evaluate(&self, tab: &Tab, script: &str) {
        let wanted = json!({"expression": script, "silent": true});
        tab.remote().send("Runtime.evaluate", wanted);
    }

    async fn notify(&self, tab: &Tab, way: &Self::Way) {
        tab.remote().send("Runtime.callFunctionOn", deliver(way, "news"));
    }
}

fn deliver(way: &Mutex<String>, text: &str) -> Value {
    json!({
        "functionDeclaration": "function (text) { tokencastDeliver(text) }",
        "arguments": [{"value": text}],
        "uniqueContextId": *way.lock().unwrap_or_else(PoisonError::into_inner),
        "silent": true,
    })
}

#[cfg(feature = "webkit")]
mod webkitgtk {
    use tokencast_webkitgtk::webkit6::gio::Cancellable;
    use tokencast_webkitgtk::webkit6::prelude::*;
    use tokencast_webkitgtk::webkit6::{
        UserContentInjectedFrames, UserScript, UserScriptInjectionTime, javascriptcore as jsc,
    };
    use tokencast_webviews::{WebKitHost, WebKitView};

    use super::{Channel, RELAY, View, WORLD, client};

    const NOBODY: Option<&Cancellable> = None;

    impl Channel for WebKitHost {
        const NAME: &'static str = "WebKitGTK";

        type Way = ();

        async fn open_bare(&self, url: &str, answer: String) -> (WebKitView, ()) {
            let view = self.bare().await;
            view.with(move |view| {
                let content = view.user_content_manager().expect("a view has one");
                let (top, start) = (
                    UserContentInjectedFrames::TopFrame,
                    UserScriptInjectionTime::Start,
                );
                let relay = format!("({RELAY})((text) => webkit.messageHandlers.bench.postMessage(text))");
                content.add_script(&UserScript::for_world(&relay, top, start, WORLD, &[], &[]));
                content.add_script(&UserScript::new(&client(), top, start, &[], &[]));
                content.register_script_message_handler_with_reply("bench", Some(WORLD));
                content.connect_script_message_with_reply_received(
                    Some("bench"),
                    move |_, message, reply| {
                        let said = message.to_str();
                        match message.context() {
                            Some(context) if said.contains("give") => {
                                reply.return_value(&jsc::Value::new_string(&context, Some(&answer)));
                            }
                            _ => reply.return_error_message("not a question"),
                        }
                        true
                    },
                );
            })
            .await;
            view.go(url).await;
            (view, ())
        }

        async fn evaluate(&self, view: &WebKitView, script: &str) {
            let script = script.to_owned();
            view.with(move |view| view.evaluate_javascript(&script, None, None, NOBODY, |_| {}))
                .await;
        }

        async fn notify(&self, view: &WebKitView, (): &()) {
            view.with(|view| {
                view.evaluate_javascript("tokencastDeliver('news')", Some(WORLD), None, NOBODY, |_| {})
            })
            .await;
        }
    }
}
