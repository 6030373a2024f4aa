use tokencast_backend::{Backend, Config, Database, NewUser, StartError};

use crate::support::{Client, start_with};

fn at(path: &std::path::Path) -> Config {
    Config {
        database: Database::Url(format!("sqlite://{}", path.display())),
        ..Config::for_tests()
    }
}

#[tokio::test]
async fn a_restart_keeps_sessions_access_tokens_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backend.db");
    let backend = start_with(at(&path)).await;
    let client = Client::of(&backend);
    let (kept, spent) = (client.sign_in().await, client.sign_in().await);
    let successor = client.refresh(&spent.refresh, Some("key-1")).await.tokens();
    backend.shutdown().await;

    let backend = start_with(at(&path)).await;
    let client = Client::of(&backend);
    assert_eq!(client.get("/api/me", &kept.access).await.status, 200);
    assert_eq!(client.refresh(&kept.refresh, Some("key-2")).await.status, 200);
    assert!(
        client
            .refresh(&spent.refresh, Some("key-1"))
            .await
            .tokens()
            .refresh
            == successor.refresh
    );
    assert_eq!(
        client.refresh(&spent.refresh, Some("key-9")).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn a_backend_that_is_dropped_lost_nothing_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backend.db");
    let backend = start_with(at(&path)).await;
    let tokens = Client::of(&backend).sign_in().await;
    drop(backend);
    let backend = start_with(at(&path)).await;
    assert_eq!(
        Client::of(&backend).refresh(&tokens.refresh, None).await.status,
        200
    );
}

#[tokio::test]
async fn the_database_holds_no_token_key_or_password() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backend.db");
    let backend = start_with(at(&path)).await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let key = "a-key-nobody-else-has";
    let newest = client.refresh(&old.refresh, Some(key)).await.tokens();
    backend.shutdown().await;

    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        files += 1;
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [
            &old.refresh,
            &newest.refresh,
            &old.access,
            &newest.access,
            key,
            "lovelace",
        ] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is in the database");
        }
        assert!(
            bytes.windows(3).any(|window| window == b"ada"),
            "the search itself works"
        );
    }
    assert_eq!(files, 1, "closed: nothing is left in a write-ahead log");
}

#[tokio::test]
async fn shutting_down_answers_what_was_asked_held_answers_too() {
    let backend = start_with(Config::for_tests()).await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.hold_refreshes();
    let asked = tokio::spawn(async move { client.refresh(&tokens.refresh, None).await.status });
    backend.wait_until_held(1).await;
    backend.shutdown().await;
    assert_eq!(asked.await.unwrap(), 200);
}

#[tokio::test]
async fn what_cannot_be_started_says_why_and_shows_no_secret() {
    let taken = start_with(Config::for_tests()).await;
    let listen = taken.url().strip_prefix("http://").unwrap().parse().unwrap();
    let error = Backend::start(Config {
        listen,
        ..Config::for_tests()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, StartError::Io(_)), "{error}");

    for url in [
        "postgres://user:s3cret@127.0.0.1:1/x",
        "postgres://user:s3cret@127.0.0.1:notaport/x",
        "sqlite::memory:",
        "sqlite:///nowhere/at/all/s3cret",
        "moon",
    ] {
        let config = Config {
            database: Database::Url(url.into()),
            users: vec![NewUser::new("ada", "s3cret")],
            ..Config::for_tests()
        };
        let error = Backend::start(config).await.unwrap_err();
        assert!(matches!(error, StartError::Store(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
