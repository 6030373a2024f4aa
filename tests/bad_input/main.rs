//! Whatever a server, a file or a profile says: a typed error, the old token still there, nothing secret printed.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod guide;
mod odd_server;
mod odd_servers;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokencast::error::{EndReason, LockedCause, SessionError, TryAgainCause};
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::state::SessionState;
use tokencast::storage::{SecureStorage, WriteOutcome};
use tokencast::transport::ReqwestTransport;
use tokencast_backend::{Config, Fault, FaultKind, Route, Tls};
use tokencast_testkit::{Rig, ada};

/// Answers that happened at the server but cannot be used: transient, and the repeat under the same key gets the
/// real answer.
#[tokio::test]
async fn an_unusable_answer_loses_nothing() {
    for (name, value) in [
        ("refresh_token", json!(42)),
        ("refresh_token", json!({"nested": true})),
        ("refresh_token", json!("x".repeat(1024 * 1024))),
        ("access_token", json!("x".repeat(1024 * 1024))),
    ] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        let kind = value.to_string().chars().take(12).collect::<String>();
        rig.server
            .arm(Fault::times(Route::Refresh, 30, FaultKind::field(name, value)))
            .unwrap();
        // A too long answer is repeated until the flight's deadline: this caller does not wait for it.
        let asked = tokio::time::timeout(Duration::from_secs(3), session.access_token()).await;
        let still_repeating = asked.is_err();
        if let Ok(answer) = asked {
            let error = answer.unwrap_err();
            assert!(
                matches!(
                    error,
                    SessionError::TryAgain {
                        cause: TryAgainCause::Server,
                        ..
                    }
                ),
                "{name} {kind} {error:?}"
            );
        }
        assert!(session.state().is_active(), "{name} {kind}");
        rig.server.disarm();
        rig.clock.advance(Duration::from_secs(31));
        if still_repeating {
            // The leap ends that flight's repeats; who joins it now may end with it.
            drop(session.access_token().await);
            rig.clock.advance(Duration::from_secs(31));
        }
        let token = session
            .access_token()
            .await
            .unwrap_or_else(|error| panic!("{name} {kind}: {error}"));
        assert!(rig.accepts(token.secret()).await);
        assert_eq!(
            (rig.server.stats().exchanges, rig.server.stats().reuse_detected),
            (1, 0),
            "{name} {kind}"
        );
    }
}

/// The server rotated and sent an access token that no header can carry: the new refresh token is kept, the
/// session refreshes once more, and does not spin.
#[tokio::test]
async fn an_unusable_access_token_is_replaced_by_one_more_exchange() {
    for value in [
        json!(42),
        json!("nul\0byte"),
        json!("line\nbreak"),
        json!("é"),
        json!(null),
    ] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        rig.server
            .arm(Fault::once(
                Route::Refresh,
                FaultKind::field("access_token", value.clone()),
            ))
            .unwrap();
        let token = session
            .access_token()
            .await
            .unwrap_or_else(|error| panic!("{value}: {error}"));
        assert!(rig.accepts(token.secret()).await, "{value}");
        assert_eq!(
            (rig.server.stats().exchanges, rig.server.stats().reuse_detected),
            (2, 0),
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_token_that_is_dead_on_arrival_is_refreshed_once_more_and_never_spins() {
    for life in [json!(0), json!(-1), json!(-1e300)] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        rig.server
            .arm(Fault::times(
                Route::Refresh,
                99,
                FaultKind::field("expires_in", life.clone()),
            ))
            .unwrap();
        for _ in 0..50 {
            let error = session.access_token().await.unwrap_err();
            assert!(
                matches!(error, SessionError::TryAgain { .. }),
                "{life}: {error:?}"
            );
        }
        let exchanges = rig.server.stats().exchanges;
        assert!((1..=2).contains(&exchanges), "{life}: {exchanges} exchanges");
        rig.server.disarm();
        rig.clock.advance(Duration::from_secs(61));
        assert!(session.access_token().await.is_ok(), "{life}");
    }
}

#[tokio::test]
async fn a_life_in_an_odd_spelling_is_understood() {
    for (life, least, most) in [
        (json!(1e300), 3600 * 24 * 300, 3600 * 24 * 400),
        (json!("3600"), 3599, 3600),
        (json!(3600.5), 3600, 3601),
        (json!("soon"), 290, 300), // then the token's own claims hold
        (json!([3600]), 290, 300),
    ] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        rig.server
            .arm(Fault::once(
                Route::Refresh,
                FaultKind::field("expires_in", life.clone()),
            ))
            .unwrap();
        let token = session.access_token().await.unwrap();
        let seconds = token.life().as_secs();
        assert!((least..=most).contains(&seconds), "{life}: {seconds}");
    }
}

