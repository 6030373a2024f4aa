//! A page makes the exchange itself, at the real server, and hands the new pair over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokencast::error::{EndReason, SessionError};
use tokencast::pages::{Action, PageHost, PageId, PagePolicy, Pages, Sender, Slot};
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast_backend::{Config, Fault, FaultKind, NewUser, Route, Scheme};
use tokencast_testkit::eventually;
use tokio::sync::mpsc;

use crate::device::{ADA, ROUNDED, told};
use crate::server::{Answer, Server};

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const EVE: [&str; 2] = ["eve", "dropper"];
const APP: &str = "https://app.example.com";

async fn server() -> Server {
    let users = [ADA, EVE].map(|[name, password]| NewUser::new(name, password));
    let config = Config {
        users: users.into(),
        ..Config::for_tests().with_scheme(Scheme::Rotation)
    };
    Server::of(super::start(config).await, |url| {
        ServerProfile::rotation(url)?.with_subject(&format!("{url}/api/me"), "/sub")
    })
}

/// A page that has greeted.
struct Page {
    pages: Pages,
    id: PageId,
    later: mpsc::UnboundedReceiver<Action>,
    slots: u64,
}

struct Host(mpsc::UnboundedSender<Action>);

impl PageHost for Host {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            let _ = self.0.send(action);
        }
    }
}

impl Page {
    async fn of(session: &AuthSession) -> Self {
        let pages = session.web_views();
        let policy = PagePolicy::new([APP]).unwrap().allow_loopback_http();
        let (sender, later) = mpsc::unbounded_channel();
        let policy = policy.self_refresh([APP]).unwrap();
        let mut page = Self {
            id: pages.attach(policy, Arc::new(Host(sender))).unwrap(),
            pages,
            later,
            slots: 0,
        };
        let hello = json!({"k":"hello", "min":1, "max":1, "doc":"d", "have":null, "resume":false});
        assert_eq!(page.ask(hello).await["st"], "active");
        page
    }

