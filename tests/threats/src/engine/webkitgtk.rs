use tokencast_webkitgtk::webkit6::prelude::*;
use tokencast_webkitgtk::webkit6::{
    UserContentInjectedFrames, UserScript, UserScriptInjectionTime, javascriptcore as jsc,
};
use tokencast_webviews::{View, WebKitHost, WebKitView, until};

use super::Engine;

/// `askApp` in the page's own world, where every frame has it.
const ASK: &str = "globalThis.askApp = (text) => webkit.messageHandlers.naive.postMessage(text).then((answer) => answer || null)";

impl Engine for WebKitHost {
    async fn bare(&self) -> WebKitView {
        self.bare().await
    }

    async fn attach(&self, view: &WebKitView) {
        self.attach(view).await;
    }

    async fn at_start(&self, view: &WebKitView, script: &str) {
        let (everywhere, start) = (
            UserContentInjectedFrames::AllFrames,
            UserScriptInjectionTime::Start,
        );
        let script = script.to_owned();
        view.with(move |view| {
            let content = view.user_content_manager().unwrap();
            content.add_script(&UserScript::new(&script, everywhere, start, &[], &[]));
        })
        .await;
    }

    async fn hear_everyone(
        &self,
        view: &WebKitView,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) {
        view.with(move |view| {
            let content = view.user_content_manager().unwrap();
            content.register_script_message_handler_with_reply("naive", None);
            content.connect_script_message_with_reply_received(Some("naive"), move |_, message, reply| {
                let answer = answer(&message.to_str()).unwrap_or_default();
                let context = message.context().unwrap();
                reply.return_value(&jsc::Value::new_string(&context, Some(&answer)));
                true
            });
        })
        .await;
        self.at_start(view, ASK).await;
    }

    async fn remember(&self, view: &WebKitView, url: &str) -> u64 {
        view.go(url).await;
        let there = format!("return location.href === {url:?}");
        until(view, &there).await;
        0 // it has no names for documents: a script goes to whatever is shown
    }

    async fn evaluate_in(&self, view: &WebKitView, _: u64, script: &str) {
        let _ = view.run(script).await;
    }

    async fn shown(&self, view: &WebKitView) -> String {
        view.with(|view| view.uri().unwrap_or_default().to_string()).await
    }

    async fn back(&self, view: &WebKitView) {
        view.with(|view| view.go_back()).await;
    }

    async fn reload(&self, view: &WebKitView) {
        view.with(|view| view.reload()).await;
    }
}
