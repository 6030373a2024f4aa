//! Why was I signed out? Each end of a session against the real backend, told by the whole history.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

#[path = "../storage/device.rs"]
#[allow(dead_code)] // shared with the tests of the storage
mod device;

use std::sync::Arc;

use tokencast::AuthSession;
use tokencast::error::{EndReason, LockedCause};
use tokencast::state::{Cause, SessionState, Transition};
use tokencast::storage::{self, KeyFailure, KeyWrapper};
use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{Op, Rig, Step, ada, eventually, snapshot, stored};
use zeroize::Zeroizing;

use device::Device;

/// Cause, status and code of each transition.
fn told(history: &[Transition]) -> Vec<(Cause, Option<u16>, Option<&str>)> {
    history
        .iter()
        .map(|told| (told.cause.clone(), told.status, told.server_code.as_deref()))
        .collect()
}

/// What happened on this device alone.
fn quiet(cause: Cause) -> (Cause, Option<u16>, Option<&'static str>) {
    (cause, None, None)
}

/// The state carries the end of the history.
fn trail(session: &AuthSession) -> Vec<Transition> {
    match session.state() {
        SessionState::SignInRequired { history, .. } => history.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn verdict(code: &str) -> FaultKind {
    FaultKind::Answer {
        status: 401,
        retry_after: None,
        content_type: None,
        body: format!(r#"{{"error":"{code}","error_description":"Dear user, your r3fr3sh is over"}}"#),
        processed: false,
    }
}

#[tokio::test]
async fn a_verdict_of_the_server_is_told_with_its_status_and_code() {
    for (code, reason) in [
        ("password_changed", EndReason::PasswordChanged),
        ("signed_in_elsewhere", EndReason::SignedInElsewhere),
        ("expired", EndReason::Expired),
        ("reuse_detected", EndReason::ReuseDetected),
        ("invalid_token", EndReason::Revoked),
    ] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        session.access_token().await.unwrap();
        rig.expire();
        rig.server
            .arm(Fault::once(Route::Refresh, verdict(code)))
            .unwrap();
        session.access_token().await.unwrap_err();
        let expected = [
            quiet(Cause::SignedIn),
            quiet(Cause::Renewed),
            (Cause::Ended(reason), Some(401), Some(code)),
        ];
        assert_eq!(told(&session.history()), expected);
        assert_eq!(trail(&session), session.history());
        assert!(!format!("{:?}", session.history()).contains("Dear user"));
    }
}

/// 1 a thief presents the stored token; 2 the owner's refresh is reuse.
#[tokio::test]
async fn a_thief_is_told_as_reuse() {
    let rig = Rig::plain().await;
    let session = rig.signed_in().await;
    let stolen = stored(&rig.storage).unwrap()["credential"]["refresh_token"].clone();
    let body = format!(
        "grant_type=refresh_token&refresh_token={}",
        stolen.as_str().unwrap()
    );
    let theft = tokencast_testkit::http()
        .post(format!("{}/auth/refresh", rig.server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    assert!(theft.send().await.unwrap().status().is_success());
    rig.expire();
    session.access_token().await.unwrap_err();
    let end = Cause::Ended(EndReason::ReuseDetected);
    let expected = [quiet(Cause::SignedIn), (end, Some(401), Some("reuse_detected"))];
    assert_eq!(told(&session.history()), expected);
}

/// 1 an answer is lost after the server's commit; 2 the process ends; 3 the next finds the intent, presents the token
/// again, and the server does not know it any more. The file tells the whole of it.
#[tokio::test]
async fn an_interrupted_rotation_tells_where_it_was_interrupted() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    for _ in 0..2 {
        device
            .rig
            .server
            .arm(Fault::once(Route::Refresh, FaultKind::status(503)))
            .unwrap();
        session.access_token().await.unwrap_err();
        device.clock.advance(std::time::Duration::from_secs(31));
    }
    eventually("the lines are written", || kept(&device).contains("server_busy")).await;
    drop(session);
    let next = device.start();
    let fault = Fault::once(Route::Refresh, verdict("invalid_token"));
    device.rig.server.arm(fault).unwrap();
    next.access_token().await.unwrap_err();
    let history = next.history();
    let interrupted = history
        .iter()
        .position(|told| matches!(told.cause, Cause::Interrupted { .. }));
    let Cause::Interrupted { since } = history[interrupted.unwrap()].cause else {
        unreachable!("found just above")
    };
    let end = Cause::Ended(EndReason::InterruptedRotation);
    let expected = [
        quiet(Cause::SignedIn),
        (Cause::ServerBusy, Some(503), None),
        quiet(Cause::Restored),
        quiet(Cause::Interrupted { since }),
        (end, Some(401), Some("invalid_token")),
    ];
    assert_eq!(told(&history), expected);
    assert_eq!(history[1].times, 2);
    assert!(since <= history[3].at && since >= history[0].at);
    assert_eq!(trail(&next), history);
}

/// An answer that is lost on the wire, without the contract: once more, as nothing of it had come, and that ends it.
#[tokio::test]
async fn a_lost_answer_is_told_before_the_end_that_it_led_to() {
    let rig = Rig::plain().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::DropAfterCommit {}))
        .unwrap();
    session.access_token().await.unwrap_err();
    let end = Cause::Ended(EndReason::InterruptedRotation);
    let expected = [
        quiet(Cause::SignedIn),
        quiet(Cause::AnswerLost),
        (end, Some(401), Some("reuse_detected")),
    ];
    assert_eq!(told(&session.history()), expected);
}

/// A platform's key that is gone for good.
struct Keys(std::sync::atomic::AtomicBool);

impl KeyWrapper for Keys {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        if self.0.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(KeyFailure::Gone);
        }
        Ok(Zeroizing::new(wrapped.to_vec()))
    }
}

