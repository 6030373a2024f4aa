//! The exported objects as a host uses them, without a language in between.

use std::sync::Arc;

use tokencast_ffi::{
    Accounts, AuthSession, Credentials, EndReason, ExtraFields, Generation, KeyFailure, KeyWrapper,
    LayerFailure, OAuthClient, PageAction, PageHost, PageHostError, PagePolicy, PageSender, ReadOutcome,
    SecureStorage, ServerProfile, SessionError, SessionOptions, SessionState, Storage, StorageError,
    TokenSet, WriteOutcome, words_for,
};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn session(storage: Storage) -> Result<AuthSession, SessionError> {
    let profile = ServerProfile::rotation(NOWHERE.into())?;
    AuthSession::new(
        Arc::new(profile),
        Arc::new(storage),
        SessionOptions::default(),
        None,
        None,
    )
}

#[tokio::test]
async fn a_new_session_restores_to_signed_out_on_the_librarys_own_runtime() {
    let session = session(Storage::memory().unwrap()).unwrap();
    assert_eq!(session.restored().await, Ok(SessionState::SignedOut));
    assert!(matches!(
        session.access_token(None).await,
        Err(SessionError::SignInRequired { reason: EndReason::SignedOut, detail, advice })
            if !detail.is_empty() && advice == "Show the sign-in."
    ));
    assert_eq!(session.current_token(), Ok(None));
}

