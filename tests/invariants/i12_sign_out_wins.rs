use tokencast::error::{EndReason, SessionError};
use tokencast::state::{SessionEvent, SessionState};

use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::{FaultStorage, REFUSED, Recorder, Rig, Step, ada, eventually, stored};

#[tokio::test]
async fn signing_out_revokes_the_session_and_survives_a_restart() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    session.sign_out().await.unwrap();
    assert_eq!(session.state(), SessionState::SignedOut);
    assert_eq!(session.current_token(), None);
    let signed_out = SessionError::SignInRequired {
        reason: EndReason::SignedOut,
    };
    assert_eq!(session.access_token().await.unwrap_err(), signed_out);
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
    let next = rig.process().build().unwrap();
    assert_eq!(next.restored().await, SessionState::SignedOut);
    assert_eq!(next.generation().epoch, 2, "the epoch is kept when signed out");
    session.sign_out().await.expect("twice is once");
}

/// 1 the token has expired; 2 a refresh is on the wire, the server holds its answer; 3 the user signs out; 4 the
/// answer arrives: it is not served, not broadcast, and its token is revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_arrives_after_the_sign_out_is_discarded_and_revoked() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    session.sign_out().await.unwrap();
    let recorder = Recorder::on(&session);
    rig.server.release();
    assert!(matches!(
        caller.await.unwrap(),
        Err(SessionError::SignInRequired { .. })
    ));
    eventually("the family's end", || rig.server.stats().revocations == 1).await;
    assert_eq!(session.current_token(), None);
    let token_seen = recorder
        .events()
        .iter()
        .any(|event| matches!(event, SessionEvent::AccessTokenChanged(_)));
    assert!(!token_seen, "{:?}", recorder.events());
    assert_eq!(
        rig.process().build().unwrap().restored().await,
        SessionState::SignedOut
    );
}

/// 1 the server cannot be reached for the revocation; 2 the user signs in again; 3 the next process starts with
/// the network back: the old token is revoked then, the new session lives.
#[tokio::test]
async fn what_must_be_revoked_survives_a_restart_and_a_sign_in() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.server
        .arm(Fault::times(Route::Logout, 99, FaultKind::status(503)))
        .unwrap();
    session.sign_out().await.unwrap();
    session.sign_in(tokencast_testkit::ada()).await.unwrap();
    drop(session);
    assert_eq!(rig.server.stats().revocations, 0);
    rig.server.disarm();
    let next = rig.process().build().unwrap();
    assert!(next.restored().await.is_active());
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
    rig.expire();
    assert!(next.access_token().await.is_ok());
}

/// A session that another profile made cannot be read as one, and is not this profile's to use; signing out ends
/// it all the same, and says so only when it did.
#[tokio::test]
async fn a_session_that_cannot_be_opened_can_still_be_signed_out() {
    let rig = Rig::new().await;
    rig.signed_in().await;
    let mut json = serde_json::to_value(rig.profile()).unwrap();
    json["id"] = "another".into();
    let session = rig
        .process_with(serde_json::from_value(json).unwrap())
        .build()
        .unwrap();
    assert!(matches!(session.restored().await, SessionState::Locked { .. }));
    session.sign_out().await.unwrap();
    assert_eq!(session.state(), SessionState::SignedOut);
    assert_eq!(
        rig.process().build().unwrap().restored().await,
        SessionState::SignedOut
    );
}

/// 1 the storage refuses the tombstone; 2 signing out says so, and memory is signed out all the same: no token, no
/// refresh; 3 the storage works: signing out once more ends it for good.
#[tokio::test]
async fn a_sign_out_that_cannot_be_saved_is_one_in_memory_and_can_be_repeated() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    for step in [REFUSED, Step::DropWrite] {
        storage.all_writes(step.clone());
        let error = session.sign_out().await.unwrap_err();
        assert!(
            matches!(error, SessionError::StorageFailed { .. }),
            "{step:?}: {error:?}"
        );
        assert_eq!(
            (session.state(), session.current_token()),
            (SessionState::SignedOut, None)
        );
        assert!(session.access_token().await.is_err());
        assert_eq!(
            stored(&rig.storage).unwrap()["kind"],
            "session",
            "{step:?}: unchanged"
        );
    }
    storage.mend();
    session.sign_out().await.unwrap();
    let tombstone = stored(&rig.storage).unwrap();
    assert_eq!(
        (&tombstone["kind"], &tombstone["epoch"]),
        (&"tombstone".into(), &2.into())
    );
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
}

/// 1 one process holds epoch 1; 2 another has signed in anew: epoch 2; 3 the first signs out what it has: the newer
/// session stays, only its record gains the ended token.
#[tokio::test]
async fn signing_out_an_old_epoch_leaves_a_newer_session_alone() {
    let rig = Rig::new().await;
    let one = rig.signed_in().await;
    let ended = stored(&rig.storage).unwrap()["credential"]["refresh_token"].clone();
    rig.server
        .arm(Fault::times(Route::Logout, 99, FaultKind::status(503)))
        .unwrap();
    let two = rig.process().build().unwrap();
    two.restored().await;
    two.adopt(rig.tokens_of_another_sign_in().await).await.unwrap();
    let before = stored(&rig.storage).unwrap();
    assert!(before.get("revoke_pending").is_none(), "adopting appends nothing");

    one.sign_out().await.unwrap();
    let mut after = stored(&rig.storage).unwrap();
    let pending = after.as_object_mut().unwrap().remove("revoke_pending").unwrap();
    assert!(pending.as_array().unwrap().len() == 1 && pending[0]["token"] == ended);
    assert_eq!(pending[0]["profile_id"], "rotation");
    assert!(after == before, "nothing else changed");
    rig.server.disarm();
    rig.expire();
    assert!(two.access_token().await.is_ok());
}

/// A sign-in over a session writes the old token down, to be revoked; the new session is not touched by that.
#[tokio::test]
async fn a_sign_in_over_a_session_revokes_the_old_one() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let first = session.access_token().await.unwrap();
    session.sign_in(ada()).await.unwrap();
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
    assert!(session.generation().epoch > first.generation().epoch);
    rig.expire();
    assert!(session.access_token().await.is_ok());
    eventually("the crossing out", || {
        stored(&rig.storage).unwrap().get("revoke_pending").is_none()
    })
    .await;
}
