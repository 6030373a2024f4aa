//! A host of the bridge for tests: headless Chromium, driven over a pipe by its DevTools protocol (CDP). Unlike the
//! development host it is a webview's host in all that matters: pages are injected into, the platform says who
//! sends, and an answer reaches the asking document or nobody.
//!
//! From the outside in: a [`Chromium`] opens a [`Tab`] (`tab`), [`bridge`] (`glue`) attaches it to the pages of a session
//! and tells them what happens in the tab's `worlds`, `answers` performs what they say, `documents` stops requests and
//! answers of documents, `pipe` carries the protocol.

mod answers;
mod documents;
mod glue;
mod pipe;
mod tab;
mod workers;
mod worlds;

use std::sync::Arc;

use serde_json::json;

pub use glue::{BridgeError, bridge};
pub use pipe::{CdpError, Listener};
pub use tab::{Remote, Tab};

use pipe::Pipe;

/// A running browser with a profile of its own; it ends when this and its tabs are dropped.
#[derive(Clone, Debug)]
pub struct Chromium(Arc<Pipe>);

impl Chromium {
    /// Starts the browser that `TOKENCAST_CHROMIUM` names, else `chromium`.
    pub fn start() -> Result<Self, CdpError> {
        Self::start_with(&[])
    }

    /// The same with further flags.
    pub fn start_with(flags: &[&str]) -> Result<Self, CdpError> {
        Pipe::launch(flags).map(Arc::new).map(Self)
    }

    /// Opens a tab, empty, with cookies and storage of its own.
    pub async fn open(&self) -> Result<Tab, CdpError> {
        let context = self
            .0
            .call(None, "Target.createBrowserContext", json!({}))
            .await?;
        let wanted = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let target = self.0.call(None, "Target.createTarget", wanted).await?;
        let wanted = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.0.call(None, "Target.attachToTarget", wanted).await?;
        match session["sessionId"].as_str() {
            Some(session) => Ok(Tab::new(self.0.clone(), session)),
            None => Err(CdpError::Unexpected("Target.attachToTarget")),
        }
    }
}
