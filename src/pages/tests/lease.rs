//! A page that refreshes itself, over a real session: its intent is on disk, its lock held, its lapse made good.

use super::*;
use crate::storage::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

/// A store that shows what stands in it.
#[derive(Clone, Default)]
struct Glass(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Glass {
    fn text(&self) -> String {
        let entries = self.0.lock().unwrap();
        let texts = entries
            .values()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        texts.collect()
    }
}

impl SecureStorage for Glass {
    fn entry_id(&self) -> String {
        "glass".into()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn may_block(&self) -> bool {
        false
    }

    fn read(&self, name: &str) -> ReadOutcome {
        match self.0.lock().unwrap().get(name) {
            Some(bytes) => ReadOutcome::Found(bytes.clone().into()),
            None => ReadOutcome::Absent,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.0.lock().unwrap().insert(name.into(), bytes.into());
        WriteOutcome::Acknowledged
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.0.lock().unwrap().remove(name);
        WriteOutcome::Acknowledged
    }
}

fn profile() -> ServerProfile {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    profile
        .with_subject("https://api.example.com/me", "/sub")
        .unwrap()
}

struct World {
    server: Arc<Server>,
    clock: Arc<HandClock>,
    store: Glass,
    session: AuthSession,
    pages: Pages,
}

impl World {
    async fn new() -> Self {
        Self::of(profile()).await
    }

    async fn of(profile: ServerProfile) -> Self {
        let (server, store) = (Server::new(), Glass::default());
        let clock = Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000))));
        let session = start(profile, &server, &clock, &store);
        session
            .sign_in(Credentials::password("ada", "passw0rd"))
            .await
            .unwrap();
        let pages = session.web_views();
        Self {
            server,
            clock,
            store,
            session,
            pages,
        }
    }

    async fn borrower(&self) -> Page {
        let (sender, later) = mpsc::unbounded_channel();
        let policy = PagePolicy::new([APP]).unwrap().self_refresh([APP]).unwrap();
        let mut page = Page {
            id: self.pages.attach(policy, Arc::new(Host(sender))).unwrap(),
            pages: self.pages.clone(),
            later,
            slots: 0,
            generation: Value::Null,
        };
        page.hello().await;
        page
    }

    /// Another life of the app, over the same storage.
    fn start_again(&self) -> AuthSession {
        start(
            self.session.profile().clone(),
            &self.server,
            &self.clock,
            &self.store,
        )
    }

    /// Waits until the server was sent this outside of an exchange: to be revoked.
    async fn server_hears(&self, text: &str) {
        let revoked = |request: &String| request.contains(text) && !request.contains("grant_type");
        let hears = || self.server.requests().iter().any(revoked);
        eventually(&format!("{text} is revoked"), hears).await;
    }

    /// Lets time pass until the page is told something.
    async fn pass_until_told(&self, page: &mut Page) -> Value {
        loop {
            self.clock.advance(Duration::from_secs(1));
            if let Ok(action) = tokio::time::timeout(Duration::from_millis(10), page.later.recv()).await {
                break page.read(&action.unwrap());
            }
        }
    }
}

fn start(profile: ServerProfile, server: &Arc<Server>, clock: &Arc<HandClock>, store: &Glass) -> AuthSession {
    AuthSession::builder(profile)
        .storage(store.clone())
        .locks(Arc::new(crate::lock::MemoryLocks::default()))
        .transport(Wire(server.clone()))
        .clock(clock.clone())
        .build()
        .unwrap()
}

async fn borrow(page: &mut Page) -> Value {
    let lease = page.ask(json!({"k":"lease"})).await;
    assert_eq!(lease["k"], "lease", "{lease}");
    lease
}

async fn hand_over(page: &mut Page, lease: &Value, at: &str, rt: &str) -> Value {
    let (lease, base) = (&lease["lease"], &lease["base"]);
    page.ask(json!({"k":"handover", "lease":lease, "base":base, "at":at, "rt":rt, "exp":600_000}))
        .await
}