#[tokio::test]
async fn a_lost_key_is_told_although_the_record_cannot_be_read() {
    let device = Device::new().await;
    let keys = Arc::new(Keys(false.into()));
    let launch = || {
        let store = storage::file(device.files());
        device.launch_on(store).key_wrapper(keys.clone()).build().unwrap()
    };
    launch().sign_in(ada()).await.unwrap();
    eventually("the lines are written", || kept(&device).contains("signed_in")).await;
    keys.0.store(true, std::sync::atomic::Ordering::SeqCst);
    let session = launch();
    session.restored().await;
    let expected = [Cause::SignedIn, Cause::Ended(EndReason::KeyLost)].map(quiet);
    assert_eq!(told(&session.history()), expected);
    assert_eq!(trail(&session), session.history());
}

#[tokio::test]
async fn a_lost_store_is_told_and_so_is_its_being_locked_before() {
    let device = Device::new().await;
    let session = device.start();
    session.restored().await;
    session.sign_in(ada()).await.unwrap();
    eventually("the lines are written", || kept(&device).contains("signed_in")).await;
    drop(session);
    device
        .store
        .script(Op::Read, "session/", [Step::Fail(LockedCause::DeviceLocked)]);
    device.start().restored().await;
    eventually("the lines are written", || kept(&device).contains("locked")).await;
    device.store.always(Op::Read, "session/", Step::DropWrite);
    let session = device.start();
    session.restored().await;
    let expected = [
        Cause::SignedIn,
        Cause::Locked(LockedCause::DeviceLocked),
        Cause::Ended(EndReason::StoreLost),
    ];
    assert_eq!(told(&session.history()), expected.map(quiet));
}

/// Two processes of one device: each takes in what the other noted.
#[tokio::test]
async fn the_processes_of_a_device_share_one_history() {
    let device = Device::new().await;
    let one = device.signed_in().await;
    eventually("the lines are written", || kept(&device).contains("signed_in")).await;
    let two = device.start();
    two.restored().await;
    device.expire();
    two.access_token().await.unwrap();
    eventually("the lines are written", || kept(&device).contains("renewed")).await;
    one.sign_out().await.unwrap();
    let expected = [
        Cause::SignedIn,
        Cause::Restored,
        Cause::Renewed,
        Cause::SignOutAsked,
        Cause::SignedOut,
    ];
    eventually("the other's transitions are taken in", || {
        told(&one.history())
            .iter()
            .map(|told| told.0.clone())
            .eq(expected.clone())
    })
    .await;
}

/// A folder that takes nothing, and garbage in the file: the session does not notice.
#[tokio::test]
async fn what_stands_in_the_file_never_fails_a_session() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    eventually("the lines are written", || kept(&device).contains("signed_in")).await;
    let file = history_file(&device).unwrap();
    std::fs::write(&file, b"\xff{\"at\":1}\n[[[[\n").unwrap();
    let session = device.start();
    assert!(session.restored().await.is_active());
    assert_eq!(told(&session.history()), [quiet(Cause::Restored)]);
    eventually("the lines are written", || kept(&device).contains("restored")).await;
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    device.expire();
    session.access_token().await.unwrap();
    assert_eq!(session.history().last().unwrap().cause, Cause::Renewed);
}

/// Nothing of the session's secrets, nor whose it is.
#[tokio::test]
async fn the_file_holds_no_secret_and_no_account() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    let token = session.access_token().await.unwrap();
    eventually("the lines are written", || kept(&device).contains("renewed")).await;
    let record = String::from_utf8(snapshot(&device.store).unwrap()).unwrap();
    let text = kept(&device);
    assert!(record.contains("ada") && !text.contains("ada"));
    assert!(!text.contains(token.secret()));
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(line.len() < 200, "{line}");
    }
}

fn history_file(device: &Device) -> Option<std::path::PathBuf> {
    let listing = std::fs::read_dir(device.state_dir()).ok()?;
    let mut paths = listing.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_str().unwrap().ends_with(".history"))
}

fn kept(device: &Device) -> String {
    let file = history_file(device).and_then(|file| std::fs::read(file).ok());
    String::from_utf8_lossy(&file.unwrap_or_default()).into_owned()
}
