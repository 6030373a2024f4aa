//! Scheme `rotation`: a new pair at every refresh, and a token that is used twice ends the whole family.

use std::time::Duration;

use tokencast::error::{EndReason, SessionError};
use tokencast::profile::ServerProfile;
use tokencast_backend::{Config, Fault, FaultKind, Route, Scheme, Second};
use tokencast_testkit::eventually;

use crate::device::{ADA, Device, ROUNDED, sign_in, told};
use crate::server::{Answer, Server};

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const REFRESH_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const LATE_WINDOW: Duration = Duration::from_secs(120);
const GRACE: Duration = Duration::from_secs(30);

/// With the idempotency contract.
async fn by_contract() -> Server {
    server(true, Duration::ZERO).await
}

/// As most servers rotate.
async fn plain() -> Server {
    server(false, Duration::ZERO).await
}

/// Plain, with a grace period.
async fn with_grace() -> Server {
    server(false, GRACE).await
}

async fn server(idempotency: bool, reuse_leeway: Duration) -> Server {
    let config = Config {
        idempotency,
        reuse_leeway,
        late_window: LATE_WINDOW,
        ..Config::for_tests().with_scheme(Scheme::Rotation)
    };
    let key = idempotency.then_some("Idempotency-Key");
    Server::of(super::start(config).await, |url| {
        let profile = ServerProfile::rotation(url)?.with_idempotency_key(key);
        Ok(profile.with_reuse_leeway(reuse_leeway))
    })
}

fn token_on(device: &Device<'_>) -> String {
    device.secret("refresh_token")
}

