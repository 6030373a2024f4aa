//! Servers that keep to no standard, each with a profile that describes it: typed errors, nothing lost, and no token
//! where the profile names nobody.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokencast::error::{EndReason, SessionError, TryAgainCause};
use tokencast::lock::MemoryLocks;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::state::SessionState;
use tokencast::storage::{self, MemoryStorage};
use tokencast::token::{Credentials, TokenSet};
use tokencast_testkit::MovedClock;

use super::Log;
use super::odd_server::{OddServer, reply};

/// What one device has.
#[derive(Default)]
struct Device {
    storage: Option<MemoryStorage>,
    locks: Arc<MemoryLocks>,
    clock: Arc<MovedClock>,
}

impl Device {
    /// A process of its own on the same store.
    fn process(&mut self, profile: ServerProfile) -> AuthSession {
        let storage = self.storage.get_or_insert_with(storage::memory).clone();
        AuthSession::builder(profile)
            .storage(storage)
            .locks(self.locks.clone())
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }
}

/// A profile of that refresh request, with the rest as the rotation preset has it but without the contract.
fn profile(server: &OddServer, edit: impl FnOnce(&mut Value)) -> ServerProfile {
    let preset = ServerProfile::rotation(&server.url).unwrap();
    let mut value = serde_json::to_value(preset.with_idempotency_key(None)).unwrap();
    edit(&mut value);
    ServerProfile::from_json(&value.to_string()).unwrap()
}

fn tokens(access: &str, refresh: Option<&str>) -> String {
    let mut body = json!({"access_token": access, "expires_in": 60});
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.into();
    }
    reply(200, &[], &body.to_string())
}

fn in_trouble(error: &SessionError) -> bool {
    matches!(
        error,
        SessionError::TryAgain {
            cause: TryAgainCause::Server,
            ..
        }
    )
}

#[tokio::test]
async fn a_server_that_answers_everything_in_prose_ends_a_session_by_the_listed_words_only() {
    let mut said = vec![
        reply(401, &[], "Your session has ended, please log in."),
        reply(401, &[], "Who are you?"),
        reply(500, &[], "<h1>please log in</h1>"),
        reply(200, &[], "OK, here you are"),
    ];
    let server = OddServer::start(move |_| said.pop().unwrap()).await;
    let profile = profile(&server, |json| {
        json["verdicts"] =
            json!([{"status": 401, "contains": "please log in", "means": {"dead": "expired"}}]);
    });
    let mut device = Device::default();
    let session = device.process(profile);
    session.adopt(TokenSet::refresh_token("r")).await.unwrap();
    for _ in 0..3 {
        device.clock.advance(Duration::from_secs(120));
        let error = session.access_token().await.unwrap_err();
        assert!(in_trouble(&error), "{error:?}");
        assert!(session.state().is_active());
    }
    device.clock.advance(Duration::from_secs(120));
    assert_eq!(
        session.access_token().await.unwrap_err(),
        SessionError::SignInRequired {
            reason: EndReason::Expired
        }
    );
    assert!(
        server
            .heard()
            .iter()
            .all(|heard| heard.body.contains("refresh_token=r"))
    );
}

#[tokio::test]
async fn a_refresh_token_that_comes_only_sometimes_is_replaced_then_and_kept_otherwise() {
    let mut count = 0;
    let server = OddServer::start(move |_| {
        count += 1;
        let next = format!("r{count}");
        tokens(&format!("a{count}"), (count % 2 == 0).then_some(next.as_str()))
    })
    .await;
    let mut device = Device::default();
    let profile = profile(&server, |_| {});
    let session = device.process(profile.clone());
    session.adopt(TokenSet::refresh_token("r0")).await.unwrap();
    for turn in 1..=5 {
        let token = session.access_token().await.unwrap();
        assert_eq!(token.secret(), format!("a{turn}"));
        device.clock.advance(Duration::from_secs(61));
    }
    // And so does the next process.
    device.process(profile).access_token().await.unwrap();
    let presented: Vec<String> = server
        .heard()
        .iter()
        .map(|heard| heard.body.rsplit('=').next().unwrap().to_owned())
        .collect();
    assert_eq!(presented, ["r0", "r0", "r2", "r2", "r4", "r4"]);
}