#[tokio::test]
async fn a_redirecting_token_endpoint_is_a_matter_for_the_developer_and_sees_no_second_host() {
    let rig = Rig::new().await;
    let elsewhere = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    let target = format!("{}/auth/refresh", elsewhere.server.url());
    for status in [301, 302, 303, 307, 308] {
        rig.server
            .arm(Fault::once(Route::Refresh, FaultKind::redirect(status, &target)))
            .unwrap();
        let error = session.access_token().await.unwrap_err();
        assert!(
            matches!(error, SessionError::Misconfigured { .. }),
            "{status}: {error:?}"
        );
    }
    assert_eq!(elsewhere.server.stats().refresh_requests, 0);
    assert!(session.access_token().await.is_ok());
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::EndlessBody {}))
        .unwrap();
    let token = session
        .access_token()
        .await
        .expect("the repeat under the same key");
    assert!(rig.accepts(token.secret()).await);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_apart_and_costs_nothing() {
    let tls = |tls| Config {
        tls,
        ..Config::for_tests()
    };
    for (mode, trusted) in [
        (Tls::TestAuthority, true),
        (Tls::TestAuthority, false),
        (Tls::WrongName, true),
    ] {
        let rig = Rig::with(tls(mode)).await;
        let mut transport = ReqwestTransport::default();
        if trusted {
            let pem = rig.server.ca_pem().unwrap().as_bytes();
            transport = transport.with_extra_root(pem).unwrap();
        }
        let session = rig.process().reqwest(transport).build().unwrap();
        let signed_in = session.sign_in(ada()).await;
        if mode == Tls::TestAuthority && trusted {
            signed_in.expect("the right authority and name");
            continue;
        }
        let error = signed_in.unwrap_err();
        assert!(
            matches!(
                error,
                SessionError::TryAgain {
                    cause: TryAgainCause::Untrusted,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(rig.server.stats().logins, 0);
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_users_matter() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    let wrong = tokencast::token::Credentials::password("ada", "byron");
    let error = session.sign_in(wrong).await.unwrap_err();
    assert_eq!(
        error,
        SessionError::InvalidCredentials {
            code: "invalid_credentials".into()
        }
    );
    assert_eq!(session.state(), SessionState::SignedOut);
}

/// Damaged, truncated and future records. The record's one entry is found by writing through the store itself.
#[tokio::test]
async fn a_damaged_record_is_lost_with_its_reason_and_a_newer_one_only_locks() {
    let name = {
        let digest = ring::digest::digest(&ring::digest::SHA256, b"default");
        let hash: String = digest.as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("session/{hash}")
    };
    let lost = SessionState::SignInRequired {
        reason: EndReason::StoreLost,
        account: None,
        history: Default::default(),
    };
    let newer = SessionState::Locked {
        cause: LockedCause::NewerFormat,
    };
    for (bytes, state) in [
        (&b""[..], &lost),
        (b"\0\0\0", &lost),
        (b"tokencast-record/1 abc\n{}", &lost),
        (b"{\"version\":1}", &lost),
        (b"tokencast-record/2 from-the-future", &newer),
    ] {
        let rig = Rig::new().await;
        assert_eq!(rig.storage.write(&name, bytes), WriteOutcome::Acknowledged);
        let session = rig.process().build().unwrap();
        assert_eq!(session.restored().await, *state, "{bytes:?}");
        let error = session.access_token().await.unwrap_err();
        if *state == lost {
            assert_eq!(
                error,
                SessionError::SignInRequired {
                    reason: EndReason::StoreLost
                }
            );
            session.sign_in(ada()).await.unwrap();
            assert!(session.access_token().await.is_ok());
        } else {
            assert_eq!(
                error,
                SessionError::Locked {
                    cause: LockedCause::NewerFormat
                }
            );
            assert!(
                session.sign_in(ada()).await.is_err(),
                "a newer record is never overwritten"
            );
            assert_eq!(rig.process().build().unwrap().restored().await, newer);
        }
    }
}

#[test]
fn an_unknown_profile_field_is_refused_with_its_name() {
    let mut profile =
        serde_json::to_value(ServerProfile::rotation("https://api.example.com").unwrap()).unwrap();
    profile["acess_token"] = json!("/token");
    let error = ServerProfile::from_json(&profile.to_string()).unwrap_err();
    assert!(error.to_string().contains("acess_token"), "{error}");
}

#[tokio::test]
async fn a_builder_without_a_part_says_which() {
    let profile = || ServerProfile::rotation("https://api.example.com").unwrap();
    let what = |built: Result<AuthSession, SessionError>| match built {
        Err(SessionError::Misconfigured { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert!(what(AuthSession::builder(profile()).build()).contains("storage"));
    let folder = tempfile::tempdir().unwrap();
    let sealed = AuthSession::builder(profile())
        .storage(tokencast::storage::file(folder.path()))
        .build();
    assert!(what(sealed).contains("KeyWrapper"));
}

/// Everything above at trace level, with the real tokens searched for in what was printed; a planted token is
/// found by the same search.
#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    let (log, _listening) = Log::listen();
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let first = session.access_token().await.unwrap();
    rig.expire();
    rig.server
        .arm(Fault::times(Route::Refresh, 2, FaultKind::garbage_json()))
        .unwrap();
    let second = session.access_token().await.unwrap();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::status(500)))
        .unwrap();
    let refused = session.rejected(second.generation()).await.unwrap_err();
    session.sign_out().await.unwrap();
    let shown = format!(
        "{session:?} {first:?} {second:?} {refused:?} {refused} {:?}",
        rig.storage
    );
    let everything = format!("{}{shown}", log.text());
    for secret in [first.secret(), second.secret(), "lovelace"] {
        assert!(!everything.contains(secret));
    }
    tracing::info!("planted {}", first.secret());
    assert!(
        log.text().contains(first.secret()),
        "the search would have found it"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Everything that this thread logs from here on, until what comes with it is dropped.
    fn listen() -> (Self, impl Sized) {
        let log = Self::default();
        let subscriber = || {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(log.clone())
                .with_ansi(false)
                .finish()
        };
        let guard = tracing::subscriber::set_default(subscriber());
        // While there is but one, tracing takes the subscriber of whichever thread comes by a call first for all there are:
        // a test beside this one, which has none, would silence the call for good.
        let second = tracing::Dispatch::new(subscriber());
        tracing::callsite::rebuild_interest_cache();
        (log, (guard, second))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}
