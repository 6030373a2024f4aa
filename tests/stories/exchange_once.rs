//! Scheme `exchange-once`: a pair is exchanged for a new one, once, by deleting its row in the database.

use std::time::Duration;

use serde_json::json;
use tokencast::error::{EndReason, SessionError};
use tokencast::profile::ServerProfile;
use tokencast::token::TokenSet;
use tokencast_backend::{Config, Fault, FaultKind, NewUser, Route, Scheme};
use tokencast_testkit::eventually;

use crate::device::{ADA, Device, told};
use crate::server::{Answer, Server};
use crate::wire::Wire;

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const REFRESH_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const BOB: [&str; 2] = ["bob", "stephenson"];

/// As the mission draws it.
async fn as_drawn() -> Server {
    server(false).await
}

/// With the idempotency contract.
async fn by_contract() -> Server {
    server(true).await
}

async fn server(idempotency: bool) -> Server {
    let config = Config {
        idempotency,
        users: [ADA, BOB]
            .map(|[name, password]| NewUser::new(name, password))
            .into(),
        ..Config::for_tests().with_scheme(Scheme::ExchangeOnce)
    };
    let key = idempotency.then_some("Idempotency-Key");
    Server::of(super::start(config).await, |url| {
        Ok(ServerProfile::exchange_once(url)?.with_idempotency_key(key))
    })
}

#[derive(Clone, PartialEq)]
struct Pair {
    refresh: String,
    access: String,
}

impl Pair {
    fn of(answer: &Answer) -> Self {
        Self {
            refresh: answer.refresh_token().to_owned(),
            access: answer.access_token().to_owned(),
        }
    }

    fn on(device: &Device<'_>) -> Self {
        Self {
            refresh: device.secret("refresh_token"),
            access: device.secret("access_token"),
        }
    }

    fn beside(&self, access: &Self) -> Self {
        Self {
            access: access.access.clone(),
            ..self.clone()
        }
    }

    fn tokens(&self) -> TokenSet {
        TokenSet::refresh_token(&*self.refresh).access_token(&*self.access)
    }
}

/// By somebody who is no app.
async fn exchange(server: &Server, pair: &Pair) -> Answer {
    exchange_under(None, server, pair).await
}

