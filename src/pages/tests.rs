//! `pages` over a real session; only the server behind its transport is played.

use std::time::Duration;

use futures_core::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::error::EndReason;
use crate::profile::ServerProfile;
use crate::state::SessionState;
use crate::storage;
use crate::time::{Clock, WallTime};
use crate::token::Credentials;
use crate::transport::{HttpTransport, TransportError};
use crate::wire::{HttpRequest, HttpResponse};

mod cookies;
mod lease;
mod push;
mod server;

use server::{HandClock, Server, Whose, Wire};

const APP: &str = "https://app.example.com";
/// Only a test that hangs waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what has to come; a test that waits in vain fails.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A page in a test's hand.
struct Page {
    pages: Pages,
    id: PageId,
    later: mpsc::UnboundedReceiver<Action>,
    slots: u64,
    /// Its generation, as the last `state` named it.
    generation: Value,
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
    fn attach(pages: &Pages) -> Self {
        let (sender, later) = mpsc::unbounded_channel();
        let policy = PagePolicy::new([APP]).unwrap();
        Self {
            id: pages.attach(policy, Arc::new(Host(sender))).unwrap(),
            pages: pages.clone(),
            later,
            slots: 0,
            generation: Value::Null,
        }
    }

    /// Attaches a page whose document has greeted and holds a token.
    async fn greeted(pages: &Pages) -> Self {
        let mut page = Self::attach(pages);
        page.hello().await;
        page
    }

    async fn hello(&mut self) -> Value {
        self.ask(json!({"k":"hello", "min":1, "max":1, "doc":"d", "have":null, "resume":false}))
            .await
    }

    /// Sends a message and waits for its answer.
    async fn ask(&mut self, message: Value) -> Value {
        let at_once = self.say(message);
        match at_once {
            Some(answer) => answer,
            None => self.next().await,
        }
    }

    /// Sends a message; the answer if it came at once.
    fn say(&mut self, mut message: Value) -> Option<Value> {
        self.slots += 1;
        message["v"] = json!(1);
        message["id"] = json!(self.slots);
        let sender = Sender::main_frame(APP);
        let mut actions = self
            .pages
            .on_message(self.id, &sender, &message.to_string(), Slot(self.slots));
        assert!(actions.len() <= 1, "{actions:?}");
        actions.pop().map(|action| self.read(&action))
    }

    fn report(&mut self) -> Option<Value> {
        let used = self.generation.clone();
        self.say(json!({"k":"need", "used":used, "why":"401"}))
    }

    /// What comes next from elsewhere.
    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.later.recv()).await;
        let action = next
            .expect("the page is told something")
            .expect("its host is kept");
        self.read(&action)
    }

    fn read(&mut self, action: &Action) -> Value {
        let (Action::Reply { payload, .. } | Action::Notify { payload, .. }) = action else {
            panic!("a host does not meet {action:?}");
        };
        let value: Value = serde_json::from_str(payload.expose()).unwrap();
        if value["k"] == "state" {
            self.generation = value["gen"].clone();
        }
        value
    }
}

fn session(server: &Arc<Server>) -> AuthSession {
    build(
        server,
        Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000)))),
    )
}

fn build(server: &Arc<Server>, clock: Arc<dyn Clock>) -> AuthSession {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    let builder = AuthSession::builder(profile).storage(storage::memory());
    builder
        .transport(Wire(server.clone()))
        .clock(clock)
        .build()
        .unwrap()
}

async fn signed_in(server: &Arc<Server>) -> AuthSession {
    let session = session(server);
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    session
}

