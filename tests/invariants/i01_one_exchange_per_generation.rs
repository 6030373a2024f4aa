use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokencast::bridge::{Action, PageId, PagePolicy, Sender, Slot};
use tokencast::error::{SessionError, TryAgainCause};
use tokencast::lock::{LockKind, ProcessLock};
use tokencast::pages::{PageHost, Pages};
use tokencast::registry::Registry;
use tokencast::storage::SecureStorage;

use tokencast_testkit::{ACCESS_TTL, ENTRY, LeapClock, Rig, ada, eventually, snapshot, stored};

/// 1 a session signs in, four pages greet it and hold the token, the token expires; 2 the server is told to hold
/// its answer; 3 10,000 callers on four threads ask for a token, and all four pages report their 401; 4 when every
/// one of them has asked, the server lets go; 5 all have the same token, and the server counted one exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_callers_and_four_pages_cause_one_exchange() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let web_views = session.web_views();
    let pages: Vec<_> = (1..=4)
        .map(|number| OpenPage::greeted(&web_views, number))
        .collect();
    rig.expire();
    rig.server.hold_refreshes();

    let asked = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let (session, asked) = (session.clone(), asked.clone());
            tokio::spawn(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                session.access_token().await.expect("a token").generation()
            })
        })
        .collect();
    rig.server.wait_until_held(1).await;
    for page in &pages {
        assert!(
            page.reports_a_401().is_empty(),
            "the answer comes when the refresh is done"
        );
    }
    eventually("every caller has asked", || {
        asked.load(Ordering::SeqCst) == 10_000
    })
    .await;
    rig.server.release();

    for caller in callers {
        assert_eq!(caller.await.unwrap().number, 2);
    }
    let token = session.current_token().expect("a token");
    for page in &pages {
        eventually("the page's answer", || page.answer().is_some()).await;
        let answer = page.answer().unwrap_or_default();
        assert_eq!((&answer["k"], &answer["gen"]["g"]), (&json!("state"), &json!(2)));
        assert!(answer["at"] == token.secret(), "the page has the new token");
    }
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.refresh_requests), (1, 1));
}

/// A webview as its glue sees it.
struct OpenPage {
    pages: Pages,
    id: PageId,
    origin: String,
    generation: Value,
    later: Arc<Mutex<Vec<Action>>>,
}

struct Glue(Arc<Mutex<Vec<Action>>>);

impl PageHost for Glue {
    fn perform(&self, actions: Vec<Action>) {
        self.0.lock().unwrap().extend(actions);
    }
}

impl OpenPage {
    fn greeted(pages: &Pages, number: u32) -> Self {
        let origin = format!("https://page{number}.example.com");
        let later = Arc::new(Mutex::new(Vec::new()));
        let policy = PagePolicy::new([origin.as_str()]).unwrap().allow_loopback_http();
        let id = pages.attach(policy, Arc::new(Glue(later.clone()))).unwrap();
        let mut page = Self {
            pages: pages.clone(),
            id,
            origin,
            generation: Value::Null,
            later,
        };
        let hello = json!({"v": 1, "k": "hello", "id": 1, "min": 1, "max": 1, "doc": "d", "have": null, "resume": false});
        let answer = reply(&page.says(&hello)).expect("a state");
        assert_eq!(answer["gen"]["g"], 1);
        page.generation = answer["gen"].clone();
        page
    }

    fn reports_a_401(&self) -> Vec<Action> {
        self.says(&json!({"v": 1, "k": "need", "id": 2, "used": self.generation, "why": "401"}))
    }

    fn says(&self, message: &Value) -> Vec<Action> {
        let slot = Slot(message["id"].as_u64().unwrap());
        self.pages.on_message(
            self.id,
            &Sender::main_frame(self.origin.as_str()),
            &message.to_string(),
            slot,
        )
    }

    fn answer(&self) -> Option<Value> {
        reply(&self.later.lock().unwrap())
    }
}

fn reply(actions: &[Action]) -> Option<Value> {
    actions.iter().find_map(|action| match action {
        Action::Reply { payload, .. } => serde_json::from_str(payload.expose()).ok(),
        _ => None,
    })
}

/// Two objects on one entry with one registry are one session: they share memory and the flight.
#[tokio::test]
async fn two_objects_on_one_entry_are_one_session() {
    let rig = Rig::new().await;
    let registry = Registry::default();
    let one = rig.process().registry(registry.clone()).build().unwrap();
    let two = rig.process().registry(registry).build().unwrap();
    one.sign_in(ada()).await.unwrap();
    assert_eq!(two.current_token(), one.current_token());
    rig.expire();
    let (a, b) = tokio::join!(one.access_token(), two.access_token());
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// 1 two processes share an entry; 2 both hold the same expired token; 3 both refresh at once; 4 the second one
/// finds the flight lock held, waits, reads again and adopts: nobody presents a spent token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_entry_take_turns() {
    let rig = Rig::new().await;
    let one = rig.process().persist_access_token().build().unwrap();
    one.sign_in(ada()).await.unwrap();
    let two = rig.process().persist_access_token().build().unwrap();
    two.restored().await;
    for round in 1..=20 {
        rig.expire();
        let (a, b) = tokio::join!(one.access_token(), two.access_token());
        assert!(rig.accepts(a.unwrap().secret()).await && rig.accepts(b.unwrap().secret()).await);
        assert_eq!(rig.server.stats().exchanges, round, "one exchange a round");
    }
    assert_eq!(rig.server.stats().reuse_detected, 0);
}

/// 1 the flight lock is held elsewhere; 2 a new process restores, a reader reads, a sign-in is made: none of them
/// takes that lock; 3 the token expires: nothing is sent without it, and past its deadline the caller is told to try
/// again; 4 signing out does not wait for it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_exchange_takes_the_flight_lock_and_without_it_nothing_is_sent() {
    let rig = Rig::new().await;
    let entry = format!("{}/{ENTRY}", rig.storage.entry_id());
    let held = rig.locks.try_acquire(&entry, LockKind::Flight).unwrap();
    assert!(held.is_some());
    let clock = LeapClock::default();
    let build = || rig.process().clock(Arc::new(clock.clone())).build().unwrap();
    let session = build();
    session.sign_in(ada()).await.unwrap();
    assert!(session.access_token().await.is_ok());
    assert!(build().restored().await.is_active());

    clock.advance(ACCESS_TTL);
    let before = snapshot(&rig.storage);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    clock
        .leap_until("the lock's deadline", || caller.is_finished())
        .await;
    let error = caller.await.unwrap().unwrap_err();
    let cause = TryAgainCause::Busy;
    assert!(
        matches!(&error, SessionError::TryAgain { cause: busy, .. } if *busy == cause),
        "{error:?}"
    );
    assert_eq!(rig.server.stats().refresh_requests, 0);
    assert!(session.state().is_active() && snapshot(&rig.storage) == before);

    session.sign_out().await.unwrap();
    assert_eq!(stored(&rig.storage).unwrap()["kind"], "tombstone");
}
