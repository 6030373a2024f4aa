//! The bridge in WebKitGTK: [`bridge`] attaches a webview to the pages of a session, [`open`] shows several in one
//! window. Both are for the thread on which GTK was initialised;
//! [`UiThread`] is one for programs whose first thread does something else.
//!
//! Empty without the feature `webkit`, which needs libwebkitgtk-6.0-dev: the workspace builds on machines without it.
#![cfg(feature = "webkit")]

mod documents;
mod glue;
mod ui;
mod window;
mod workers;

pub use webkit6;

pub use glue::bridge;
pub use ui::{Running, UiThread};
pub use window::open;
pub use workers::forget_workers;
