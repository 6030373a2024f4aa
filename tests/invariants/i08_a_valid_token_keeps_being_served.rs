use std::time::Duration;

use tokencast::error::SessionError;
use tokencast_backend::{Fault, FaultKind, Route};

use crate::page::OpenPage;
use tokencast_testkit::{ACCESS_TTL, Rig, eventually};

/// 1 a token has 100 of its 300 s left; 2 a caller wants 120 s; 3 the refresh fails; 4 the caller gets the token
/// with 100 s; 5 when that has expired too, the failure is told.
#[tokio::test]
async fn while_refreshes_fail_the_old_token_serves_until_its_real_end() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let first = session.access_token().await.unwrap();
    rig.clock.advance(ACCESS_TTL - Duration::from_secs(100));
    rig.server
        .arm(Fault::times(Route::Refresh, 99, FaultKind::status(503)))
        .unwrap();
    assert_eq!(
        session.access_token_with(Duration::from_secs(120)).await.unwrap(),
        first
    );
    assert_eq!(rig.server.stats().refresh_requests, 1, "it was tried");
    rig.clock.advance(Duration::from_secs(101));
    assert!(matches!(
        session.access_token().await.unwrap_err(),
        SessionError::TryAgain { .. }
    ));
}

#[tokio::test]
async fn one_that_the_host_reported_as_rejected_is_not_served() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let first = session.access_token().await.unwrap();
    rig.server
        .arm(Fault::times(Route::Refresh, 99, FaultKind::status(503)))
        .unwrap();
    assert!(matches!(
        session.rejected(first.generation()).await.unwrap_err(),
        SessionError::TryAgain { .. }
    ));
    assert_eq!(session.current_token(), None);
    assert!(session.access_token().await.is_err());
}

/// 1 a page reports a 401 for the current token, and refreshes fail; 2 the page has no token, and everybody else keeps
/// the one there is, page after page: a page cannot sign others out.
#[tokio::test]
async fn one_that_only_a_page_reported_is_still_served() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let first = session.access_token().await.unwrap();
    let page = OpenPage::greeted(&session.web_views(), 1);
    let bystander = OpenPage::greeted(&session.web_views(), 2);
    rig.server
        .arm(Fault::times(Route::Refresh, 99, FaultKind::status(503)))
        .unwrap();
    page.reports_a_401();
    eventually("the page's answer", || page.answer().is_some()).await;
    let answer = page.answer().unwrap_or_default();
    assert!(answer["at"].is_null(), "it got no token: {}", answer["k"]);
    assert_eq!(rig.server.stats().refresh_requests, 1);
    assert!(session.current_token() == Some(first.clone()));
    assert!(session.access_token().await.unwrap() == first);
    assert!(session.state().is_active());
    assert!(bystander.answer().is_none(), "nobody else was told anything");
    assert!(OpenPage::greeted(&session.web_views(), 3).was_greeted_with(&first));
}
