use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::pipe::{CdpError, Listener, Pipe};

/// One tab: a webview, as far as the bridge is concerned. Closed when dropped.
pub struct Tab {
    pipe: Arc<Pipe>,
    session: String,
}

impl Tab {
    pub(crate) fn new(pipe: Arc<Pipe>, session: &str) -> Self {
        Self {
            pipe,
            session: session.to_owned(),
        }
    }

    /// Loads a URL by GET; returns when its document is committed.
    pub async fn navigate(&self, url: &str) -> Result<(), CdpError> {
        let answer = self.call("Page.navigate", json!({ "url": url })).await?;
        match answer["errorText"].as_str() {
            Some(text) => Err(CdpError::Refused {
                method: "Page.navigate",
                message: text.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Runs the body of an async function in the page's own world; what it returns, as JSON.
    pub async fn evaluate(&self, body: &str) -> Result<Value, CdpError> {
        let script = format!("(async () => {{{body}\n}})()");
        let wanted = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", wanted).await?;
        let thrown = &answer["exceptionDetails"];
        if thrown.is_null() {
            return Ok(answer["result"]["value"].take());
        }
        let text = thrown["exception"]["description"].as_str();
        Err(CdpError::Thrown(
            text.or(thrown["text"].as_str()).unwrap_or_default().to_owned(),
        ))
    }

    /// Runs a script in each later document of the tab, before any of the page's own.
    pub async fn run_at_document_start(&self, script: &str) -> Result<(), CdpError> {
        // Without this no script is run so.
        self.call("Page.enable", json!({})).await?;
        let wanted = json!({ "source": script });
        self.call("Page.addScriptToEvaluateOnNewDocument", wanted).await?;
        Ok(())
    }

    /// Writes a cookie as a host without a bridge would.
    pub async fn set_cookie(&self, url: &str, name: &str, value: &str) -> Result<(), CdpError> {
        let wanted = json!({
            "name": name, "value": value, "url": url, "path": "/", "secure": true, "httpOnly": true, "sameSite": "Lax",
        });
        self.call("Network.setCookie", wanted).await?;
        Ok(())
    }

    /// Hides it, as another tab in front of it does.
    pub async fn hide(&self) -> Result<(), CdpError> {
        self.in_window("minimized").await
    }

    /// Shows it again.
    pub async fn show(&self) -> Result<(), CdpError> {
        self.in_window("normal").await
    }

    /// Ends the process that renders it, as a lack of memory does.
    pub fn crash(&self) {
        drop(self.pipe.send(Some(&self.session), "Page.crash", json!({})));
    }

    /// The tab has a window of its own, for its profile has.
    async fn in_window(&self, state: &str) -> Result<(), CdpError> {
        let window = self.call("Browser.getWindowForTarget", json!({})).await?;
        let wanted = json!({"windowId": window["windowId"], "bounds": {"windowState": state}});
        self.call("Browser.setWindowBounds", wanted).await.map(drop)
    }

    /// Sends any command of the protocol and waits for its answer.
    pub async fn call(&self, method: &'static str, parameters: Value) -> Result<Value, CdpError> {
        self.pipe.call(Some(&self.session), method, parameters).await
    }

    /// Takes the tab's events, in the place of whoever took them before: a bridge does. Called by the thread that reads:
    /// it must not wait for an answer.
    pub fn listen(&self, listener: Listener) {
        self.pipe.listen(&self.session, listener);
    }

    /// For whoever sends it commands and must not keep it.
    pub fn remote(&self) -> Remote {
        Remote {
            pipe: Arc::downgrade(&self.pipe),
            session: self.session.clone(),
        }
    }
}

impl fmt::Debug for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tab").finish_non_exhaustive()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // Its listener hears of the end and detaches the page.
        drop(self.pipe.send(Some(&self.session), "Page.close", json!({})));
    }
}

/// A tab's commands for whoever must not keep the browser.
#[derive(Clone, Debug)]
pub struct Remote {
    pipe: std::sync::Weak<Pipe>,
    session: String,
}

impl Remote {
    /// Sends a command whose answer does not matter.
    pub fn send(&self, method: &'static str, parameters: Value) {
        if let Some(pipe) = self.pipe.upgrade() {
            drop(pipe.send(Some(&self.session), method, parameters));
        }
    }

    /// Sends a command; its answer is taken on the thread that reads, which must not wait. Not called when the browser is
    /// gone.
    pub(crate) fn then(
        &self,
        method: &'static str,
        parameters: Value,
        on_answer: impl FnOnce(Value) + Send + 'static,
    ) {
        if let Some(pipe) = self.pipe.upgrade() {
            pipe.send_then(Some(&self.session), method, parameters, Box::new(on_answer));
        }
    }

    pub(crate) fn forget(&self) {
        if let Some(pipe) = self.pipe.upgrade() {
            pipe.forget(&self.session);
        }
    }
}
