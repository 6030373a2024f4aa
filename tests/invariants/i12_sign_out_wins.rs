use std::sync::{Arc, Mutex};

use crate::counting_server::{CountingServer, Reaction};
use tokencast::error::{EndReason, SessionError};
use tokencast::state::{SessionEvent, SessionState};

use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{
    ACCESS_TTL, FaultStorage, Op, REFUSED, Recorder, Rig, Step, ada, asks, eventually, put,
    renewed_elsewhere, stored,
};

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

/// 1 the tombstone's write hangs in the storage; 2 memory is signed out already, and the call has not resolved; 3 the
/// write lands: now it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_signed_out_at_once_and_the_call_resolves_when_the_end_is_saved() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    storage.next_writes([Step::Hang]);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.sign_out().await }
    });
    eventually("the tombstone at the storage", || storage.hanging() == 1).await;
    assert_eq!(
        (session.state(), session.current_token()),
        (SessionState::SignedOut, None)
    );
    assert!(!caller.is_finished());
    assert_eq!(stored(&rig.storage).unwrap()["kind"], "session");
    assert_eq!(rig.server.stats().revocations, 0, "written down first");
    storage.release();
    caller.await.unwrap().unwrap();
    assert_eq!(stored(&rig.storage).unwrap()["kind"], "tombstone");
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
}

/// Checked again after a read-back: 1 the commit of 1.2 is written, its read-back hangs; 2 the user signs out: memory
/// at once, the tombstone waits for the record; 3 the read-back succeeds: its token is not put into memory; 4 the
/// tombstone lands on 1.2, whose token is the one that is revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_read_back_after_the_sign_out_is_not_served() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server.hold_refreshes();
    let caller = asks(&session);
    rig.server.wait_until_held(1).await;
    // The commit's look at the record, then its read-back.
    storage.script(Op::Read, "session/", [Step::Ok, Step::Hang]);
    rig.server.release();
    eventually("the read-back at the storage", || storage.hanging() == 1).await;
    assert_eq!(stored(&rig.storage).unwrap()["number"], 2, "it is written");
    let recorder = Recorder::on(&session);
    let leaving = tokio::spawn({
        let session = session.clone();
        async move { session.sign_out().await }
    });
    eventually("the sign-out in memory", || {
        session.state() == SessionState::SignedOut
    })
    .await;
    storage.release();
    leaving.await.unwrap().unwrap();
    // Whatever the one caller is told, it is no token of the session that is over.
    if let Ok(token) = caller.await.unwrap() {
        panic!("served {:?}", token.generation());
    }
    assert_eq!(session.current_token(), None);
    let tokens = |event: &SessionEvent| matches!(event, SessionEvent::AccessTokenChanged(_));
    assert!(!recorder.events().iter().any(tokens));
    assert_eq!(stored(&rig.storage).unwrap()["kind"], "tombstone");
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
}

/// The profile's rule says when a revocation is done: 2xx, or a status listed as "already gone". Anything else leaves
/// it written down, to be sent again.
#[tokio::test]
async fn a_revocation_is_crossed_out_by_the_profiles_rule_alone() {
    for (status, done) in [
        (204, true),
        (404, true),
        (400, false),
        (401, false),
        (429, false),
        (503, false),
    ] {
        let rig = Rig::new().await;
        let mut json = serde_json::to_value(rig.profile()).unwrap();
        json["revoke"]["done_statuses"] = serde_json::json!([404]);
        let profile = serde_json::from_value(json).unwrap();
        let session = rig.process_with(profile).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        let token = stored(&rig.storage).unwrap()["credential"]["refresh_token"].clone();
        rig.server
            .arm(Fault::once(Route::Logout, FaultKind::status(status)))
            .unwrap();
        session.sign_out().await.unwrap();
        let pending = || stored(&rig.storage).unwrap().get("revoke_pending").cloned();
        if done {
            eventually("the crossing out", || pending().is_none()).await;
            assert_eq!(rig.server.stats().revocations, 0, "{status}: not asked again");
            continue;
        }
        eventually("the answer", || rig.server.stats().faults == 1).await;
        assert!(
            pending().unwrap()[0]["token"] == token,
            "{status}: still written down"
        );
        session.notify(tokencast::Notice::Online);
        eventually("the second try", || rig.server.stats().revocations == 1).await;
        eventually("the crossing out", || pending().is_none()).await;
    }
}

