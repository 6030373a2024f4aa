//! A webview without a screen, for a page that the server renders: it asks for documents as a platform's webview does,
//! holds them as the core says, and has a cookie jar. `examples/webkitgtk` has one with a screen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tokencast::pages::{Action, DocumentRequest, Jar, Op, PageHost, PageId, PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::say;
use crate::control::{RENDERED, Rendered, Report, Said};
use crate::http;

/// The cookie by which the server knows who asks for a page.
const COOKIE: &str = "__Host-at";
/// What the reference backend calls it on plain http, where no browser takes one of the name above.
const COOKIE_ON_HTTP: &str = "at";

/// The window's one webview.
pub(super) struct Window {
    pages: Pages,
    page: PageId,
    jar: Arc<CookieJar>,
    released: watch::Receiver<BTreeSet<Op>>,
    /// The server, which these pages come from: `http://host:port`.
    server: String,
}

#[derive(Default)]
struct CookieJar(Mutex<BTreeMap<String, Zeroizing<String>>>);

/// Passes on what the core wants done, to a thread of the platform's as it were.
struct Host(mpsc::UnboundedSender<Action>);

impl PageHost for Host {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            // The task lives as long as the app.
            let _ = self.0.send(action);
        }
    }
}

impl Window {
    pub(super) fn open(session: &AuthSession, server: &str) -> Result<Self, String> {
        let text = |error: &dyn ToString| error.to_string();
        let policy = PagePolicy::new([server])
            .map_err(|error| text(&error))?
            .allow_loopback_http()
            .cookie(Jar(1), COOKIE)
            .map_err(|error| text(&error))?;
        let pages = session.web_views();
        let (host, actions) = mpsc::unbounded_channel();
        let page = pages.attach(policy, Arc::new(Host(host)));
        let page = page.map_err(|error| text(&error))?;
        let jar = Arc::new(CookieJar::default());
        let (release, released) = watch::channel(BTreeSet::new());
        tokio::spawn(perform(actions, pages.clone(), jar.clone(), release));
        Ok(Self {
            pages,
            page,
            jar,
            released,
            server: server.to_owned(),
        })
    }

    /// Loads a page of the server.
    pub(super) fn load(&self, path: &str) -> impl Future<Output = Result<Rendered>> + Send + use<> {
        let (pages, page, jar) = (self.pages.clone(), self.page, self.jar.clone());
        let (mut released, server, path) = (self.released.clone(), self.server.clone(), path.to_owned());
        async move {
            let url = format!("{server}{path}");
            let ruling = pages.on_document_request(page, &url, "GET");
            let held = match ruling {
                DocumentRequest::Go => false,
                DocumentRequest::Hold { op } => {
                    tell(true, "held");
                    released
                        .wait_for(|released| released.contains(&op))
                        .await
                        .context("the window is closed")?;
                    tell(false, "released");
                    true
                }
            };
            let host = server.trim_start_matches("http://");
            let mut request = Request::get(&path).header(header::HOST, host);
            if let Some(cookie) = jar.held().get(&server) {
                let cookie = Zeroizing::new(format!("{COOKIE_ON_HTTP}={}", &**cookie));
                request = request.header(header::COOKIE, cookie.as_str());
            }
            let answer = http::send(host, request.body(Body::empty())?).await?;
            let settled = pages.on_committed(page, &url, "GET");
            debug_assert!(settled.is_empty(), "the document before asked nothing");
            Ok(Rendered {
                status: answer.status().as_u16(),
                held,
                text: match answer.status() {
                    StatusCode::OK => heading(&String::from_utf8_lossy(answer.body())),
                    _ => String::new(),
                },
            })
        }
    }
}

impl CookieJar {
    /// By origin: there is one cookie.
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Zeroizing<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn perform(
    mut actions: mpsc::UnboundedReceiver<Action>,
    pages: Pages,
    jar: Arc<CookieJar>,
    release: watch::Sender<BTreeSet<Op>>,
) {
    while let Some(action) = actions.recv().await {
        match action {
            Action::SetCookie { op, cookie, .. } => {
                let value = Zeroizing::new(cookie.expose().to_owned());
                jar.held().insert(cookie.origin().to_string(), value);
                pages.cookie_done(op, true);
            }
            Action::DeleteCookie { op, origin, .. } => {
                jar.held().remove(&origin.to_string());
                pages.cookie_done(op, true);
            }
            Action::Release { op } => release.send_modify(|released| {
                released.insert(op);
            }),
            // This page has no script that could ask or be told.
            _ => {}
        }
    }
}

fn tell(by_page: bool, kind: &str) {
    say(&Report::Said(Said {
        origin: RENDERED.to_owned(),
        by_page,
        kind: kind.to_owned(),
        why: None,
        generation: None,
    }));
}

/// What stands at the top of the page: its title and whom it greets. Forms, and what they hide, come after that.
fn heading(html: &str) -> String {
    let top = html.split("<h1>").nth(1).unwrap_or_default();
    let top = top.split_once("</p>").map_or(top, |(top, _)| top);
    let mut text = String::new();
    for part in top.split('<') {
        let words = part.split_once('>').map_or(part, |(_, words)| words).trim();
        if !words.is_empty() {
            let gap = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{gap}{words}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_of_a_page_is_told_and_its_forms_are_not() {
        let html =
            r#"<title>Home</title><h1>Home</h1><p>Signed in as ada.</p><input name="csrf" value="s3cret">"#;
        assert_eq!(heading(html), "Home: Signed in as ada.");
        assert_eq!(heading("<p>nothing</p>"), "");
    }
}