    async fn ask(&mut self, mut message: Value) -> Value {
        self.slots += 1;
        (message["v"], message["id"]) = (json!(1), json!(self.slots));
        let sender = Sender::main_frame(APP);
        let mut actions = self
            .pages
            .on_message(self.id, &sender, &message.to_string(), Slot(self.slots));
        loop {
            let action = match actions.pop() {
                Some(action) => action,
                None => self.later.recv().await.unwrap(),
            };
            match action {
                Action::Reply { slot, payload } if slot == Slot(self.slots) => {
                    return serde_json::from_str(payload.expose()).unwrap();
                }
                Action::Reply { .. } | Action::Notify { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn borrow(&mut self) -> Value {
        let lease = self.ask(json!({"k":"lease"})).await;
        assert_eq!(lease["k"], "lease", "{}", lease["code"]);
        lease
    }

    async fn hand_over(&mut self, lease: &Value, at: &str, rt: &str) -> Value {
        let (lease, base) = (&lease["lease"], &lease["base"]);
        self.ask(json!({"k":"handover", "lease":lease, "base":base, "at":at, "rt":rt, "exp":900_000}))
            .await
    }
}

/// The page's own exchange.
async fn exchange(server: &Server, lease: &Value) -> Answer {
    let refresh_token = lease["rt"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    server
        .post_under(lease["key"].as_str(), "/auth/refresh", &fields)
        .await
}

/// Whether the server still takes this refresh token for an exchange.
async fn lives(server: &Server, refresh_token: &str) -> bool {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    server.post("/auth/refresh", &fields).await.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_s_exchange_is_the_session_s() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let mut page = Page::of(&process.session).await;
    let lease = page.borrow().await;
    let pair = exchange(&server, &lease).await;
    let answer = page
        .hand_over(&lease, pair.access_token(), pair.refresh_token())
        .await;
    assert!(answer["at"] == pair.access_token(), "{}", answer["k"]);
    let token = process.session.access_token().await.unwrap();
    assert!(token.secret() == pair.access_token());
    assert!(device.secret("refresh_token") == pair.refresh_token());
    assert!(device.record()["unproven"].is_null());
    device.renews(&process, ACCESS_LIFE).await;
    assert_eq!(
        told(&process.session),
        ["SignedIn", "Rejected", "Renewed", "Renewed"]
    );
    let stats = server.backend.stats();
    assert_eq!((stats.exchanges, stats.logins, stats.reuse_detected), (2, 1, 0));
}

/// A page, or who has a script in it, brings Eve's tokens, and keeps what it was lent. Neither lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_s_pair_ends_the_session_and_all_of_it_is_revoked() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let mut page = Page::of(&process.session).await;
    let lease = page.borrow().await;
    let eves = server.login(EVE).await;
    let answer = page
        .hand_over(&lease, eves.access_token(), eves.refresh_token())
        .await;
    assert_eq!(
        (&answer["k"], &answer["reason"]),
        (&json!("ended"), &json!("handover_refused"))
    );
    let reason = EndReason::HandoverRefused;
    assert_eq!(
        process.session.access_token().await.unwrap_err(),
        SessionError::SignInRequired { reason }
    );
    eventually("both are revoked", || server.backend.stats().revocations == 2).await;
    assert!(!lives(&server, eves.refresh_token()).await);
    assert!(!lives(&server, lease["rt"].as_str().unwrap()).await);
    assert_eq!(
        told(&process.session),
        ["SignedIn", "Rejected", "Ended(HandoverRefused)"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_somebody_made_up_ends_the_session() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let mut page = Page::of(&process.session).await;
    let lease = page.borrow().await;
    let answer = page.hand_over(&lease, "made-up", "made-up-too").await;
    assert_eq!(answer["reason"], "handover_refused");
    eventually("what was lent is revoked", || {
        server.backend.stats().revocations >= 1
    })
    .await;
    assert!(!lives(&server, lease["rt"].as_str().unwrap()).await);
}

/// 1. The server cannot say whose the pair is: the page and the app are told to try again, and nothing is lost.
/// 2. The process dies. The next one gets on from the saved pair, once the server can say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_is_judged_later_loses_nothing() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let mut page = Page::of(&process.session).await;
    let lease = page.borrow().await;
    let pair = exchange(&server, &lease).await;
    server
        .backend
        .arm(Fault::times(Route::Me, 9, FaultKind::status(503)))
        .unwrap();
    let answer = page
        .hand_over(&lease, pair.access_token(), pair.refresh_token())
        .await;
    assert_eq!(answer["code"], "refresh_failed");
    assert!(device.secret("refresh_token") == pair.refresh_token());
    server.pass(ACCESS_LIFE + ROUNDED);
    let refused = process.session.access_token().await.unwrap_err();
    assert!(matches!(refused, SessionError::TryAgain { .. }), "{refused:?}");
    process.kill();
    let process = device.start();
    assert!(process.session.restored().await.is_active());
    assert!(process.session.current_token().is_none());
    server.backend.disarm();
    let token = process.session.access_token().await.unwrap();
    assert!(server.accepts(token.secret()).await);
    device.renews(&process, ACCESS_LIFE).await;
    assert_eq!(server.backend.stats().reuse_detected, 0);
}

/// The page made the exchange and died with the answer. Under the contract the core gets the same one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_dies_with_the_pair_loses_nothing() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let mut page = Page::of(&process.session).await;
    let lease = page.borrow().await;
    let pair = exchange(&server, &lease).await;
    let before = process.session.generation();
    drop(page.pages.detach(page.id));
    eventually("the core asks again", || process.session.generation() > before).await;
    assert_eq!(server.backend.stats().replays, 1);
    assert!(device.secret("refresh_token") == pair.refresh_token());
    device.renews(&process, ACCESS_LIFE).await;
    assert_eq!(server.backend.stats().reuse_detected, 0);
}
