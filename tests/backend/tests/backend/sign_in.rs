use super::start;
use crate::support::Client;

#[tokio::test]
async fn the_right_password_gets_a_pair_that_works() {
    let backend = start().await;
    let client = Client::of(&backend);
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json["expires_in"], 900);
    let tokens = answer.tokens();
    let me = client.get("/api/me", &tokens.access).await;
    assert_eq!((me.status, me.json["name"].as_str()), (200, Some("ada")));
    assert_eq!(backend.stats().logins, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let backend = start().await;
    let client = Client::of(&backend);
    let wrong = client.login("ada", "Lovelace").await;
    let unknown = client.login("grace", "lovelace").await;
    assert_eq!(wrong.error(), (401, "invalid_credentials"));
    assert_eq!(wrong.json, unknown.json);
    assert_eq!(wrong.status, unknown.status);
    assert_eq!((backend.stats().logins, backend.stats().login_failures), (0, 2));
}

#[tokio::test]
async fn a_user_made_while_it_runs_can_sign_in_and_gets_a_new_password() {
    let backend = start().await;
    let client = Client::of(&backend);
    backend.create_user("grace", "hopper").await.unwrap();
    let first = client.login("grace", "hopper").await.tokens();
    let who = client.get("/api/me", &first.access).await.json["sub"].clone();
    backend.create_user("grace", "cobol").await.unwrap();
    assert_eq!(
        client.login("grace", "hopper").await.error(),
        (401, "invalid_credentials")
    );
    let second = client.login("grace", "cobol").await.tokens();
    assert_eq!(
        client.get("/api/me", &second.access).await.json["sub"],
        who,
        "the same person"
    );
}

#[tokio::test]
async fn signing_out_ends_the_session_and_always_says_yes() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    for token in [tokens.refresh.as_str(), tokens.refresh.as_str(), "never heard of"] {
        assert_eq!(client.logout(token).await.status, 200);
    }
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.error(),
        (401, "invalid_token")
    );
    assert_eq!(backend.stats().revocations, 1);
}

#[tokio::test]
async fn signing_out_one_session_leaves_the_others_of_the_user_alone() {
    let backend = start().await;
    let client = Client::of(&backend);
    let (phone, tablet) = (client.sign_in().await, client.sign_in().await);
    client.logout(&phone.refresh).await;
    assert_eq!(client.refresh(&tablet.refresh, None).await.status, 200);
}
