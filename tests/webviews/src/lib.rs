//! Every host of the bridge that runs on Linux behind one trait, a session of the reference backend, and sites to open:
//! what the suite in `tests/` and `tests/threats` play in.
#![allow(clippy::unwrap_used)] // only tests use it
#![allow(async_fn_in_trait)] // and nothing is spawned with a host of unknown kind
#![allow(missing_debug_implementations)] // a test that fails shows what it saw, not its host

mod chromium;
mod devhost;
mod host;
mod sites;
#[cfg(feature = "webkit")]
mod webkitgtk;
mod world;

pub use chromium::ChromiumHost;
pub use devhost::{BrowserHost, KeyedTab};
pub use host::{Host, View, WebView};
pub use sites::Sites;
#[cfg(feature = "webkit")]
pub use webkitgtk::{WebKitHost, WebKitView};
pub use world::{World, run, status_of, until, until_some};