async fn exchange_under(key: Option<&str>, server: &Server, pair: &Pair) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", pair.refresh.as_str()),
        ("access_token", pair.access.as_str()),
    ];
    server.post_under(key, "/auth/refresh", &fields).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_expiry_and_a_restart() {
    for server in [as_drawn().await, by_contract().await] {
        server.device().lives_through_a_restart(ACCESS_LIFE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_gives_a_new_pair_and_the_old_one_is_worth_nothing() {
    for server in [as_drawn().await, by_contract().await] {
        let device = server.device();
        let process = device.signed_in().await;
        let old = Pair::on(&device);
        device.renews(&process, ACCESS_LIFE).await;
        let new = Pair::on(&device);
        assert!(new.refresh != old.refresh && new.access != old.access);
        let key_spent_it = server.profile.idempotency_key().is_some();
        if !key_spent_it {
            // Whoever tries harms nobody: there is no row to find.
            assert_eq!(exchange(&server, &old).await.refusal(), "401 already_exchanged");
            device.renews(&process, ACCESS_LIFE).await;
            assert_eq!(told(&process.session), ["SignedIn", "Renewed", "Renewed"]);
        } else {
            // A row that a key spent is there still, and says who lies.
            assert_eq!(exchange(&server, &old).await.refusal(), "401 reuse_detected");
            let (reason, said) = (EndReason::ReuseDetected, "401 reuse_detected");
            device.ends(process, ACCESS_LIFE, reason, said).await;
        }
    }
}

/// 1 the app signs in; 2 somebody else exchanges its pair; 3 the app presents the same pair.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loser_of_a_double_exchange_is_told_and_the_winner_goes_on() {
    for server in [as_drawn().await, by_contract().await] {
        let device = server.device();
        let process = device.signed_in().await;
        let winner = Pair::of(&exchange(&server, &Pair::on(&device)).await);
        let (reason, said) = (EndReason::ReuseDetected, "401 already_exchanged");
        device.ends(process, ACCESS_LIFE, reason, said).await;
        assert_eq!(exchange(&server, &winner).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_exchange_one_pair_at_once_one_wins_and_the_other_is_told() {
    let server = as_drawn().await;
    let pair = server.login(ADA).await.tokens();
    let (phone, tablet) = (server.device(), server.device());
    let (on_phone, on_tablet) = (phone.adopting(pair.clone()).await, tablet.adopting(pair).await);
    server.pass(ACCESS_LIFE * 2);
    let answers = tokio::join!(on_phone.session.access_token(), on_tablet.session.access_token());
    let (token, refused, loser) = match answers {
        (Ok(token), Err(refused)) => (token, refused, on_tablet),
        (Err(refused), Ok(token)) => (token, refused, on_phone),
        other => panic!("{other:?}"),
    };
    assert!(server.accepts(token.secret()).await);
    let reason = EndReason::ReuseDetected;
    assert_eq!(refused, SessionError::SignInRequired { reason });
    let end = "Ended(ReuseDetected) 401 already_exchanged";
    assert_eq!(told(&loser.session), ["Adopted", end]);
    assert_eq!(server.backend.stats().exchanges, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_is_worth_nothing_beside_any_access_token_but_its_own() {
    for server in [as_drawn().await, by_contract().await] {
        let first = Pair::of(&server.login(ADA).await);
        let second = Pair::of(&exchange(&server, &first).await);
        let elsewhere = Pair::of(&server.login(ADA).await);
        let bobs = Pair::of(&server.login(BOB).await);
        for foreign in [
            second.beside(&elsewhere),
            second.beside(&bobs),
            // Swapped within one session: an older and a newer one.
            second.beside(&first),
            first.beside(&second),
        ] {
            let device = server.device();
            let process = device.adopting(foreign.tokens()).await;
            let (reason, said) = (EndReason::Revoked, "401 invalid_token");
            device.ends(process, ACCESS_LIFE, reason, said).await;
        }
        assert_eq!(server.backend.stats().exchanges, 1);
        for real in [second, elsewhere, bobs] {
            assert_eq!(
                exchange(&server, &real).await.status,
                200,
                "nothing happened to it"
            );
        }
    }
}

/// `/auth/refresh?access_token&refresh_token`, as the mission draws it.
fn in_the_query(url: &str, allowed: bool) -> String {
    let mut profile = json!(ServerProfile::exchange_once(url).unwrap());
    profile["refresh"] = json!({
        "url": format!("{url}/auth/refresh"), "method": "GET", "encoding": "none",
        "tokens": [
            { "token": "access", "in": "query", "field": "access_token" },
            { "token": "refresh", "in": "query", "field": "refresh_token" },
        ],
    });
    if allowed {
        profile["danger_tokens_in_query"] = true.into();
    }
    profile.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_query_form_works_for_who_says_that_it_is_a_danger() {
    let config = Config::for_tests().with_scheme(Scheme::ExchangeOnce);
    let backend = super::start(config).await;
    let wire = Wire::to(backend.url()).await;
    let server = Server::of(backend, |_| {
        ServerProfile::from_json(&in_the_query(wire.url(), true))
    });
    server.device().lives_through_a_restart(ACCESS_LIFE).await;

    let sent = wire.sent("/auth/refresh");
    assert_eq!(sent.len(), 3);
    for sent in &sent {
        assert_eq!((sent.method.as_str(), sent.body.as_str()), ("GET", ""));
        let query = sent.query();
        let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["access_token", "refresh_token"]);
    }
    let again = reqwest::get(format!("{}{}", server.backend.url(), sent[2].target));
    let again = Answer::of(again.await.unwrap()).await;
    assert_eq!(again.refusal(), "401 already_exchanged");
}

#[test]
fn the_query_form_is_refused_without_that_word() {
    let error = ServerProfile::from_json(&in_the_query("https://api.example.com", false)).unwrap_err();
    assert_eq!(error.field, "refresh.tokens");
    assert!(error.fix.contains("danger_tokens_in_query"), "{error}");
}

/// The answer does not come, breaks off, or finds no process any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_contract_a_lost_answer_loses_no_session() {
    let server = by_contract().await;
    server.device().loses_no_answer(ACCESS_LIFE, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_drawn_a_lost_answer_ends_the_session_and_the_app_is_told_that_it_was_interrupted() {
    let server = as_drawn().await;
    let (reason, said) = (EndReason::InterruptedRotation, "401 already_exchanged");

    // Not a byte came: presented once more at once.
    let device = server.device();
    let process = device.signed_in().await;
    let lost = Fault::once(Route::Refresh, FaultKind::DropAfterCommit {});
    server.backend.arm(lost).unwrap();
    device.ends(process, ACCESS_LIFE, reason.clone(), said).await;

    // Some of it came: the next who asks presents the pair again.
    let device = server.device();
    let process = device.signed_in().await;
    let cut = Fault::once(Route::Refresh, FaultKind::CutBody {});
    server.backend.arm(cut).unwrap();
    server.pass(ACCESS_LIFE * 2);
    device.waits(&process, "AnswerLost").await;
    device.ends(process, ACCESS_LIFE, reason.clone(), said).await;

    // Nobody was there to hear it.
    let device = server.device();
    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    device.ends(device.start(), ACCESS_LIFE, reason, said).await;
    assert_eq!(
        (server.backend.stats().exchanges, server.backend.stats().replays),
        (3, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_drawn_a_key_means_nothing() {
    let server = as_drawn().await;
    let pair = Pair::of(&server.login(ADA).await);
    assert_eq!(exchange_under(Some("mine"), &server, &pair).await.status, 200);
    let again = exchange_under(Some("mine"), &server, &pair).await;
    assert_eq!(again.refusal(), "401 already_exchanged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_is_a_second_session() {
    let server = by_contract().await;
    let (phone, tablet) = (server.device(), server.device());
    let (on_phone, on_tablet) = (phone.signed_in().await, tablet.signed_in().await);
    phone.renews(&on_phone, ACCESS_LIFE).await;
    tablet.renews(&on_tablet, ACCESS_LIFE).await;
    let phones = Pair::on(&phone);
    on_phone.session.sign_out().await.unwrap();
    eventually("the revocation", || server.backend.stats().revocations == 1).await;
    assert_eq!(exchange(&server, &phones).await.refusal(), "401 invalid_token");
    tablet.renews(&on_tablet, ACCESS_LIFE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_came_to_its_end_is_told_so() {
    let server = as_drawn().await;
    let device = server.device();
    let process = device.signed_in().await;
    device
        .ends(process, REFRESH_LIFE, EndReason::Expired, "401 expired")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_session_and_the_app_is_told() {
    let server = as_drawn().await;
    let (reason, said) = (EndReason::PasswordChanged, "401 password_changed");
    server
        .device()
        .ends_with_the_password(ACCESS_LIFE, reason, said)
        .await;
}