/// 1. Four pages get a 401 for the same token and all report it; the server holds its answer.
/// 2. The server answers: one exchange, and every page has its own answer with the new token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_pages_that_report_one_token_cause_one_exchange() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut four = Vec::new();
    for _ in 0..4 {
        four.push(Page::greeted(&pages).await);
    }
    server.hold.send_replace(true);
    for page in &mut four {
        assert_eq!(page.report(), None);
    }
    server.hold.send_replace(false);
    for page in &mut four {
        let answer = page.next().await;
        assert_eq!(
            (&answer["k"], &answer["at"]),
            (&json!("state"), &json!("s3cr3t-at-1"))
        );
    }
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_are_notified_and_pull() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut asker = Page::greeted(&pages).await;
    let mut other = Page::greeted(&pages).await;
    let used = asker.generation.clone();
    let answer = asker.ask(json!({"k":"need", "used":used, "why":"401"})).await;
    assert_eq!(answer["at"], "s3cr3t-at-1");
    let notice = other.next().await;
    assert_eq!((&notice["k"], &notice["gen"]), (&json!("notify"), &answer["gen"]));
    assert!(notice["at"].is_null());
    assert_eq!(other.hello().await["at"], "s3cr3t-at-1");
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_greets_before_anybody_signed_in_is_told_of_it() {
    let server = Server::new();
    let session = session(&server);
    session.restored().await;
    let pages = session.web_views();
    let mut page = Page::attach(&pages);
    assert_eq!(page.hello().await["k"], "ended");
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    assert_eq!(page.next().await["k"], "notify");
    assert_eq!(page.hello().await["at"], "s3cr3t-at-0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_ends_every_page_and_the_next_sign_in_is_not_theirs() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut page = Page::greeted(&pages).await;
    session.sign_out().await.unwrap();
    let told = page.next().await;
    assert_eq!(
        (&told["k"], &told["reason"]),
        (&json!("ended"), &json!("signed_out"))
    );
    assert_eq!(
        told["gen"]["e"], page.generation["e"],
        "it names the epoch that ended"
    );
    session
        .sign_in(Credentials::password("eve", "passw0rd"))
        .await
        .unwrap();
    assert_eq!(page.hello().await["k"], "ended");
    assert_eq!(
        Page::greeted(&pages).await.generation["e"],
        session.generation().epoch
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_verdict_reaches_who_waits_and_who_does_not() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut asker = Page::greeted(&pages).await;
    let mut other = Page::greeted(&pages).await;
    *server.verdict.lock().unwrap() = Some((401, "password_changed"));
    let used = asker.generation.clone();
    let answer = asker.ask(json!({"k":"need", "used":used, "why":"401"})).await;
    assert_eq!(
        (&answer["k"], &answer["reason"]),
        (&json!("ended"), &json!("password_changed"))
    );
    assert_eq!(other.next().await["reason"], "password_changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_answered_and_the_exchange_goes_on() {
    let server = Server::new();
    let clock = Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000))));
    let session = build(&server, clock.clone());
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    let pages = session.web_views();
    let mut page = Page::greeted(&pages).await;
    server.hold.send_replace(true);
    assert_eq!(page.report(), None);
    // Time stands still until the question's own timer is set: it is there when the clock is moved far enough.
    let answer = loop {
        clock.advance(Duration::from_secs(1));
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(10), page.later.recv()).await {
            break page.read(&answer.unwrap());
        }
    };
    assert_eq!((&answer["k"], &answer["code"]), (&json!("err"), &json!("busy")));
    server.hold.send_replace(false);
    assert_eq!(page.next().await["k"], "notify");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_pages_settles_who_waits_and_frees_everything() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut page = Page::greeted(&pages).await;
    server.hold.send_replace(true);
    assert_eq!(page.report(), None);
    let shared = Arc::downgrade(&pages.0);
    let Page {
        mut later,
        pages: own,
        ..
    } = page;
    drop((pages, own));
    let settled = tokio::time::timeout(PATIENCE, later.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(format!("{settled:?}").contains("err"), "{settled:?}");
    assert!(
        tokio::time::timeout(PATIENCE, later.recv())
            .await
            .unwrap()
            .is_none(),
        "the host is let go"
    );
    assert!(shared.upgrade().is_none(), "nothing keeps the pages");
    // The session lets go of the transport, and so of the server, when its flight has ended.
    server.hold.send_replace(false);
    drop(session);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while Arc::strong_count(&server) > 1 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "nothing keeps the session"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_detached_page_is_denied_and_so_is_one_of_other_pages() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let (pages, others) = (session.web_views(), session.web_views());
    let mut page = Page::attach(&pages);
    let mut foreign = Page::attach(&others);
    foreign.pages = pages.clone();
    assert_eq!(foreign.hello().await["code"], "denied");
    assert_eq!(pages.detach(page.id), []);
    assert_eq!(pages.on_gone(page.id, GoneReason::Closed), []);
    assert_eq!(page.hello().await["code"], "denied");
}

#[tokio::test]
async fn the_list_shows_who_is_there_and_hides_the_token() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let mut page = Page::attach(&pages);
    assert_eq!(pages.list()[0].origin, None);
    page.hello().await;
    let status = &pages.list()[0];
    assert_eq!(
        status.origin.as_ref().map(Origin::to_string).as_deref(),
        Some(APP)
    );
    assert_eq!(status.generation, Some(session.generation()));
    assert!(!format!("{pages:?}").contains("s3cr3t"));
    let _ = pages.on_committed(page.id, "https://app.example.com/next", "GET");
    assert_eq!(pages.list()[0].generation, None);
}

#[tokio::test]
async fn a_policy_that_cannot_work_is_misconfigured() {
    let session = session(&Server::new());
    let pages = session.web_views();
    let attach = |policy: PagePolicy| {
        let (sender, _) = mpsc::unbounded_channel();
        pages.attach(policy, Arc::new(Host(sender)))
    };
    let policy = || PagePolicy::new([APP]).unwrap();
    let cases = [
        PagePolicy::new::<[&str; 0]>([]).unwrap(),
        PagePolicy::new(["http://localhost:3000"]).unwrap(),
        policy()
            .api_origin("https://elsewhere.example.com", &[401])
            .unwrap(),
        policy()
            .api_origin("https://api.example.com.evil.com", &[])
            .unwrap(),
    ];
    for case in cases {
        let result = attach(case.clone());
        assert!(
            matches!(result, Err(SessionError::Misconfigured { .. })),
            "{case:?}: {result:?}"
        );
    }
    assert!(
        attach(
            policy()
                .api_origin("https://api.example.com", &[401, 419])
                .unwrap()
        )
        .is_ok()
    );
    assert!(
        attach(
            PagePolicy::new(["http://localhost:3000"])
                .unwrap()
                .allow_loopback_http()
        )
        .is_ok()
    );
}

/// A profile whose API is `http` on loopback lets no token go to pages without the switch.
#[tokio::test]
async fn an_http_api_needs_the_switch_too() {
    let profile = ServerProfile::rotation("http://127.0.0.1:9").unwrap();
    let session = AuthSession::builder(profile)
        .storage(storage::memory())
        .transport(Wire(Server::new()));
    let pages = session.build().unwrap().web_views();
    let (sender, _later) = mpsc::unbounded_channel();
    let host: Arc<dyn PageHost> = Arc::new(Host(sender));
    let policy = PagePolicy::new([APP]).unwrap();
    let refused = pages.attach(policy.clone(), host.clone());
    assert!(
        matches!(refused, Err(SessionError::Misconfigured { .. })),
        "{refused:?}"
    );
    assert!(pages.attach(policy.allow_loopback_http(), host).is_ok());
}
