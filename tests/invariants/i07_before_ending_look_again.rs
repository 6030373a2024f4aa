use serde_json::json;
use tokencast::error::{EndReason, LockedCause, SessionError};
use tokencast::lock::MemoryLocks;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::state::{Notice, SessionState};
use tokencast_backend::{Fault as Verdict, FaultKind, Route};
use tokencast_fault_proxy::{Fault, FaultProxy};

use tokencast_testkit::{FaultStorage, Op, Rig, ada, asks, erase, eventually, put, stored};

/// The loser of a race, at a server that tells him "invalid" while the session lives: 1 one process' request is on
/// the wire; 2 the server answers it with a dead verdict, and the answer is slow; 3 another process, whose lock was
/// not seen by the first, renews and saves 1.2; 4 the verdict arrives; 5 the first looks again, finds 1.2 and uses
/// it: no tombstone, both go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_record_that_is_found_on_a_dead_verdict_is_used() {
    for other_keeps_its_access_token in [true, false] {
        let (rig, proxy, session) = behind_a_proxy().await;
        let caller = meets_a_slow_dead_verdict(&rig, &proxy, &session).await;

        let mut other = rig.process().locks(std::sync::Arc::new(MemoryLocks::default()));
        if other_keeps_its_access_token {
            other = other.persist_access_token();
        }
        let other = other.build().unwrap();
        let theirs = other.access_token().await.unwrap();
        assert_eq!(theirs.generation().number, 2);

        proxy.release();
        let token = caller.await.unwrap().expect("the newer record is used");
        assert!(token.generation() >= theirs.generation());
        assert!(rig.accepts(token.secret()).await);
        assert!(session.state().is_active());
        assert_eq!(stored(&rig.storage).unwrap()["kind"], "session");
        rig.expire();
        assert!(session.access_token().await.is_ok() && other.access_token().await.is_ok());
        assert_eq!(rig.server.stats().reuse_detected, 0);
    }
}

/// As before, but 3 the other process signs in anew: the verdict belongs to an epoch that is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_verdict_does_not_end_a_session_that_began_meanwhile() {
    let (rig, proxy, session) = behind_a_proxy().await;
    let caller = meets_a_slow_dead_verdict(&rig, &proxy, &session).await;
    let other = rig.process().persist_access_token().build().unwrap();
    other.sign_in(ada()).await.unwrap();
    proxy.release();
    assert_eq!(caller.await.unwrap().unwrap().generation(), other.generation());
    let record = stored(&rig.storage).unwrap();
    assert_eq!(
        (&record["kind"], &record["epoch"]),
        (&json!("session"), &json!(2))
    );
}

/// The end is a record too: same epoch, the next number, the reason; nothing is deleted.
#[tokio::test]
async fn the_end_is_a_tombstone_of_the_same_epoch() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let before = stored(&rig.storage).unwrap();
    rig.expire();
    rig.server.arm(dead("password_changed")).unwrap();
    let reason = EndReason::PasswordChanged;
    assert_eq!(
        session.access_token().await.unwrap_err(),
        SessionError::SignInRequired { reason }
    );
    let tombstone = stored(&rig.storage).unwrap();
    assert_eq!(
        (&tombstone["kind"], &tombstone["reason"]),
        (&json!("tombstone"), &json!("password_changed"))
    );
    assert_eq!(
        (&tombstone["epoch"], &tombstone["number"]),
        (&before["epoch"], &json!(2))
    );
    assert_eq!(tombstone["store"], before["store"]);
    assert!(tombstone["credential"].get("refresh_token").is_none());
    assert!(tombstone.get("attempt_key").is_none() && tombstone.get("inflight").is_none());
    session.sign_in(ada()).await.unwrap();
    session.sign_out().await.unwrap();
    assert_eq!(storage.count(Op::Delete, ""), 0, "an entry is never deleted");
}

/// 1 a session is active, its token expires; 2 the entry is gone from the storage; 3 that is no "no session": the
/// session is locked, nothing is presented and nothing written; 4 the entry is back: so is the session.
#[tokio::test]
async fn an_entry_that_vanished_locks_the_session_and_is_never_made_anew() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let record = stored(&rig.storage).unwrap();
    rig.expire();
    erase(&rig.storage);
    let cause = LockedCause::Vanished;
    assert_eq!(
        session.access_token().await.unwrap_err(),
        SessionError::Locked { cause: cause.clone() }
    );
    assert_eq!(session.state(), SessionState::Locked { cause });
    for _ in 0..10 {
        assert!(matches!(
            session.access_token().await.unwrap_err(),
            SessionError::Locked { .. }
        ));
    }
    assert!(stored(&rig.storage).is_none(), "never made anew");
    assert_eq!(rig.server.stats().refresh_requests, 0);

    put(&rig.storage, &record);
    session.notify(Notice::Unlocked);
    eventually("the session's return", || session.state().is_active()).await;
    assert!(session.access_token().await.is_ok());
}

/// The same on the wire: 1 the request is under way; 2 the entry vanishes; 3 the answer comes: the commit finds no
/// entry and makes none; the caller has the token from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_does_not_bring_a_vanished_entry_back() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();
    let caller = asks(&session);
    rig.server.wait_until_held(1).await;
    erase(&rig.storage);
    rig.server.release();
    let token = caller.await.unwrap().expect("served from memory");
    assert!(rig.accepts(token.secret()).await);
    assert!(stored(&rig.storage).is_none());
}

async fn behind_a_proxy() -> (Rig, FaultProxy, AuthSession) {
    let rig = Rig::new().await;
    let proxy = FaultProxy::start(rig.server.url()).await.unwrap();
    let profile = ServerProfile::rotation(&proxy.url()).unwrap();
    let session = rig.process_with(profile).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    (rig, proxy, session)
}

async fn meets_a_slow_dead_verdict(
    rig: &Rig,
    proxy: &FaultProxy,
    session: &AuthSession,
) -> tokio::task::JoinHandle<Result<tokencast::AccessToken, SessionError>> {
    rig.expire();
    rig.server.arm(dead("invalid_token")).unwrap();
    proxy.next("/auth/refresh", Fault::HoldAnswer);
    let caller = asks(session);
    proxy.wait_until_held(1).await;
    caller
}

fn dead(code: &str) -> Verdict {
    let answer = FaultKind::Answer {
        status: 401,
        retry_after: None,
        content_type: None,
        body: format!(r#"{{"error":"{code}"}}"#),
        processed: false,
    };
    Verdict::once(Route::Refresh, answer)
}