/// By somebody who is no app.
async fn refresh(server: &Server, token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    server.post("/auth/refresh", &fields).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_expiry_and_a_restart() {
    for server in [plain().await, by_contract().await] {
        server.device().lives_through_a_restart(ACCESS_LIFE).await;
    }
}

/// The attacker-first story, in the mission's eleven steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_an_attacker_refreshes_first_the_owners_next_refresh_ends_both() {
    for server in [plain().await, by_contract().await] {
        let device = server.device();
        // 1 the client signs in
        let app = device.start();
        sign_in(&app.session, ADA).await;
        // 2 the server makes both tokens, and saves the refresh token
        assert_eq!(server.backend.stats().logins, 1);
        // 3 it sends them
        let owners = app.session.access_token().await.unwrap();
        assert!(server.accepts(owners.secret()).await);
        // 4 an attacker steals the refresh token
        let stolen = token_on(&device);
        // 5 the attacker presents it first
        let attackers = refresh(&server, &stolen).await;
        // 6 the server compares it with its database, and makes new tokens
        assert_eq!(server.backend.stats().exchanges, 1);
        // 7 it sends them to the attacker, who has access: once
        let attackers_refresh = attackers.refresh_token();
        assert!(attackers_refresh != stolen);
        assert!(server.accepts(attackers.access_token()).await);
        // 8 the owner's access token expires, the owner presents the old refresh token
        server.pass(ACCESS_LIFE + ROUNDED);
        assert!(!server.accepts(owners.secret()).await);
        let refused = app.session.access_token().await.unwrap_err();
        // 9 the server sees the reuse, voids all refresh tokens and answers: access denied
        let reason = EndReason::ReuseDetected;
        assert_eq!(refused, SessionError::SignInRequired { reason });
        assert_eq!(server.backend.stats().reuse_detected, 1);
        let end = "Ended(ReuseDetected) 401 reuse_detected";
        assert_eq!(told(&app.session), ["SignedIn", end]);
        // 10 the attacker comes back with an expired access token
        assert!(!server.accepts(attackers.access_token()).await);
        // 11 all are void: access denied
        let refused = refresh(&server, attackers_refresh).await;
        assert_eq!(refused.refusal(), "401 reuse_detected");
        assert_eq!(server.backend.stats().exchanges, 1);

        // The owner signs in again, and is alone.
        sign_in(&app.session, ADA).await;
        device.renews(&app, ACCESS_LIFE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_owner_refreshes_first_the_attacker_gets_nothing_and_ends_the_session() {
    for server in [plain().await, by_contract().await] {
        let (device, elsewhere) = (server.device(), server.device());
        let (app, other) = (device.signed_in().await, elsewhere.signed_in().await);
        let stolen = token_on(&device);
        device.renews(&app, ACCESS_LIFE).await;
        assert_eq!(refresh(&server, &stolen).await.refusal(), "401 reuse_detected");
        let (reason, said) = (EndReason::ReuseDetected, "401 reuse_detected");
        device.ends(app, ACCESS_LIFE, reason, said).await;
        // The user's other sign-in is a family of its own.
        elsewhere.renews(&other, ACCESS_LIFE).await;
        assert_eq!(server.backend.stats().reuse_detected, 1);
    }
}

/// No answer, half of one, nobody there to hear it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_lost_answer_loses_no_session() {
    let server = by_contract().await;
    server
        .device()
        .loses_no_answer(ACCESS_LIFE, REFRESH_LIFE - ACCESS_LIFE * 2)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_lost_answer_ends_the_family_and_the_app_is_told_that_it_was_interrupted() {
    let server = plain().await;
    let (reason, said) = (EndReason::InterruptedRotation, "401 reuse_detected");
    let device = server.device();
    let process = device.signed_in().await;
    let lost = Fault::once(Route::Refresh, FaultKind::DropAfterCommit {});
    server.backend.arm(lost).unwrap();
    device.ends(process, ACCESS_LIFE, reason.clone(), said).await;

    let process = device.signed_in().await;
    let cut = Fault::once(Route::Refresh, FaultKind::CutBody {});
    server.backend.arm(cut).unwrap();
    server.pass(ACCESS_LIFE + ROUNDED);
    device.waits(&process, "AnswerLost").await;
    device.ends(process, Duration::ZERO, reason.clone(), said).await;

    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    device.ends(device.start(), Duration::ZERO, reason, said).await;
    let stats = server.backend.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.reuse_detected), (3, 0, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_the_grace_period_a_lost_answer_is_asked_for_again_and_a_copy_gets_through() {
    let server = with_grace().await;
    let device = server.device();
    let process = device.signed_in().await;
    for fault in [FaultKind::DropAfterCommit {}, FaultKind::CutBody {}] {
        server.backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
        device.renews(&process, ACCESS_LIFE).await;
    }
    let spent = token_on(&device);
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    let process = device.start();
    let token = process.session.access_token().await.unwrap();
    assert!(server.accepts(token.secret()).await);
    // What grace costs: for so long a thief's copy is taken too.
    assert_eq!(refresh(&server, &spent).await.status, 200);
    let stats = server.backend.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (7, 0));

    server.pass(GRACE);
    assert_eq!(refresh(&server, &spent).await.refusal(), "401 reuse_detected");
    let (reason, said) = (EndReason::ReuseDetected, "401 reuse_detected");
    device.ends(process, ACCESS_LIFE, reason, said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_grace_period_a_lost_answer_is_reuse() {
    let server = with_grace().await;
    let device = server.device();
    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    let (reason, said) = (EndReason::InterruptedRotation, "401 reuse_detected");
    device.ends(device.start(), GRACE, reason, said).await;
}

/// Rule 6 of the contract.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_a_spent_token_ends_the_family() {
    for server in [plain().await, by_contract().await] {
        let device = server.device();
        let process = device.signed_in().await;
        let spent = token_on(&device);
        device.renews(&process, ACCESS_LIFE).await;
        device.renews(&process, ACCESS_LIFE).await;
        for _ in 0..2 {
            assert_eq!(
                server.post("/auth/logout", &[("token", &spent)]).await.status,
                200
            );
        }
        assert_eq!(server.backend.stats().revocations, 1);
        let (reason, said) = (EndReason::Revoked, "401 invalid_token");
        device.ends(process, ACCESS_LIFE, reason, said).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_family_at_the_server_too() {
    let server = plain().await;
    let device = server.device();
    let process = device.signed_in().await;
    let token = token_on(&device);
    process.session.sign_out().await.unwrap();
    eventually("the revocation", || server.backend.stats().revocations == 1).await;
    assert_eq!(refresh(&server, &token).await.refusal(), "401 invalid_token");
    assert_eq!(told(&process.session), ["SignedIn", "SignOutAsked", "SignedOut"]);
}

/// 1 the network keeps a copy of the app's request; 2 the app's next refresh uses the successor; 3 the copy arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_the_network_delivers_late_is_superseded_within_the_window_and_reuse_after_it() {
    let server = by_contract().await;
    let device = server.device();
    let process = device.signed_in().await;
    let when = Second::WhenTold;
    for (late, status) in [(LATE_WINDOW - ROUNDED, 409), (LATE_WINDOW, 401)] {
        let copied = Fault::once(Route::Refresh, FaultKind::Duplicate { when });
        server.backend.arm(copied).unwrap();
        device.renews(&process, ACCESS_LIFE).await;
        device.renews(&process, ACCESS_LIFE).await;
        server.pass(late);
        assert_eq!(server.backend.deliver_copies().await, [status]);
        let ended = u64::from(status == 401);
        assert_eq!(server.backend.stats().reuse_detected, ended);
    }
    let (reason, said) = (EndReason::ReuseDetected, "401 reuse_detected");
    device.ends(process, ACCESS_LIFE, reason, said).await;
}

/// 1 a backup of the device is made; 2 the app refreshes twice; 3 the backup is restored elsewhere, and the app there
/// presents the old token under its own key; 4 it is told to wait, as somebody may have a newer one; 5 nobody has: the
/// server takes it for reuse, and both end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_waits_for_the_window_and_then_ends_the_session() {
    let server = by_contract().await;
    let device = server.device();
    let process = device.signed_in().await;
    let restored = device.backup();
    device.renews(&process, ACCESS_LIFE).await;
    device.renews(&process, ACCESS_LIFE).await;

    let copy = restored.start();
    assert!(copy.session.restored().await.is_active());
    let wait = restored.waits(&copy, "Superseded 409 superseded").await;
    assert!(wait > LATE_WINDOW / 2 && wait <= LATE_WINDOW, "{wait:?}");
    assert_eq!(server.backend.stats().reuse_detected, 0);
    let token = process.session.access_token().await.unwrap();
    assert!(server.accepts(token.secret()).await, "nothing happened to it");

    let (reason, said) = (EndReason::InterruptedRotation, "401 reuse_detected");
    restored.ends(copy, wait, reason, said).await;
    let (reason, said) = (EndReason::ReuseDetected, "401 reuse_detected");
    device.ends(process, ACCESS_LIFE, reason, said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_came_to_its_end_is_told_so() {
    let server = plain().await;
    let device = server.device();
    let process = device.signed_in().await;
    device
        .ends(process, REFRESH_LIFE, EndReason::Expired, "401 expired")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_session_and_the_app_is_told() {
    let server = plain().await;
    let (reason, said) = (EndReason::PasswordChanged, "401 password_changed");
    server
        .device()
        .ends_with_the_password(ACCESS_LIFE, reason, said)
        .await;
}
