use std::time::Duration;

use tokencast::error::{SessionError, TryAgainCause};
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::transport::ReqwestTransport;
use tokencast_fault_proxy::{Fault, FaultProxy};

use crate::counting_server::{CountingServer, Reaction};
use tokencast_testkit::{ACCESS_TTL, MovedClock, Rig, ada};

const REFRESH: &str = "/auth/refresh";

/// 1 a connection is kept alive after the sign-in; 2 the refresh goes out on it, and the server closes it without a
/// byte; 3 the transport repeats nothing on its own: what comes is the one repetition of invariant 15, on a new
/// connection; 4 when that fails too, two requests were on the wire and no more. (A client library that repeats
/// "safely" would have sent three or four.)
#[tokio::test]
async fn the_transport_repeats_nothing_that_the_server_may_have_seen() {
    let server = CountingServer::start(|met| match met.path.as_str() {
        REFRESH => Reaction::Close,
        _ => Reaction::Answer,
    })
    .await;
    let (session, clock) = signed_in(&server, server.profile().with_idempotency_key(None)).await;
    clock.advance(ACCESS_TTL);
    assert!(is_transient(&session.access_token().await.unwrap_err()));
    let met = server.met(REFRESH);
    assert_eq!(met.len(), 2, "{met:?}");
    assert_ne!(met[0].connection, met[1].connection);
    assert!(
        session.state().is_active(),
        "nothing was answered: nothing is over"
    );
}

/// The same where the repetition succeeds: the session lives.
#[tokio::test]
async fn a_keep_alive_connection_that_ends_under_the_request_is_no_lost_session() {
    let server = CountingServer::start(|met| match (met.path.as_str(), met.of_path) {
        (REFRESH, 1) => Reaction::Close,
        _ => Reaction::Answer,
    })
    .await;
    let (session, clock) = signed_in(&server, server.profile().with_idempotency_key(None)).await;
    clock.advance(ACCESS_TTL);
    assert_eq!(session.access_token().await.unwrap().generation().number, 2);
    assert_eq!(server.met(REFRESH).len(), 2);
}

/// 1 the server closes the idle connection; 2 the client presents its token once, on a new one.
#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_costs_nothing() {
    let server = CountingServer::start(|_| Reaction::AnswerThenClose).await;
    let (session, clock) = signed_in(&server, server.profile().with_idempotency_key(None)).await;
    for number in 2..=6 {
        clock.advance(ACCESS_TTL);
        assert_eq!(session.access_token().await.unwrap().generation().number, number);
    }
    assert_eq!(server.met(REFRESH).len(), 5, "one request for each");
}

/// Servers and routers forget idle connections without a word. 1 the sign-in leaves an idle connection; 2 after two
/// seconds it is dead, and whatever is sent on it meets silence; 3 the client has given it up before and presents
/// its token once, on a new connection. The server here knows the connection's age: a slow machine changes nothing.
#[tokio::test]
async fn a_connection_that_was_forgotten_silently_is_not_used() {
    let server = CountingServer::start(|met| {
        let forgotten = met.on_connection > 1 && met.idle > Duration::from_millis(1900);
        if forgotten {
            Reaction::Silence
        } else {
            Reaction::Answer
        }
    })
    .await;
    let (session, clock) = signed_in(&server, server.profile().with_idempotency_key(None)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    clock.advance(ACCESS_TTL);
    assert_eq!(session.access_token().await.unwrap().generation().number, 2);
    let met = server.met(REFRESH);
    assert_eq!((met.len(), met[0].on_connection), (1, 1), "{met:?}");
}

/// A real server behind a network that ends the connection before the request arrives, after each sign-in anew: the
/// proxy's log shows that the first request never reached the server, and the server counts one.
#[tokio::test]
async fn a_request_that_the_network_swallowed_is_repeated_once_and_exchanged_once() {
    let rig = Rig::plain().await;
    let proxy = FaultProxy::start(rig.server.url()).await.unwrap();
    let profile = rig.profile_at(&proxy.url());
    let session = rig.process_with(profile).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    for exchanges in 1..=3 {
        rig.expire();
        proxy.next(REFRESH, Fault::CutBeforeRequest);
        let token = session.access_token().await.unwrap();
        assert!(rig.accepts(token.secret()).await);
        let stats = rig.server.stats();
        assert_eq!((stats.refresh_requests, stats.exchanges), (exchanges, exchanges));
    }
    let log: Vec<_> = proxy
        .log()
        .into_iter()
        .filter(|met| met.path == REFRESH)
        .collect();
    assert_eq!(log.len(), 6);
    assert_eq!(log.iter().filter(|met| met.server_said.is_none()).count(), 3);
    assert!(!log.iter().any(tokencast_fault_proxy::Exchange::lost_a_success));
}

/// 5 s to connect and 15 s in all, unless the app says otherwise; here it does. 1 the server takes the request and says
/// nothing; 2 the total time passes: the connection is given up; 3 the repetition goes out on a new one.
#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_after_the_total_timeout() {
    let by_default = format!("{:?}", ReqwestTransport::default());
    assert!(
        by_default.contains("connect_timeout: 5s") && by_default.contains("total_timeout: 15s"),
        "{by_default}"
    );
    let server = CountingServer::start(|met| match (met.path.as_str(), met.of_path) {
        (REFRESH, 1) => Reaction::Silence,
        _ => Reaction::Answer,
    })
    .await;
    let clock = std::sync::Arc::new(MovedClock::default());
    let limits = ReqwestTransport::with_timeouts(Duration::from_secs(5), Duration::from_secs(3));
    let session = AuthSession::builder(server.profile())
        .storage(tokencast::storage::memory())
        .clock(clock.clone())
        .reqwest(limits)
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    clock.advance(ACCESS_TTL);
    assert_eq!(session.access_token().await.unwrap().generation().number, 2);
    let met = server.met(REFRESH);
    assert_eq!(met.len(), 2, "{met:?}");
    assert_ne!(met[0].connection, met[1].connection);
}

async fn signed_in(
    server: &CountingServer,
    profile: ServerProfile,
) -> (AuthSession, std::sync::Arc<MovedClock>) {
    let clock = std::sync::Arc::new(MovedClock::default());
    let session = AuthSession::builder(profile)
        .storage(tokencast::storage::memory())
        .clock(clock.clone())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    assert_eq!(server.met("/auth/login").len(), 1);
    (session, clock)
}

fn is_transient(error: &SessionError) -> bool {
    matches!(
        error,
        SessionError::TryAgain {
            cause: TryAgainCause::Server,
            ..
        }
    )
}