/// 1. The page is lent the refresh token: by then the intent stands in the storage, and the server has heard nothing.
/// 2. It hands a pair over: the pair is saved, the page is answered with it, the other page pulls it.
/// 3. The core's next exchange presents the token that the page brought.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_handed_over_is_the_session_s_from_then_on() {
    let world = World::new().await;
    let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
    assert!(!world.store.text().contains("inflight"));
    let lease = borrow(&mut page).await;
    assert!(world.store.text().contains("inflight"));
    assert_eq!(
        (&lease["rt"], &lease["ttl"]),
        (&json!("s3cr3t-rt-0"), &json!(20_000))
    );
    assert!(world.store.text().contains(lease["key"].as_str().unwrap()));
    let answer = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
    assert_eq!(
        (&answer["k"], &answer["at"]),
        (&json!("state"), &json!("s3cr3t-at-page"))
    );
    let stored = world.store.text();
    assert!(
        stored.contains("s3cr3t-rt-page") && !stored.contains("s3cr3t-rt-0") && !stored.contains("inflight")
    );
    assert_eq!(other.next().await["k"], "notify");
    assert_eq!(other.hello().await["at"], "s3cr3t-at-page");
    assert_eq!(world.server.exchanges(), 0);
    world.session.rejected(world.session.generation()).await.unwrap();
    assert!(world.server.requests()[1].contains("s3cr3t-rt-page"));
}

/// 1. A page borrows and goes silent; the core's other callers wait.
/// 2. The lease lapses: the core presents the same token with the same key, and all are served.
/// 3. The pair comes too late; the page is barred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lapse_the_core_makes_the_exchange_with_the_same_key() {
    let world = World::new().await;
    let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
    let lease = borrow(&mut page).await;
    assert_eq!(other.report(), None);
    assert_eq!(world.pass_until_told(&mut page).await["k"], "notify");
    let request = &world.server.requests()[1];
    assert!(request.contains("s3cr3t-rt-0") && request.contains(lease["key"].as_str().unwrap()));
    assert_eq!(world.server.exchanges(), 1);
    let late = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
    assert_eq!((&late["k"], &late["code"]), (&json!("err"), &json!("stale")));
    assert!(!world.store.text().contains("s3cr3t-rt-page"));
    page.hello().await;
    assert_eq!(page.ask(json!({"k":"lease"})).await["code"], "rate");
}

/// A page is killed while it holds a lease. Under the idempotent contract nobody waits for the lapse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_killed_with_a_lease_loses_nothing() {
    let world = World::new().await;
    let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
    let lease = borrow(&mut page).await;
    let _ = world.pages.on_gone(page.id, GoneReason::ProcessTerminated);
    assert_eq!(other.next().await["k"], "notify");
    let request = &world.server.requests()[1];
    assert!(request.contains("s3cr3t-rt-0") && request.contains(lease["key"].as_str().unwrap()));
    assert_eq!(other.hello().await["at"], "s3cr3t-at-1");
}

/// Without that contract the page's request may still be under way: its time runs first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_contract_the_lease_s_time_runs_out_first() {
    let world = World::of(profile().with_idempotency_key(None)).await;
    let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
    borrow(&mut page).await;
    let _ = world.pages.on_gone(page.id, GoneReason::ProcessTerminated);
    world.clock.advance(Duration::from_secs(19));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), other.later.recv())
            .await
            .is_err()
    );
    assert_eq!(world.server.exchanges(), 0);
    assert_eq!(world.pass_until_told(&mut other).await["k"], "notify");
    assert_eq!(world.server.exchanges(), 1);
}

/// 1. A page borrows; the user signs out meanwhile.
/// 2. The page hands its pair over: it is revoked, not kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_comes_after_a_sign_out_is_revoked() {
    let world = World::new().await;
    let mut page = world.borrower().await;
    let lease = borrow(&mut page).await;
    world.session.sign_out().await.unwrap();
    assert_eq!(page.next().await["k"], "ended");
    let answer = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
    assert_eq!(answer["k"], "ended");
    world.server_hears("s3cr3t-rt-page").await;
    assert!(world.session.current_token().is_none());
}