/// 1 the request of epoch 1 is at the server; 2 another process signs in: epoch 2; 3 the answer's token is discarded:
/// when the server is asked to revoke it, it is written down already.
#[tokio::test]
async fn a_discarded_result_is_written_down_before_it_is_revoked() {
    let rig = Rig::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (disk, pending) = (rig.storage.clone(), seen.clone());
    let server = CountingServer::start(move |met| {
        match met.path.as_str() {
            "/auth/refresh" => {
                let mut theirs = renewed_elsewhere(&stored(&disk).unwrap(), 1);
                theirs["epoch"] = 2.into();
                put(&disk, &theirs);
            }
            "/auth/logout" => pending
                .lock()
                .unwrap()
                .push(stored(&disk).unwrap()["revoke_pending"].clone()),
            _ => {}
        }
        Reaction::Answer
    })
    .await;
    let session = rig.process_with(server.profile()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.clock.advance(ACCESS_TTL);
    let token = session.access_token().await.unwrap();
    assert!(token.secret() == "their-access-token" && token.generation().epoch == 2);
    eventually("the revocation", || !seen.lock().unwrap().is_empty()).await;
    let written = seen.lock().unwrap()[0].clone();
    assert_eq!(written[0]["token"], "r2", "the second request's token");
    eventually("the crossing out", || {
        stored(&rig.storage).unwrap().get("revoke_pending").is_none()
    })
    .await;
}

/// 1 a request is at the server; 2 another process writes down a token to be revoked, in a store that it calls another
/// name; 3 the commit keeps what it finds under the lock: that token, the store's id and the installation's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_takes_what_others_wrote_down() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server
        .arm(Fault::times(Route::Logout, 99, FaultKind::status(503)))
        .unwrap();
    rig.server.hold_refreshes();
    let caller = asks(&session);
    rig.server.wait_until_held(1).await;
    let mut theirs = stored(&rig.storage).unwrap();
    theirs["revoke_pending"] = serde_json::json!([{"token": "an-older-token", "profile_id": "rotation"}]);
    theirs["store"] = "their-store".into();
    theirs["install_id"] = "their-installation".into();
    put(&rig.storage, &theirs);
    rig.server.release();
    caller.await.unwrap().unwrap();
    let after = stored(&rig.storage).unwrap();
    assert_eq!(after["number"], 2);
    for name in ["revoke_pending", "store", "install_id"] {
        assert_eq!(after[name], theirs[name], "{name}");
    }
}

/// 1 a sign-in's answer is on its way; 2 another process signs in: epoch 1; 3 the answer comes: its epoch is drawn now,
/// under the record lock, and is the newer one; 4 the other one's token is written down and revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_draws_its_epoch_when_it_is_saved() {
    let rig = Rig::new().await;
    let proxy = tokencast_fault_proxy::FaultProxy::start(rig.server.url())
        .await
        .unwrap();
    let slow = rig.process_with(rig.profile_at(&proxy.url())).build().unwrap();
    slow.restored().await;
    proxy.next("/auth/login", tokencast_fault_proxy::Fault::HoldAnswer);
    let caller = tokio::spawn({
        let slow = slow.clone();
        async move { slow.sign_in(ada()).await }
    });
    proxy.wait_until_held(1).await;
    assert!(!slow.state().is_active(), "not published before it is saved");
    let quick = rig.signed_in().await;
    assert_eq!(quick.generation().epoch, 1);
    proxy.release();
    caller.await.unwrap().unwrap();
    assert_eq!(slow.generation().epoch, 2);
    assert_eq!(stored(&rig.storage).unwrap()["epoch"], 2);
    eventually("the revocation", || rig.server.stats().revocations == 1).await;
    rig.expire();
    assert!(slow.access_token().await.is_ok());
}

/// The app's own tokens are the app's: an adoption that cannot be saved leaves them alive and changes nothing.
#[tokio::test]
async fn an_adoption_that_cannot_be_saved_revokes_nothing() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    storage.all_writes(REFUSED);
    let session = rig.process().storage(storage.clone()).build().unwrap();
    let tokens = rig.tokens_of_another_sign_in().await;
    let error = session.adopt(tokens.clone()).await.unwrap_err();
    assert!(matches!(error, SessionError::StorageFailed { .. }), "{error:?}");
    assert!(!session.state().is_active() && session.current_token().is_none());
    assert!(stored(&rig.storage).is_none());
    assert_eq!(rig.server.stats().revocations, 0);
    storage.mend();
    session.adopt(tokens).await.expect("they are alive");
    rig.expire();
    assert!(session.access_token().await.is_ok());
}