#[tokio::test]
async fn html_after_a_rotation_that_did_happen_keeps_the_old_token_and_blames_the_lost_answer() {
    for status in [200, 500, 502] {
        let mut said = vec![
            reply(401, &[], r#"{"error":"reuse_detected"}"#),
            reply(status, &["content-type: text/html"], "<html>Oops</html>"),
        ];
        let server = OddServer::start(move |_| said.pop().unwrap()).await;
        let mut device = Device::default();
        let session = device.process(profile(&server, |_| {}));
        session.adopt(TokenSet::refresh_token("r")).await.unwrap();
        let error = session.access_token().await.unwrap_err();
        assert!(in_trouble(&error), "{status} {error:?}");
        assert!(session.state().is_active());
        device.clock.advance(Duration::from_secs(120));
        let ended = session.access_token().await.unwrap_err();
        let reason = EndReason::InterruptedRotation;
        assert_eq!(ended, SessionError::SignInRequired { reason }, "{status}");
        assert_eq!(server.heard().len(), 2);
    }
}

#[tokio::test]
async fn html_after_a_rotation_loses_nothing_where_the_server_keeps_the_contract() {
    let mut said = vec![tokens("a", Some("next")), reply(200, &[], "<html>Oops</html>")];
    let server = OddServer::start(move |_| said.pop().unwrap()).await;
    let mut device = Device::default();
    let session = device.process(profile(&server, |json| {
        json["idempotency_key"] = "Idempotency-Key".into()
    }));
    session.adopt(TokenSet::refresh_token("r")).await.unwrap();
    assert_eq!(session.access_token().await.unwrap().secret(), "a");
    let heard = server.heard();
    let key = |index: usize| heard[index].header("idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_carried_like_any_other() {
    // {"alg":"none"}, {"sub":"ada","iat":1000,"exp":1300}
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJpYXQiOjEwMDAsImV4cCI6MTMwMH0.";
    let body = json!({"access_token": unsigned}).to_string();
    let server = OddServer::start(move |_| reply(200, &[], &body)).await;
    let mut device = Device::default();
    let session = device.process(profile(&server, |_| {}));
    session.adopt(TokenSet::refresh_token("r")).await.unwrap();
    let token = session.access_token().await.unwrap();
    assert_eq!(token.secret(), unsigned);
    assert_eq!(token.life(), Duration::from_secs(300));
}

#[tokio::test]
async fn a_bearer_refresh_token_goes_without_a_body() {
    let server = OddServer::start(|_| tokens("a", Some("r2"))).await;
    let profile = profile(&server, |json| {
        json["refresh"] = json!({
            "url": format!("{}/refresh", server.url), "method": "PATCH", "encoding": "none",
            "tokens": [{"token": "refresh", "in": "header", "field": "Authorization", "prefix": "Bearer "}],
        });
    });
    let session = Device::default().process(profile);
    session.adopt(TokenSet::refresh_token("r1")).await.unwrap();
    session.access_token().await.unwrap();
    let heard = server.last();
    assert_eq!(heard.asked(), "PATCH /refresh");
    assert_eq!(heard.header("authorization"), Some("Bearer r1"));
    assert_eq!((heard.header("content-type"), heard.body.as_str()), (None, ""));
}

#[tokio::test]
async fn a_session_lives_in_its_cookies_across_rotations_and_processes() {
    let mut count = 0;
    let server = OddServer::start(move |heard| {
        if heard.asked().ends_with("/auth/logout") {
            return reply(204, &[], "");
        }
        count += 1;
        let cookies = [
            format!("set-cookie: refresh=r{count}; HttpOnly; Secure; SameSite=Strict; Path=/auth"),
            format!("set-cookie: csrf=c{count}; Secure; SameSite=Strict; Path=/"),
        ];
        let cookies = [cookies[0].as_str(), cookies[1].as_str(), "set-cookie: theme=dark"];
        let body = json!({"access_token": format!("a{count}"), "expires_in": 60}).to_string();
        reply(200, &cookies, &body)
    })
    .await;
    let mut device = Device::default();
    let profile = ServerProfile::cookie(&server.url).unwrap();
    let session = device.process(profile.clone());
    session
        .sign_in(Credentials::password("ada", "lovelace"))
        .await
        .unwrap();
    assert_eq!(session.access_token().await.unwrap().secret(), "a1");
    for turn in 1..=2 {
        device.clock.advance(Duration::from_secs(61));
        let session = device.process(profile.clone());
        let token = session.access_token().await.unwrap();
        assert_eq!(token.secret(), format!("a{}", turn + 1));
        let heard = server.last();
        assert_eq!(
            heard.header("cookie"),
            Some(format!("refresh=r{turn}; csrf=c{turn}").as_str())
        );
        assert_eq!(heard.header("x-csrf-token"), Some(format!("c{turn}").as_str()));
        assert_eq!(heard.body, "");
    }
    let last = device.process(profile);
    last.access_token().await.unwrap();
    last.sign_out().await.unwrap();
    wait_for(&server, "POST /auth/logout").await;
    assert_eq!(server.last().header("cookie"), Some("refresh=r4; csrf=c4"));
}

#[tokio::test]
async fn a_server_that_renews_expired_tokens_only_is_not_asked_before() {
    let mut count = 1;
    let server = OddServer::start(move |_| {
        count += 1;
        tokens(&format!("a{count}"), Some("ignored"))
    })
    .await;
    let mut device = Device::default();
    let profile = ServerProfile::access_only(&server.url).unwrap();
    let session = device.process(profile.clone());
    let first = TokenSet::only_access_token("a1").expires_in(Duration::from_secs(60));
    session.adopt(first).await.unwrap();
    device.clock.advance(Duration::from_secs(59));
    let token = session.access_token_with(Duration::from_secs(50)).await.unwrap();
    assert_eq!((token.secret(), server.heard().len()), ("a1", 0));
    device.clock.advance(Duration::from_secs(2));
    assert_eq!(session.access_token().await.unwrap().secret(), "a2");
    assert_eq!(server.last().body, "token=a1");
    // The next process presents the newest one, which the record kept.
    device.clock.advance(Duration::from_secs(61));
    assert_eq!(
        device.process(profile).access_token().await.unwrap().secret(),
        "a3"
    );
    assert_eq!(server.last().body, "token=a2");
}

#[tokio::test]
async fn tokens_that_fit_nowhere_are_refused_before_anything_is_saved_or_sent() {
    let server = OddServer::start(|_| tokens("a", None)).await;
    let profile = profile(&server, |json| {
        json["refresh"]["tokens"][0]["in"] = "header".into();
        json["refresh"]["tokens"][0]["field"] = "X-Refresh".into();
    });
    let session = Device::default().process(profile);
    let long = "x".repeat(65 * 1024);
    for bad in ["a\r\nHost: evil.example", "nul\0", "é", "", long.as_str()] {
        let error = session.adopt(TokenSet::refresh_token(bad)).await.unwrap_err();
        assert!(matches!(error, SessionError::Misconfigured { .. }), "{error:?}");
        assert!(bad.is_empty() || !format!("{error:?} {error}").contains(bad));
    }
    let wrong_kind = session.adopt(TokenSet::cookies("refresh=r")).await;
    assert!(
        matches!(wrong_kind, Err(SessionError::Misconfigured { what, .. }) if what.contains("refresh token"))
    );
    assert_eq!(session.restored().await, SessionState::SignedOut);
    assert_eq!(server.heard().len(), 0);
}

#[tokio::test]
async fn a_rotation_to_a_token_that_fits_nowhere_keeps_the_one_that_does() {
    let mut said = vec![tokens("a", Some("good")), tokens("a", Some("b\u{e4}d"))];
    let server = OddServer::start(move |_| said.pop().unwrap()).await;
    let mut device = Device::default();
    let session = device.process(profile(&server, |json| {
        json["refresh"]["tokens"][0]["in"] = "cookie".into();
    }));
    session.adopt(TokenSet::refresh_token("r")).await.unwrap();
    let error = session.access_token().await.unwrap_err();
    assert!(in_trouble(&error), "{error:?}");
    device.clock.advance(Duration::from_secs(120));
    session.access_token().await.unwrap();
    assert_eq!(server.last().header("cookie"), Some("refresh_token=r"));
}

#[tokio::test]
async fn a_pointer_that_finds_nothing_is_told_at_the_sign_in() {
    let server = OddServer::start(|_| tokens("a", Some("r"))).await;
    let profile = profile(&server, |json| {
        json["answer"]["refresh_token"] = "/data/refresh".into()
    });
    let session = Device::default().process(profile);
    let error = session
        .sign_in(Credentials::password("ada", "l"))
        .await
        .unwrap_err();
    let SessionError::Misconfigured { what, fix } = error else {
        panic!("{error:?}")
    };
    assert!(
        what.contains("refresh token") && fix.contains("answer"),
        "{what}; {fix}"
    );
}

#[tokio::test]
async fn no_redirect_takes_a_token_to_a_host_that_the_profile_does_not_name() {
    let elsewhere = OddServer::start(|_| tokens("a", None)).await;
    let target = format!("location: {}/auth/refresh", elsewhere.url);
    for method in ["POST", "PUT", "GET"] {
        let target = target.clone();
        let server = OddServer::start(move |_| reply(307, &[&target], "")).await;
        let profile = profile(&server, |json| {
            json["danger_tokens_in_query"] = true.into();
            json["refresh"] = json!({
                "url": format!("{}/refresh", server.url), "method": method, "encoding": "none",
                "tokens": [{"token": "refresh", "in": "query", "field": "t"}],
            });
        });
        let session = Device::default().process(profile);
        session.adopt(TokenSet::refresh_token("r")).await.unwrap();
        let error = session.access_token().await.unwrap_err();
        assert!(matches!(error, SessionError::Misconfigured { .. }), "{error:?}");
        assert_eq!(server.last().asked(), format!("{method} /refresh?t=r"));
    }
    assert_eq!(elsewhere.heard().len(), 0);
}

/// Everything at trace level, with a refresh by query, by header and by cookies, a failing one too.
#[tokio::test]
async fn no_placement_of_a_token_is_logged() {
    let (log, _listening) = Log::listen();
    let mut turns = 0;
    let server = OddServer::start(move |_| {
        turns += 1;
        match turns % 2 {
            1 => reply(500, &[], "no s3cr3t here"),
            _ => tokens("acc3ss", Some("s3cr3t-2")),
        }
    })
    .await;
    for (place, field) in [("query", "t"), ("header", "Authorization"), ("cookie", "t")] {
        let profile = profile(&server, |json| {
            json["danger_tokens_in_query"] = true.into();
            json["refresh"]["tokens"] = json!([{"token": "refresh", "in": place, "field": field}]);
        });
        let mut device = Device::default();
        let session = device.process(profile);
        session.adopt(TokenSet::refresh_token("s3cr3t-1")).await.unwrap();
        let error = session.access_token().await.unwrap_err();
        device.clock.advance(Duration::from_secs(120));
        let token = session.access_token().await.unwrap();
        assert!(server.last().head.contains("s3cr3t-1"), "{place}");
        tracing::info!("{error:?} {error} {token:?} {session:?}");
    }
    let text = log.text();
    assert!(text.contains("try again"), "something was logged");
    for secret in ["s3cr3t-1", "s3cr3t-2", "acc3ss"] {
        assert!(!text.contains(secret));
    }
}

/// Waits until the server was asked that.
async fn wait_for(server: &OddServer, asked: &str) {
    let asked_it = async {
        while !server.heard().iter().any(|heard| heard.asked() == asked) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked_it)
        .await
        .expect(asked);
}
