//! A signed-in user of a webview in which the reference backend shows its pages, and clocks that the test moves.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokencast::pages::PagePolicy;
use tokencast::session::AuthSession;
use tokencast::transport::ReqwestTransport;
use tokencast_backend::{Config, Fault, FaultKind, Route, RunningBackend, Tls};
use tokencast_testkit::{LeapClock, Rig, ada};
use tokencast_webviews::{View, run, until, until_some};

use crate::hosts::{Host, Layers};

const ACCESS_TTL: Duration = Duration::from_secs(60 * 60);
/// As long as documents asked for again are counted.
const A_WHILE: Duration = Duration::from_secs(5 * 60);

pub(crate) struct User<H: Host> {
    pub(crate) host: H,
    pub(crate) view: H::View,
    pub(crate) session: AuthSession,
    rig: Rig,
    /// Of the app. It stands still but for the test, so that no deadline depends on the machine.
    clock: LeapClock,
}

/// What the witness wrote down of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    /// Tells one document from another.
    pub(crate) document: f64,
    pub(crate) when: String,
    pub(crate) path: String,
    pub(crate) refused: bool,
    pub(crate) hidden: bool,
}

impl<H: Host> User<H> {
    /// Somebody is signed in and looks at the first page.
    pub(crate) async fn at_home(layers: Layers) -> Self {
        let rig = Rig::with(Config {
            tls: Tls::TestAuthority,
            access_ttl: ACCESS_TTL,
            ..Config::for_tests()
        })
        .await;
        let pem = rig.server.ca_pem().unwrap().as_bytes();
        let transport = ReqwestTransport::default().with_extra_root(pem).unwrap();
        let clock = LeapClock::stopped();
        let process = rig.process().reqwest(transport).clock(Arc::new(clock.clone()));
        let session = process.build().unwrap();
        session.sign_in(ada()).await.unwrap();
        let policy = PagePolicy::new([rig.server.url()]).unwrap();
        let host = H::start(&session, policy, layers).await;
        let view = host.open().await;
        host.load(&view, &format!("{}/app", rig.server.url())).await;
        let user = Self {
            host,
            view,
            session,
            rig,
            clock,
        };
        user.arrives("Home").await;
        user
    }

    pub(crate) fn server(&self) -> &RunningBackend {
        &self.rig.server
    }

    /// The access token ends, by every clock.
    pub(crate) fn expire(&self) {
        self.sleep(ACCESS_TTL + Duration::from_secs(1));
    }

    /// The server takes the access token no longer; the app does not know.
    pub(crate) fn expire_early(&self) {
        self.sleep(A_WHILE);
        self.server().expire_access_tokens();
    }

    /// Time passes.
    pub(crate) fn sleep(&self, time: Duration) {
        self.clock.advance(time);
        self.server().advance_clock(time);
    }

    /// Time passes until another document than before is there. Chromium runs no script in a page that is about to be
    /// left: time must not wait for that.
    pub(crate) async fn waits(&self) {
        let is_there = format!("return {LOADED}");
        let mut arrival = pin!(until(&self.view, &is_there));
        let mut seconds = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                () = &mut arrival => return,
                _ = seconds.tick() => self.clock.advance(Duration::from_secs(1)),
            }
        }
    }

    /// What the server does with the next request for one of its pages.
    pub(crate) fn next_document(&self, fault: FaultKind) {
        self.server().arm(Fault::once(Route::Pages, fault)).unwrap();
    }

    /// Loads a page, as an app does that has been told to show it.
    pub(crate) async fn load(&self, path: &str) {
        self.mark().await;
        let url = format!("{}{path}", self.server().url());
        self.host.load(&self.view, &url).await;
    }

    /// Does something by which the page leads elsewhere.
    pub(crate) async fn does(&self, script: &str) {
        self.mark().await;
        // The document may be gone before it can say that it did.
        self.view.run(script).await;
    }

    pub(crate) async fn taps(&self, link: &str) {
        self.does(&format!("document.getElementById('{link}').click()"))
            .await;
    }

    pub(crate) async fn searches(&self, text: &str) {
        self.submits("search", "q", text).await;
    }

    pub(crate) async fn adds_note(&self, text: &str) {
        self.submits("note", "text", text).await;
    }

    async fn submits(&self, form: &str, field: &str, text: &str) {
        let script = format!(
            "const form = document.getElementById('{form}'); form.elements['{field}'].value = '{text}'; form.requestSubmit()"
        );
        self.does(&script).await;
    }

    /// Another view of the same app, at its first page.
    pub(crate) async fn opens_another(&self) -> H::View {
        let view = self.host.open().await;
        self.host
            .load(&view, &format!("{}/app", self.server().url()))
            .await;
        until(&view, "return document.title === 'Home'").await;
        view
    }

    /// Waits until another document than before is there, and this is its title.
    pub(crate) async fn arrives(&self, title: &str) {
        let is_there = format!("return {LOADED} && document.title === '{title}'");
        until(&self.view, &is_there).await;
    }

    /// Waits until another document than before is there; its title.
    pub(crate) async fn sees(&self) -> String {
        let title = until_some(&self.view, &format!("return {LOADED} ? document.title : null")).await;
        title.as_str().unwrap().to_owned()
    }

    /// What the user has seen since the last call.
    pub(crate) async fn has_seen(&self) -> Vec<Seen> {
        let seen =
            "const seen = localStorage.getItem('seen') ?? '[]'; localStorage.removeItem('seen'); return seen";
        let seen = run(&self.view, seen).await;
        serde_json::from_str(seen.as_str().unwrap()).unwrap()
    }

    /// The notes on the first page.
    pub(crate) async fn notes(&self) -> Vec<String> {
        let notes = "return [...document.querySelectorAll('li')].map((note) => note.textContent)";
        let Value::Array(notes) = run(&self.view, notes).await else {
            panic!("a list");
        };
        notes
            .iter()
            .map(|note| note.as_str().unwrap().to_owned())
            .collect()
    }

    async fn mark(&self) {
        run(&self.view, "window.left = true").await;
    }
}

const LOADED: &str =
    "!window.left && location.pathname.startsWith('/app') && document.readyState === 'complete'";