/// A page hands over a pair that is not the session's: 1. somebody else's; 2. one that the server refuses.
/// It is saved and judged; nobody is served with it, the session ends, and both the pair and what was lent are revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_is_not_the_session_s_ends_it_and_is_revoked() {
    for whose in [Whose::Eves, Whose::Status(401), Whose::Status(403)] {
        let world = World::new().await;
        let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
        *world.server.whose.lock().unwrap() = Some(("page", whose));
        let lease = borrow(&mut page).await;
        let answer = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
        assert_eq!(
            (&answer["k"], &answer["reason"]),
            (&json!("ended"), &json!("handover_refused"))
        );
        assert_eq!(other.next().await["k"], "ended");
        let SessionState::SignInRequired { reason, .. } = world.session.state() else {
            panic!("the session is over");
        };
        assert_eq!(reason, EndReason::HandoverRefused);
        world.server_hears("s3cr3t-rt-page").await;
        world.server_hears("s3cr3t-rt-0").await;
        assert_eq!(world.server.exchanges(), 0);
        let told = world.server.asked();
        assert_eq!(
            (told[0].as_str(), told[told.len() - 1].as_str()),
            ("s3cr3t-at-0", "s3cr3t-at-page"),
            "whose it has to be was known before"
        );
        let is_clean = || !world.store.text().contains("s3cr3t");
        eventually("what is revoked is crossed out", is_clean).await;
    }
}

/// 1. A page hands over a pair, and the server cannot say whose it is: the pair is saved, nobody gets it.
/// 2. What is still valid of the old token serves on.
/// 3. The next demand presents the pair, asks again, and all is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_cannot_be_judged_is_kept_and_given_to_nobody_until_it_is() {
    for whose in [Whose::Nobody, Whose::Status(503), Whose::Status(302)] {
        let world = World::new().await;
        let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
        *world.server.whose.lock().unwrap() = Some(("page", whose));
        let lease = borrow(&mut page).await;
        let answer = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
        assert_eq!(
            (&answer["k"], &answer["code"]),
            (&json!("err"), &json!("refresh_failed"))
        );
        let stored = world.store.text();
        assert!(
            stored.contains("s3cr3t-rt-page") && stored.contains("unproven") && !stored.contains("inflight")
        );
        assert_eq!(world.session.current_token().unwrap().secret(), "s3cr3t-at-0");
        assert_eq!(other.hello().await["at"], "s3cr3t-at-0");
        assert_eq!(world.server.exchanges(), 0);
        *world.server.whose.lock().unwrap() = None;
        world.clock.advance(Duration::from_secs(600));
        let token = world.session.access_token().await.unwrap();
        assert_eq!(token.secret(), "s3cr3t-at-1");
        let request = world.server.requests().pop().unwrap();
        assert!(request.contains("s3cr3t-rt-page"), "the pair was presented");
        assert_eq!(world.server.asked().pop().unwrap(), "s3cr3t-at-1");
        let stored = world.store.text();
        assert!(stored.contains("s3cr3t-rt-1") && !stored.contains("unproven"));
    }
}

/// The app dies between the save and the judgement. The next start serves nothing of the pair before it is judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_judges_what_was_not() {
    for (whose, expected) in [(None, true), (Some(("at-1", Whose::Eves)), false)] {
        let world = World::new().await;
        let mut page = world.borrower().await;
        *world.server.whose.lock().unwrap() = Some(("page", Whose::Nobody));
        let lease = borrow(&mut page).await;
        hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
        *world.server.whose.lock().unwrap() = whose;
        let again = world.start_again();
        again.restored().await;
        assert!(again.current_token().is_none());
        let served = again.access_token().await;
        if expected {
            assert_eq!(served.unwrap().secret(), "s3cr3t-at-1");
            continue;
        }
        let reason = EndReason::HandoverRefused;
        assert_eq!(served.err(), Some(SessionError::SignInRequired { reason }));
        world.server_hears("s3cr3t-rt-1").await;
        world.server_hears("s3cr3t-rt-0").await;
    }
}

