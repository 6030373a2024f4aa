use tokencast::error::{EndReason, LockedCause, SessionError};
use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::{FaultStorage, Op, REFUSED, Rig, Step, ada, stored};

/// A keyring that can be locked: writes are refused until it is mended.
fn keyring() -> FaultStorage {
    FaultStorage::new(tokencast::storage::memory()).as_keyring()
}

const LOCKED: Step = Step::Fail(LockedCause::DeviceLocked);

#[tokio::test]
async fn a_server_is_not_called_when_the_intent_cannot_be_written() {
    let rig = Rig::new().await;
    let store = keyring();
    let session = rig.process().storage(store.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    let before = stored(&store);
    store.always(Op::Write, "", LOCKED);
    assert!(matches!(
        session.access_token().await.unwrap_err(),
        SessionError::StorageFailed { .. }
    ));
    assert_eq!(rig.server.stats().refresh_requests, 0);
    assert!(session.state().is_active() && stored(&store) == before);
    store.mend();
    assert!(session.access_token().await.is_ok());
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_saved_is_revoked_and_is_no_session() {
    let rig = Rig::new().await;
    let store = keyring();
    store.always(Op::Write, "", LOCKED);
    let session = rig.process().storage(store).build().unwrap();
    assert!(matches!(
        session.sign_in(ada()).await.unwrap_err(),
        SessionError::StorageFailed { .. }
    ));
    assert!(!session.state().is_active());
    assert_eq!(
        (rig.server.stats().logins, rig.server.stats().revocations),
        (1, 1)
    );
}

/// 1 the intent is written; 2 the exchange happens at the server; 3 the save fails: the token is served from
/// memory and `StorageDegraded` is told; 4 the storage is back: the token is saved; 5 a new process has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_saved_is_served_and_saved_later() {
    let rig = Rig::new().await;
    let store = keyring();
    let session = rig.process().storage(store.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    store.always(Op::Write, "", LOCKED);
    let recorder = tokencast_testkit::Recorder::on(&session);
    rig.server.release();
    let token = caller.await.unwrap().expect("served from memory");
    assert!(rig.accepts(token.secret()).await);
    recorder
        .until(|events| {
            events
                .iter()
                .any(|event| matches!(event, tokencast::state::SessionEvent::StorageDegraded { .. }))
        })
        .await;
    store.mend();
    rig.expire();
    // Whether the save was tried again before or the next intent carries it: nothing is lost.
    tokencast_testkit::eventually("a refresh after the storage is back", || {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async { session.access_token().await.is_ok() })
        })
    })
    .await;
    assert_eq!(rig.server.stats().reuse_detected, 0);
    let next = rig.process().storage(store).build().unwrap();
    rig.expire();
    assert!(next.access_token().await.is_ok());
    assert_eq!(rig.server.stats().reuse_detected, 0);
}

/// 1 the request is at the server; 2 the record says so already: the intent, and the key that goes with the token;
/// 3 the commit clears the one and draws the other anew, at random, for every generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_intent_and_the_key_are_saved_before_the_request_leaves() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let mut keys = vec![stored(&rig.storage).unwrap()["attempt_key"].clone()];
    for number in 1..=5 {
        rig.expire();
        rig.server.hold_refreshes();
        let caller = tokio::spawn({
            let session = session.clone();
            async move { session.access_token().await }
        });
        rig.server.wait_until_held(1).await;
        let during = stored(&rig.storage).unwrap();
        assert_eq!(
            (&during["number"], &during["inflight"]["count"]),
            (&number.into(), &1.into())
        );
        assert!(
            Some(&during["attempt_key"]) == keys.last(),
            "the key that was saved with the token"
        );
        rig.server.release();
        caller.await.unwrap().unwrap();
        let after = stored(&rig.storage).unwrap();
        assert!(after.get("inflight").is_none());
        assert!(!keys.contains(&after["attempt_key"]), "a key is never used again");
        keys.push(after["attempt_key"].clone());
    }
}

/// The intent is read back: a storage that only claims to write must not let the request out.
#[tokio::test]
async fn a_server_is_not_called_when_the_intent_was_only_claimed() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let before = stored(&rig.storage).unwrap();
    rig.expire();
    for step in [Step::DropWrite, REFUSED, Step::WriteThenBlind] {
        storage.next_writes([step.clone()]);
        let error = session.access_token().await.unwrap_err();
        assert!(
            matches!(error, SessionError::StorageFailed { .. }),
            "{step:?}: {error:?}"
        );
        assert_eq!(rig.server.stats().refresh_requests, 0, "{step:?}");
        assert!(session.state().is_active(), "{step:?}");
        storage.mend();
    }
    let mut after = stored(&rig.storage).unwrap();
    after.as_object_mut().unwrap().remove("inflight");
    assert!(after == before, "nothing else changed");
    // One that landed and was reported failed is an intent.
    storage.next_writes([Step::WriteThenFail]);
    assert!(session.access_token().await.is_ok());
}

/// 1 a request is answered by trouble, and the process ends: the record keeps its intent; 2 the next process presents
/// the token again, and meets a dead verdict. Where the server names no reason, or reuse, the repetition may be what it
/// dislikes; a reason of its own is told as it is.
#[tokio::test]
async fn a_dead_verdict_after_an_intent_is_an_interrupted_rotation_unless_the_server_says_why() {
    let rig = Rig::new().await;
    for (code, reason) in [
        ("invalid_token", EndReason::InterruptedRotation),
        ("reuse_detected", EndReason::InterruptedRotation),
        ("already_exchanged", EndReason::InterruptedRotation),
        ("password_changed", EndReason::PasswordChanged),
        ("signed_in_elsewhere", EndReason::SignedInElsewhere),
        ("expired", EndReason::Expired),
    ] {
        let process = || rig.process().entry(code).build().unwrap();
        let session = process();
        session.sign_in(ada()).await.unwrap();
        rig.expire();
        rig.server
            .arm(Fault::once(Route::Refresh, FaultKind::status(503)))
            .unwrap();
        assert!(session.access_token().await.is_err());
        drop(session);
        let verdict = FaultKind::Answer {
            status: 401,
            retry_after: None,
            content_type: None,
            body: format!(r#"{{"error":"{code}"}}"#),
            processed: false,
        };
        rig.server.arm(Fault::once(Route::Refresh, verdict)).unwrap();
        let error = process().access_token().await.unwrap_err();
        assert_eq!(error, SessionError::SignInRequired { reason }, "{code}");
    }
}

/// The same tokens adopted twice: a key for each time.
#[tokio::test]
async fn an_adoption_draws_a_key_of_its_own() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    let tokens = rig.tokens_of_another_sign_in().await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        session.adopt(tokens.clone()).await.unwrap();
        let record = stored(&rig.storage).unwrap();
        assert!(record["attempt_key"].is_string() && !keys.contains(&record["attempt_key"]));
        assert!(record.get("revoke_pending").is_none(), "adopting appends nothing");
        keys.push(record["attempt_key"].clone());
    }
}