#[test]
fn every_preset_of_the_core_can_be_made_here() {
    let client = || Arc::new(OAuthClient::secret_by_basic("app".into(), "s3cr3t".into()).unwrap());
    let base = || "https://api.example.com".to_owned();
    let profiles = [
        ServerProfile::rotation(base()),
        ServerProfile::exchange_once(base()),
        ServerProfile::access_only(base()),
        ServerProfile::per_user(base()),
        ServerProfile::salted(base()),
        ServerProfile::single_device(base()),
        ServerProfile::cookie(base()),
        ServerProfile::oauth2(base(), Some(base()), client()),
        ServerProfile::generic_oauth2(base(), None, client()),
        ServerProfile::django_simplejwt(base()),
        ServerProfile::supabase(base(), "anon".into()),
        ServerProfile::keycloak(base(), client()),
        ServerProfile::auth0(base(), client()),
        ServerProfile::firebase("key".into()),
        ServerProfile::cognito("eu-central-1".into(), "app".into()),
    ];
    for profile in profiles {
        let profile = profile.unwrap();
        let json = profile.to_json().unwrap();
        assert_eq!(ServerProfile::from_json(json).unwrap().id(), profile.id());
        assert!(!format!("{profile:?} {:?}", client()).contains("s3cr3t"));
        let other = profile.with_reuse_leeway(5000).unwrap();
        assert!(other.to_json().unwrap().contains(r#""reuse_leeway_seconds":5"#));
        assert!(profile.with_reuse_leeway(-1).is_err());
    }
}

#[tokio::test]
async fn tokens_can_be_adopted_once() {
    let session = session(Storage::memory().unwrap()).unwrap();
    let tokens =
        Arc::new(TokenSet::new("r3fr3sh".into(), Some("acc3ss".into()), Some(60_000), None).unwrap());
    session.adopt(tokens.clone()).await.unwrap();
    let token = session.access_token(None).await.unwrap();
    assert_eq!(token.value, "acc3ss");
    assert!((1..=60_000).contains(&token.expires_in_ms));
    assert!(matches!(
        session.adopt(tokens).await,
        Err(SessionError::Misconfigured { .. })
    ));
}

#[tokio::test]
async fn cookies_and_an_access_token_alone_are_adopted_where_the_profile_lives_by_them() {
    let nowhere = || NOWHERE.to_owned();
    let open = |profile: ServerProfile| {
        let storage = Arc::new(Storage::memory().unwrap());
        let options = SessionOptions::default();
        AuthSession::new(Arc::new(profile), storage, options, None, None).unwrap()
    };
    let access_only = open(ServerProfile::access_only(nowhere()).unwrap());
    let tokens = TokenSet::only_access_token("acc3ss".into(), Some(60_000), None).unwrap();
    access_only.adopt(Arc::new(tokens)).await.unwrap();
    assert_eq!(access_only.access_token(None).await.unwrap().value, "acc3ss");

    let cookie = open(ServerProfile::cookie(nowhere()).unwrap());
    let tokens = TokenSet::cookies(
        "refresh=r; csrf=c".into(),
        Some("acc3ss".into()),
        Some(60_000),
        None,
    );
    cookie.adopt(Arc::new(tokens.unwrap())).await.unwrap();
    assert_eq!(cookie.access_token(None).await.unwrap().value, "acc3ss");
    let from_a_webview = "refresh=r2; csrf=c2; theme=dark".to_owned();
    let names = cookie.adopt_cookie(from_a_webview, None).await.unwrap();
    assert_eq!(names, ["refresh", "csrf"]);
    assert_eq!(cookie.current_token(), Ok(None));
    let rotation = session(Storage::memory().unwrap()).unwrap();
    assert!(matches!(
        rotation.adopt_cookie("refresh=r; csrf=c".into(), None).await,
        Err(SessionError::Misconfigured { .. })
    ));
}

#[tokio::test]
async fn accounts_have_sessions_of_their_own() {
    let profile = Arc::new(ServerProfile::rotation(NOWHERE.into()).unwrap());
    let storage = Arc::new(Storage::memory().unwrap());
    let make = |options| Accounts::new(profile.clone(), storage.clone(), options, None, None);
    let accounts = make(SessionOptions::default()).unwrap();
    let one = accounts.add("1".into(), Some("Ada".into())).await.unwrap();
    let tokens = TokenSet::new("r3fr3sh".into(), Some("acc3ss".into()), Some(60_000), None).unwrap();
    one.adopt(Arc::new(tokens)).await.unwrap();
    accounts.add("2".into(), None).await.unwrap();
    let two = accounts.switch_to("2".into()).await.unwrap();
    assert_eq!(
        (two.current_token(), accounts.list().await.unwrap().accounts.len()),
        (Ok(None), 2)
    );
    let again = accounts.open("1".into()).await.unwrap();
    assert_eq!(again.current_token().unwrap().unwrap().value, "acc3ss");
    accounts.remove("2".into()).await.unwrap();
    assert_eq!(accounts.list().await.unwrap().current, None);
    assert!(accounts.current().await.unwrap().is_none());
    let named = SessionOptions {
        entry: Some("mine".into()),
        ..Default::default()
    };
    assert!(matches!(make(named), Err(SessionError::Misconfigured { .. })));
}

#[tokio::test]
async fn no_debug_text_shows_a_secret() {
    let session = session(Storage::memory().unwrap()).unwrap();
    let tokens =
        Arc::new(TokenSet::new("r3fr3sh".into(), Some("acc3ss".into()), Some(60_000), None).unwrap());
    let credentials = Credentials::password("ada".into(), "passw0rd".into()).unwrap();
    let mut text = format!("{tokens:?} {credentials:?}");
    session.adopt(tokens).await.unwrap();
    let token = session.access_token(None).await.unwrap();
    let event = tokencast_ffi::SessionEvent::AccessTokenChanged { token: token.clone() };
    let found = ReadOutcome::Found {
        bytes: b"acc3ss".to_vec(),
    };
    let extra = ExtraFields {
        headers: [("X-Attestation".into(), "acc3ss".into())].into(),
        fields: [("device".into(), "r3fr3sh".into())].into(),
    };
    text += &format!("{extra} {extra:?}");
    text += &format!("{token} {token:?} {event:?} {session:?} {found:?}");
    for secret in ["r3fr3sh", "acc3ss", "passw0rd", &format!("{:?}", b"acc3ss")] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn senseless_arguments_are_told_apart_from_failures() {
    let session = session(Storage::memory().unwrap()).unwrap();
    let negative = Generation { epoch: -1, number: 0 };
    for error in [
        session.access_token(Some(-1)).await.unwrap_err(),
        session.rejected(negative).await.unwrap_err(),
        ServerProfile::rotation("http://api.example.com".into()).unwrap_err(),
        ServerProfile::from_json("{".into()).unwrap_err(),
        Storage::keyring(String::new(), None).unwrap_err(),
        Storage::keyring("com.example.app".into(), Some(String::new())).unwrap_err(),
        // Linux, where these tests run, has no Keychain.
        Storage::keyring("com.example.app".into(), Some("TEAM.com.example".into())).unwrap_err(),
        Storage::file(String::new(), Arc::new(Keyless)).unwrap_err(),
        Storage::host(
            Arc::new(Broken {
                entry_id: Ok(String::new()),
            }),
            Arc::new(Keyless),
        )
        .unwrap_err(),
        Storage::host(
            Arc::new(Broken {
                entry_id: Err(StorageError::Threw),
            }),
            Arc::new(Keyless),
        )
        .unwrap_err(),
    ] {
        assert!(
            matches!(&error, SessionError::Misconfigured { fix, .. } if !fix.is_empty()),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_host_store_that_throws_locks_the_session() {
    let broken = Broken {
        entry_id: Ok("broken".into()),
    };
    let storage = Storage::host(Arc::new(broken), Arc::new(Keyless)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = SessionOptions {
        state_dir: Some(folder.path().display().to_string()),
        ..Default::default()
    };
    let profile = Arc::new(ServerProfile::rotation(NOWHERE.into()).unwrap());
    let session = AuthSession::new(profile, Arc::new(storage), options, None, None).unwrap();
    assert!(matches!(
        session.restored().await,
        Ok(SessionState::Locked { .. })
    ));
    assert!(matches!(
        session.access_token(None).await,
        Err(SessionError::Locked { .. })
    ));
}

#[tokio::test]
async fn a_closed_session_says_so() {
    let session = session(Storage::memory().unwrap()).unwrap();
    session.close_session().unwrap();
    assert!(matches!(
        session.access_token(None).await,
        Err(SessionError::Closed { .. })
    ));
}

#[tokio::test]
async fn a_layer_that_knows_of_a_failure_by_itself_says_what_the_core_says() {
    let session = session(Storage::memory().unwrap()).unwrap();
    session.close_session().unwrap();
    let words = words_for(LayerFailure::Closed).unwrap();
    let closed = SessionError::Closed {
        detail: words.detail,
        advice: words.advice,
    };
    assert_eq!(session.access_token(None).await, Err(closed));
    let words = words_for(LayerFailure::Defect).unwrap();
    assert!(!words.detail.is_empty() && !words.advice.is_empty());
}

#[test]
fn a_profile_says_where_its_tokens_go_and_what_refuses_them() {
    let profile = ServerProfile::rotation("https://api.example.com/v1".into()).unwrap();
    let profile = profile
        .with_resource_origin("https://media.example.com".into())
        .unwrap();
    assert_eq!(
        profile.resource_origins().unwrap(),
        ["https://api.example.com", "https://media.example.com"]
    );
    let rejects =
        |status, challenge: Option<&str>| profile.rejects(status, challenge.map(Into::into)).unwrap();
    assert!(rejects(401, None) && rejects(401, Some(r#"Bearer error="invalid_token""#)));
    assert!(!rejects(401, Some(r#"Bearer error="insufficient_scope""#)));
    assert!(!rejects(403, None) && !rejects(-1, None));
}

#[test]
fn a_profile_survives_its_json() {
    let profile = ServerProfile::rotation("https://api.example.com".into()).unwrap();
    let profile = profile
        .with_resource_origin("https://media.example.com".into())
        .unwrap();
    let json = profile.to_json().unwrap();
    assert!(json.contains("https://media.example.com"), "{json}");
    let again = ServerProfile::from_json(json.clone()).unwrap();
    assert_eq!(again.to_json(), Ok(json));
    assert_eq!(again.id(), Ok("rotation".into()));
}

struct Broken {
    entry_id: Result<String, StorageError>,
}

impl SecureStorage for Broken {
    fn entry_id(&self) -> Result<String, StorageError> {
        self.entry_id.clone()
    }

    fn read(&self, _: String) -> Result<ReadOutcome, StorageError> {
        Err(StorageError::Threw)
    }

    fn write(&self, _: String, _: Vec<u8>) -> Result<WriteOutcome, StorageError> {
        Err(StorageError::Threw)
    }

    fn delete(&self, _: String) -> Result<WriteOutcome, StorageError> {
        Err(StorageError::Threw)
    }
}

struct Keyless;

impl KeyWrapper for Keyless {
    fn wrap(&self, _: Vec<u8>) -> Result<Vec<u8>, KeyFailure> {
        Err(KeyFailure::Transient)
    }

    fn unwrap(&self, _: Vec<u8>) -> Result<Vec<u8>, KeyFailure> {
        Err(KeyFailure::Transient)
    }
}

/// A host that keeps what it is to do.
#[derive(Default)]
struct Glue(std::sync::Mutex<Vec<PageAction>>);

impl PageHost for Glue {
    fn perform(&self, actions: Vec<PageAction>) -> Result<(), PageHostError> {
        self.0.lock().map_err(|_| PageHostError::Threw)?.extend(actions);
        Ok(())
    }
}

fn page_policy() -> PagePolicy {
    PagePolicy {
        origins: vec!["http://localhost:3000".into()],
        api: Vec::new(),
        allow_loopback_http: true,
        reload: false,
        guarded_push: false,
        self_refresh: Vec::new(),
        cookie: None,
    }
}

#[tokio::test]
async fn a_page_is_answered_through_the_boundary_and_a_wrong_policy_says_what_to_do() {
    let session = session(Storage::memory().unwrap()).unwrap();
    session.restored().await.unwrap();
    let pages = session.web_views().unwrap();
    let page = pages.attach(page_policy(), Arc::new(Glue::default())).unwrap();
    let sender = |origin: &str| PageSender {
        origin: origin.into(),
        is_main_frame: true,
        doc: None,
    };
    let hello = r#"{"v":1,"k":"hello","id":1,"min":1,"max":1,"doc":"d","have":null}"#;
    for (origin, expected) in [
        ("http://localhost:3000", "signed_out"),
        ("http://localhost:3001", "denied"),
    ] {
        let answers = pages.on_message(page, sender(origin), hello.into(), -7).unwrap();
        let [PageAction::Reply { slot: -7, message }] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert!(message.expose().unwrap().contains(expected));
    }
    assert!(
        pages
            .on_committed(page, "http://localhost:3000/".into(), "GET".into())
            .unwrap()
            .is_empty()
    );
    let nothing = pages.on_document_origin(page, Some("null".into())).unwrap();
    assert!(nothing.is_empty() && pages.on_document_origin(page, None).unwrap().is_empty());
    assert!(pages.on_rejected(page).unwrap().is_empty());
    pages.push_done(page, Some("k".into())).unwrap();
    pages.ready(page).await.unwrap();
    let url = "http://localhost:3000/".to_owned();
    assert_eq!(
        pages
            .on_document_response(page, url.clone(), "GET".into(), 401)
            .unwrap(),
        None
    );
    assert_eq!(
        pages.on_document_response(page, url, "GET".into(), -1).unwrap(),
        None
    );
    assert!(pages.detach(page).unwrap().is_empty());
    let wrong: [fn(&mut PagePolicy); 5] = [
        |policy| policy.origins = vec!["*".into()],
        |policy| policy.self_refresh = vec!["https://elsewhere.example.com".into()],
        |policy| policy.self_refresh = policy.origins.clone(),
        |policy| {
            policy.reload = true;
            policy.self_refresh = policy.origins.clone();
        },
        |policy| {
            let name = "at".to_owned();
            policy.cookie = Some(tokencast_ffi::CookieUse { jar: 1, name });
        },
    ];
    for wrong in wrong {
        let mut policy = page_policy();
        wrong(&mut policy);
        let refused = pages.attach(policy.clone(), Arc::new(Glue::default()));
        assert!(
            matches!(refused, Err(SessionError::Misconfigured { .. })),
            "{policy:?}"
        );
    }
}
