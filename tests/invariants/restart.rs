//! What is stored is enough to go on with, on every storage of this package.

use std::sync::Arc;

use tokencast::storage::{self, KeyFailure, KeyWrapper};
use zeroize::Zeroizing;

use tokencast_testkit::{Rig, ada};

/// A platform key of the test's own: the wrapped form differs from the key, which is all that matters here.
struct Xor;

impl KeyWrapper for Xor {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(Zeroizing::new(wrapped.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

#[tokio::test]
async fn a_session_in_a_sealed_file_refreshes_after_a_restart() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let build = || {
        tokencast::session::AuthSession::builder(rig.profile())
            .storage(storage::file(folder.path().join("data")))
            .key_wrapper(Arc::new(Xor))
            .state_dir(folder.path().join("state"))
            .clock(rig.clock.clone())
            .build()
            .unwrap()
    };
    let session = build();
    session.sign_in(ada()).await.unwrap();
    let first = session.access_token().await.unwrap();
    drop(session);
    let next = build();
    assert!(next.restored().await.is_active());
    assert_eq!(
        next.current_token(),
        None,
        "access tokens are kept only where asked"
    );
    let second = next.access_token().await.unwrap();
    assert!(second.generation() > first.generation());
    assert!(rig.accepts(second.secret()).await);
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("refresh_token") && !text.contains(second.secret()));
    }
}

#[tokio::test]
async fn a_kept_access_token_spares_the_exchange_after_a_restart() {
    let rig = Rig::new().await;
    let session = rig.process().persist_access_token().build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let first = session.access_token().await.unwrap();
    let next = rig.process().persist_access_token().build().unwrap();
    let again = next.access_token().await.unwrap();
    assert_eq!(
        (again.secret(), again.generation()),
        (first.secret(), first.generation())
    );
    assert_eq!(rig.server.stats().refresh_requests, 0);
}

#[tokio::test]
async fn a_record_of_another_profile_is_not_presented_to_this_server() {
    let rig = Rig::new().await;
    rig.signed_in().await;
    let mut json = serde_json::to_value(rig.profile()).unwrap();
    json["id"] = "another".into();
    let other = serde_json::from_value(json).unwrap();
    let session = rig.process_with(other).build().unwrap();
    let error = session.access_token().await.unwrap_err();
    assert!(
        matches!(error, tokencast::error::SessionError::Misconfigured { .. }),
        "{error:?}"
    );
    assert_eq!(rig.server.stats().refresh_requests, 0);
}

#[tokio::test]
async fn adopted_tokens_are_owned_from_then_on() {
    let rig = Rig::new().await;
    let body: serde_json::Value = tokencast_testkit::http()
        .post(format!("{}/auth/login", rig.server.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=ada&password=lovelace")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .map(|text| serde_json::from_str(&text).unwrap())
        .unwrap();
    let session = rig.process().build().unwrap();
    let tokens = tokencast::token::TokenSet::refresh_token(body["refresh_token"].as_str().unwrap());
    session.adopt(tokens.account("ada")).await.unwrap();
    assert!(rig.accepts(session.access_token().await.unwrap().secret()).await);
    assert_eq!(
        rig.server.stats().exchanges,
        1,
        "no access token was adopted: one was bought"
    );
}

#[tokio::test]
async fn a_closed_session_answers_closed_and_keeps_what_is_stored() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    session.close();
    assert_eq!(
        session.access_token().await.unwrap_err(),
        tokencast::error::SessionError::Closed
    );
    assert_eq!(session.current_token(), None);
    assert!(rig.process().build().unwrap().restored().await.is_active());
}

#[tokio::test]
async fn closing_one_of_two_objects_on_an_entry_leaves_the_other_open() {
    let rig = Rig::new().await;
    let registry = tokencast::registry::Registry::default();
    let one = rig.process().registry(registry.clone()).build().unwrap();
    let two = rig.process().registry(registry.clone()).build().unwrap();
    one.sign_in(ada()).await.unwrap();
    one.close();
    one.close();
    assert_eq!(
        one.access_token().await.unwrap_err(),
        tokencast::SessionError::Closed
    );
    assert_eq!(one.current_token(), None);
    assert!(two.access_token().await.is_ok());
    two.close();
    assert_eq!(
        two.access_token().await.unwrap_err(),
        tokencast::SessionError::Closed
    );
    let three = rig.process().registry(registry).build().unwrap();
    assert!(three.access_token().await.is_ok());
}