/// Nobody can say whose the session is: then nothing is lent, and the core makes the exchange itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lent_before_it_is_known_whose_session_it_is() {
    let world = World::new().await;
    *world.server.whose.lock().unwrap() = Some(("", Whose::Status(500)));
    let mut page = world.borrower().await;
    let answer = page.ask(json!({"k":"lease"})).await;
    assert_eq!(
        (&answer["k"], &answer["at"]),
        (&json!("state"), &json!("s3cr3t-at-1"))
    );
    assert_eq!(world.server.exchanges(), 1);
    *world.server.whose.lock().unwrap() = None;
    world.clock.advance(Duration::from_secs(301));
    borrow(&mut page).await;
}

/// A pair without a refresh token keeps the old one, as an answer of the server does (invariant 10); it is judged as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_without_a_refresh_token_is_judged_too() {
    let world = World::new().await;
    let mut page = world.borrower().await;
    let lease = borrow(&mut page).await;
    *world.server.whose.lock().unwrap() = Some(("page", Whose::Eves));
    let (lease, base) = (&lease["lease"], &lease["base"]);
    let answer = page
        .ask(json!({"k":"handover", "lease":lease, "base":base, "at":"s3cr3t-at-page", "exp":600_000}))
        .await;
    assert_eq!(answer["reason"], "handover_refused");
    world.server_hears("s3cr3t-rt-0").await;
}

/// Somebody else signs in: whose a pair has to be is asked anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_a_pair_has_to_be_is_asked_in_each_sign_in() {
    let world = World::new().await;
    let mut adas = world.borrower().await;
    let lease = borrow(&mut adas).await;
    hand_over(&mut adas, &lease, "s3cr3t-at-adas", "s3cr3t-rt-adas").await;
    world.session.sign_out().await.unwrap();
    let _ = world.pages.detach(adas.id);
    *world.server.whose.lock().unwrap() = Some(("", Whose::Eves));
    world
        .session
        .sign_in(Credentials::password("eve", "passw0rd"))
        .await
        .unwrap();
    let mut page = world.borrower().await;
    let lease = borrow(&mut page).await;
    let answer = hand_over(&mut page, &lease, "s3cr3t-at-page", "s3cr3t-rt-page").await;
    assert_eq!(
        (&answer["k"], &answer["at"]),
        (&json!("state"), &json!("s3cr3t-at-page"))
    );
}

/// A flight that is under way is joined: nothing is lent then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_an_exchange_nothing_is_lent() {
    let world = World::new().await;
    let (mut page, mut other) = (world.borrower().await, Page::greeted(&world.pages).await);
    world.server.hold.send_replace(true);
    assert_eq!(other.report(), None);
    eventually("the exchange is under way", || world.server.exchanges() == 1).await;
    assert_eq!(page.say(json!({"k":"lease"})), None);
    world.server.hold.send_replace(false);
    let answer = page.next().await;
    assert_eq!(
        (&answer["k"], &answer["at"]),
        (&json!("state"), &json!("s3cr3t-at-1"))
    );
    assert_eq!(world.server.exchanges(), 1);
}

#[tokio::test]
async fn a_policy_that_lends_to_nobody_or_to_strangers_is_misconfigured() {
    let session = AuthSession::builder(profile())
        .storage(storage::memory())
        .transport(Wire(Server::new()))
        .build()
        .unwrap();
    let pages = session.web_views();
    let policy = || PagePolicy::new([APP]).unwrap();
    for policy in [
        policy().strategy(Strategy::SelfRefresh),
        policy().self_refresh(["https://shop.example.com"]).unwrap(),
        policy().self_refresh([] as [&str; 0]).unwrap(),
    ] {
        let (sender, _) = mpsc::unbounded_channel();
        let refused = pages.attach(policy, Arc::new(Host(sender)));
        assert!(
            matches!(refused, Err(SessionError::Misconfigured { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn without_a_subject_in_the_profile_no_page_refreshes_itself() {
    let pages = session(&Server::new()).web_views();
    let (sender, _) = mpsc::unbounded_channel();
    let policy = PagePolicy::new([APP]).unwrap().self_refresh([APP]).unwrap();
    match pages.attach(policy, Arc::new(Host(sender))) {
        Err(SessionError::Misconfigured { fix, .. }) => assert!(fix.contains("with_subject"), "{fix}"),
        other => panic!("{other:?}"),
    }
}
