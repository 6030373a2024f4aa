//! Cookies of a sign-in inside a webview move into the core's store, and no crash on the way loses or doubles them.

use tokencast::error::{SessionError, StorageFailure};
use tokencast::profile::ServerProfile;
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::state::Cause;
use tokencast_backend::{Config, Scheme};

use tokencast_testkit::{ACCESS_TTL, FaultStorage, REFUSED, Rig, http, stored};

async fn rig() -> Rig {
    Rig::with(Config {
        access_ttl: ACCESS_TTL,
        ..Config::for_tests().with_scheme(Scheme::Cookie)
    })
    .await
}

fn process(rig: &Rig) -> AuthSessionBuilder {
    rig.process_with(ServerProfile::cookie(rig.server.url()).unwrap())
}

/// What a webview's store holds after its page has signed in.
async fn webviews_cookies(rig: &Rig) -> String {
    let login = http()
        .post(format!("{}/auth/login", rig.server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=ada&password=lovelace");
    let answer = login.send().await.unwrap();
    let set = answer.headers().get_all("set-cookie").iter();
    let pairs = set.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned());
    let mut pairs: Vec<_> = pairs.collect();
    assert_eq!(pairs.len(), 2);
    pairs.push("theme=dark".into());
    pairs.join("; ")
}

async fn adopted(session: &AuthSession, cookies: &str) -> Vec<String> {
    session.adopt_cookie(cookies, Some("ada".into())).await.unwrap()
}

#[tokio::test]
async fn the_first_access_token_is_bought_with_the_cookies_and_others_are_left_alone() {
    let rig = rig().await;
    let session = process(&rig).build().unwrap();
    let cookies = webviews_cookies(&rig).await;
    let names = adopted(&session, &cookies).await;
    assert_eq!(
        names,
        ["refresh", "csrf"],
        "what the webview's store is to delete"
    );
    let record = stored(&rig.storage).unwrap();
    let jar = record["credential"]["cookie"].as_str().unwrap();
    assert!(cookies.contains(jar.split("; ").next().unwrap()) && !jar.contains("theme"));
    assert_eq!(session.current_token(), None);
    assert_eq!(session.history().last().unwrap().cause, Cause::Adopted);
    let token = session.access_token().await.unwrap();
    assert!(rig.accepts(token.secret()).await);
    assert_eq!(rig.server.stats().refresh_requests, 1);
}

/// 1 the cookies are saved; 2 the process dies before it has deleted them from the webview's store; 3 the next one rotates
/// them, twice; 4 it finds the copy in the webview's store and adopts it: the session that it began stays as it is, for the
/// copy is spent.
#[tokio::test]
async fn a_copy_left_in_the_webview_by_a_crash_is_recognised_and_costs_nothing() {
    let rig = rig().await;
    let cookies = webviews_cookies(&rig).await;
    let session = process(&rig).build().unwrap();
    adopted(&session, &cookies).await;
    drop(session);
    let next = process(&rig).build().unwrap();
    for _ in 0..2 {
        next.access_token().await.unwrap();
        rig.expire();
    }
    let before = next.generation();
    assert_eq!(adopted(&next, &cookies).await, ["refresh", "csrf"]);
    assert_eq!(next.generation(), before);
    next.access_token().await.unwrap();
    assert_eq!(rig.server.stats().reuse_detected, 0);
    // Cookies of another sign-in are another session.
    adopted(&next, &webviews_cookies(&rig).await).await;
    assert_eq!(next.generation().epoch, before.epoch + 1);
    next.access_token().await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_saved_is_said_and_can_be_handed_over_again() {
    let rig = rig().await;
    let storage = FaultStorage::new(rig.storage.clone());
    let session = process(&rig).storage(storage.clone()).build().unwrap();
    session.restored().await;
    storage.all_writes(REFUSED);
    let cookies = webviews_cookies(&rig).await;
    let error = session.adopt_cookie(cookies.as_str(), None).await.unwrap_err();
    assert!(
        matches!(
            error,
            SessionError::StorageFailed {
                cause: StorageFailure::Unavailable(_)
            }
        ),
        "{error:?}"
    );
    assert!(!session.state().is_active());
    storage.mend();
    adopted(&session, &cookies).await;
    session.access_token().await.unwrap();
}

#[tokio::test]
async fn what_is_no_session_of_the_profile_is_refused_and_changes_nothing() {
    let rig = rig().await;
    let session = process(&rig).build().unwrap();
    let other = rig.process().entry("other").build().unwrap();
    for refused in [
        session.adopt_cookie("theme=dark", None).await,
        session.adopt_cookie("refresh=a b; csrf=c", None).await,
        other.adopt_cookie("refresh=r; csrf=c", None).await,
    ] {
        assert!(
            matches!(refused, Err(SessionError::Misconfigured { .. })),
            "{refused:?}"
        );
    }
    assert!(stored(&rig.storage).is_none() && !session.state().is_active());
}
