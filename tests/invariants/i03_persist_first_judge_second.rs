use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokencast::error::SessionError;
use tokencast::random::{NoRandomness, Random, SystemRandom};
use tokencast::storage::{self, KeyFailure, KeyWrapper};
use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::{ACCESS_TTL, Rig, ada, stored};

/// The server rotates plainly, and its answer is odd in a way that a policy might object to. Steps: 1 the session
/// asks with refresh token 1, the server spends it; 2 the answer is odd; 3 refresh token 2 is in the record all the
/// same; 4 the process dies; 5 the next one presents token 2, not the spent one.
///
/// Whoever judges before the save drops token 2 and presents token 1 again: the server counts a reuse.
#[tokio::test]
async fn an_odd_answer_is_saved_before_anything_about_it_is_judged() {
    for (name, value) in [
        ("expires_in", json!(0)),
        ("expires_in", json!(-3600)),
        ("expires_in", json!(1)),
        ("expires_in", json!(1e300)),
        ("expires_in", json!("soon")),
        ("expires_in", Value::Null),
        ("token_type", json!("mac")),
        ("token_type", Value::Null),
        ("scope", json!("less than was asked for")),
        ("id_token", json!("not.a.token")),
        ("access_token", Value::Null),
        ("access_token", json!("")),
        ("access_token", json!("with a\nline break")),
        ("access_token", json!(42)),
    ] {
        let rig = Rig::plain().await;
        let case = format!("{name}: {value}");
        let session = rig.process().build().unwrap();
        session.sign_in(ada()).await.unwrap();
        let first = stored(&rig.storage).unwrap();
        rig.expire();
        rig.server
            .arm(Fault::once(Route::Refresh, FaultKind::field(name, value)))
            .unwrap();

        // A token that is dead on arrival makes the caller's one further exchange; both must be saved.
        let _ = session.access_token().await;
        let exchanges = rig.server.stats().exchanges;
        let second = stored(&rig.storage).unwrap();
        assert_eq!(second["number"], json!(1 + exchanges), "{case}");
        assert!(
            second["credential"]["refresh_token"] != first["credential"]["refresh_token"],
            "{case}: the new refresh token is saved"
        );
        assert!(second.get("inflight").is_none(), "{case}: the intent is cleared");

        drop(session);
        rig.expire();
        let next = rig.process().build().unwrap();
        let token = next
            .access_token()
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(rig.accepts(token.secret()).await, "{case}");
        assert_eq!(rig.server.stats().reuse_detected, 0, "{case}");
    }
}

/// The same for clocks: a device that is years off, either way, and a server whose `Date` is nonsense, absent or
/// ancient. A wrong clock never rejects an answer.
#[tokio::test]
async fn a_wrong_clock_never_rejects_an_answer() {
    let year = Duration::from_secs(366 * 24 * 3600);
    for date in [
        None,
        Some("yesterday"),
        Some("Thu, 01 Jan 1970 00:00:00 GMT"),
        Some("Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        for device_ahead in [Duration::ZERO, 30 * year] {
            let case = format!("{date:?}, {device_ahead:?} ahead");
            let rig = Rig::plain().await;
            rig.clock.advance(device_ahead);
            let session = rig.process().build().unwrap();
            session.sign_in(ada()).await.unwrap();
            rig.expire();
            rig.server
                .arm(Fault::once(Route::Refresh, FaultKind::header("date", date)))
                .unwrap();
            let token = session
                .access_token()
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(token.life(), ACCESS_TTL, "{case}: the life is `expires_in`");
            assert_eq!(stored(&rig.storage).unwrap()["number"], 2, "{case}");
            let next = rig.process().build().unwrap();
            assert!(next.access_token().await.is_ok(), "{case}");
            assert_eq!(rig.server.stats().reuse_detected, 0, "{case}");
        }
    }
}

/// A caller's own wish is policy too: 1 a caller wants more life than the server's tokens have; 2 the exchange is
/// made and saved; 3 the caller gets the token that there is, and no second exchange is made for the wish.
#[tokio::test]
async fn a_minimum_life_that_no_token_has_costs_one_exchange_and_loses_nothing() {
    let rig = Rig::plain().await;
    let session = rig.process().build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    for _ in 0..20 {
        let token = session.access_token_with(ACCESS_TTL * 100).await.unwrap();
        assert_eq!(token.generation().number, 2);
    }
    assert_eq!(stored(&rig.storage).unwrap()["number"], 2);
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (1, 0));
}

/// The system's randomness, until it has none. Nothing real runs out on demand.
#[derive(Default)]
struct Drying {
    dry: AtomicBool,
    draws: AtomicU32,
}

impl Random for Drying {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        if self.dry.load(Ordering::SeqCst) {
            return Err(NoRandomness);
        }
        self.draws.fetch_add(1, Ordering::SeqCst);
        SystemRandom::default().fill(bytes)
    }
}

/// A platform's key that wraps nothing: this is about the nonces.
struct Bare;

impl KeyWrapper for Bare {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(wrapped.to_vec().into())
    }
}

/// 1 the request is at the server; 2 the system has no random bytes any more; 3 the answer comes and is saved, with a
/// new key, in a sealed file even; 4 the process dies, and the next one goes on from the new token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_saved_though_the_system_has_no_randomness_any_more() {
    let rig = Rig::plain().await;
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(Drying::default());
    let process = |random: &Arc<Drying>| {
        let builder = rig.process().storage(storage::file(folder.path()));
        builder
            .key_wrapper(Arc::new(Bare))
            .random(random.clone())
            .build()
            .unwrap()
    };
    let session = process(&random);
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    random.dry.store(true, Ordering::SeqCst);
    rig.server.release();
    let token = caller.await.unwrap().expect("saved and served");
    assert!(rig.accepts(token.secret()).await);

    drop(session);
    rig.expire();
    let next = process(&Arc::default());
    assert_eq!(next.access_token().await.unwrap().generation().number, 3);
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (2, 0));
}

/// Before the request leaves there is nothing to lose: no call, and an error that says why.
#[tokio::test]
async fn without_randomness_no_request_leaves() {
    let rig = Rig::plain().await;
    let random = Arc::new(Drying::default());
    let session = rig.process().random(random.clone());
    let session = session.build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let before = stored(&rig.storage).unwrap();
    rig.expire();
    random.dry.store(true, Ordering::SeqCst);
    let error = session.access_token().await.unwrap_err();
    assert!(
        matches!(&error, SessionError::Misconfigured { what, .. } if what.contains("random")),
        "{error:?}"
    );
    assert_eq!(rig.server.stats().refresh_requests, 0);
    assert!(stored(&rig.storage).unwrap() == before, "nothing changed");
    assert!(session.state().is_active());

    random.dry.store(false, Ordering::SeqCst);
    let drawn = random.draws.load(Ordering::SeqCst);
    assert!(session.access_token().await.is_ok());
    assert_eq!(
        random.draws.load(Ordering::SeqCst) - drawn,
        1,
        "all keys in one draw"
    );
}
