use tokencast::error::SessionError;
use tokencast::pages::{PagePolicy, Pages};
use webkit6::gtk::{Grid, Window};
use webkit6::prelude::*;
use webkit6::{NetworkSession, WebView};

use crate::glue::bridge;

/// A window that shows each URL in a webview of its own, side by side, attached to the pages. It is not presented yet.
pub fn open(
    title: &str,
    urls: &[String],
    pages: &Pages,
    policy: &PagePolicy,
) -> Result<Window, SessionError> {
    let grid = Grid::builder()
        .row_homogeneous(true)
        .column_homogeneous(true)
        .build();
    // Nothing of it is kept: tokens are the app's, and the pages are of this run.
    let network = NetworkSession::new_ephemeral();
    for (place, url) in (0..).zip(urls) {
        let view = WebView::builder()
            .network_session(&network)
            .hexpand(true)
            .vexpand(true)
            .build();
        bridge(&view, pages, policy.clone())?;
        view.load_uri(url);
        grid.attach(&view, place % COLUMNS, place / COLUMNS, 1, 1);
    }
    let window = Window::builder()
        .title(title)
        .default_width(1200)
        .default_height(800)
        .child(&grid)
        .build();
    Ok(window)
}

const COLUMNS: i32 = 2;
