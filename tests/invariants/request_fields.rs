//! What the app adds to the profile's requests goes with each of them, and what is wrong with it costs nothing.

use std::sync::{Arc, Mutex, OnceLock};

use futures_core::future::BoxFuture;
use tokencast::error::{SessionError, TryAgainCause};
use tokencast::session::{AuthSession, ExtraFields, NoFields, Purpose, RequestFields};
use tokencast::state::Cause;
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::{Rig, ada, asks, eventually, is_busy, snapshot, stored};

/// The default transport, with a note of what went through it.
#[derive(Clone, Default)]
struct Tapped(ReqwestTransport, Arc<Mutex<Vec<HttpRequest>>>);

impl HttpTransport for Tapped {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        self.1.lock().unwrap().push(request.clone());
        self.0.send(request)
    }
}

impl Tapped {
    /// Path, `X-Attestation` and `device` of each request, in their order.
    fn sent(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let requests = self.1.lock().unwrap();
        let told = |request: &HttpRequest| {
            let mut headers = request.headers.iter();
            let header = headers.find(|(name, _)| name == "X-Attestation");
            let mut form = url::form_urlencoded::parse(&request.body);
            let device = form.find(|(name, _)| name == "device");
            (
                request.url.path().to_owned(),
                header.map(|(_, value)| value.as_str().to_owned()),
                device.map(|(_, value)| value.into_owned()),
            )
        };
        requests.iter().map(told).collect()
    }
}

type Answer = Result<ExtraFields, NoFields>;

/// An app that answers as the test says, and counts.
struct App<F>(F, Mutex<Vec<Purpose>>);

impl<F: Fn(Purpose, usize) -> Answer + Send + Sync + 'static> RequestFields for App<F> {
    fn fields(&self, purpose: Purpose) -> Answer {
        let asked = {
            let mut asked = self.1.lock().unwrap();
            asked.push(purpose);
            asked.len()
        };
        (self.0)(purpose, asked)
    }
}

fn app<F: Fn(Purpose, usize) -> Answer>(answers: F) -> Arc<App<F>> {
    Arc::new(App(answers, Mutex::default()))
}

/// A new attestation each time, and the same device.
fn attested(_: Purpose, asked: usize) -> Answer {
    let device = "pixel & co";
    Ok(ExtraFields::none()
        .header("X-Attestation", format!("nonce-{asked}"))
        .field("device", device))
}

fn told(path: &str, nonce: usize) -> (String, Option<String>, Option<String>) {
    (
        path.into(),
        Some(format!("nonce-{nonce}")),
        Some("pixel & co".into()),
    )
}

#[tokio::test]
async fn the_fields_go_with_sign_in_refresh_and_revocation_and_are_asked_for_anew_each_time() {
    let rig = Rig::new().await;
    let (tapped, app) = (Tapped::default(), app(attested));
    let session = rig
        .process()
        .transport(tapped.clone())
        .request_fields(app.clone())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    session.access_token().await.unwrap();
    session.sign_out().await.unwrap();
    eventually("the revocation", || tapped.sent().len() == 3).await;
    assert_eq!(
        tapped.sent(),
        [
            told("/auth/login", 1),
            told("/auth/refresh", 2),
            told("/auth/logout", 3)
        ]
    );
    let asked = app.1.lock().unwrap().clone();
    assert_eq!(asked, [Purpose::SignIn, Purpose::Refresh, Purpose::Revoke]);
}

/// 1 the server commits and its answer is lost; 2 the flight repeats its request: the same key, the same fields; 3 every
/// answer of a flight is lost; 4 the next flight presents the same token under the same key with fields asked for anew, and
/// the server gives the successor: a key is bound to the token alone.
#[tokio::test]
async fn a_repeat_carries_the_same_fields_and_the_next_flight_asks_anew_under_the_same_key() {
    let rig = Rig::new().await;
    let (tapped, app) = (Tapped::default(), app(attested));
    let session = rig
        .process()
        .transport(tapped.clone())
        .request_fields(app.clone())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    let lost = Fault::once(Route::Refresh, FaultKind::DropAfterCommit {});
    rig.server.arm(lost).unwrap();
    session.access_token().await.unwrap();
    let refreshes = &tapped.sent()[1..];
    assert_eq!(refreshes, [told("/auth/refresh", 2), told("/auth/refresh", 2)]);

    rig.expire();
    let unreadable = Fault::times(Route::Refresh, 3, FaultKind::garbage_json());
    rig.server.arm(unreadable).unwrap();
    assert!(session.access_token().await.is_err());
    rig.server.disarm();
    let next = rig
        .process()
        .transport(tapped.clone())
        .request_fields(app.clone())
        .build()
        .unwrap();
    next.access_token().await.unwrap();
    let sent = tapped.sent();
    assert_eq!(sent.last(), Some(&told("/auth/refresh", 4)));
    assert_eq!(sent[sent.len() - 2], told("/auth/refresh", 3));
    let key = |request: &HttpRequest| {
        let mut headers = request.headers.iter();
        headers
            .find(|(name, _)| name == "Idempotency-Key")
            .map(|(_, key)| key.to_string())
    };
    let requests = tapped.1.lock().unwrap().clone();
    let [.., before, last] = &requests[..] else {
        panic!()
    };
    assert!(key(last).is_some() && key(before) == key(last));
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (2, 0));
}

#[tokio::test]
async fn an_app_that_fails_or_panics_loses_nothing_and_nothing_is_sent() {
    for panics in [false, true] {
        let rig = Rig::new().await;
        rig.signed_in().await.close();
        rig.expire();
        let (tapped, before) = (Tapped::default(), snapshot(&rig.storage));
        let app = app(move |_, asked| {
            assert!(!panics || asked > 2, "host code");
            if asked > 2 {
                attested(Purpose::Refresh, asked)
            } else {
                Err(NoFields)
            }
        });
        let session = rig
            .process()
            .transport(tapped.clone())
            .request_fields(app)
            .build()
            .unwrap();
        session.restored().await;
        for _ in 0..2 {
            let error = session.access_token().await.unwrap_err();
            let app = TryAgainCause::App;
            assert!(
                matches!(error, SessionError::TryAgain { cause, .. } if cause == app),
                "{error:?}"
            );
        }
        assert!(tapped.sent().is_empty() && session.state().is_active());
        assert_eq!(snapshot(&rig.storage), before, "no intent was written");
        let noted = session.history().last().cloned().unwrap();
        assert_eq!((noted.cause, noted.times), (Cause::NoFields, 2));
        session.access_token().await.unwrap();
        assert_eq!(tapped.sent(), [told("/auth/refresh", 3)]);
    }
}

#[tokio::test]
async fn fields_that_touch_what_the_profile_places_are_refused_before_anything_leaves() {
    let rig = Rig::new().await;
    let tapped = Tapped::default();
    let app = app(|purpose, _| {
        Ok(match purpose {
            Purpose::SignIn => ExtraFields::none().field("username", "eve"),
            Purpose::Refresh => ExtraFields::none().header("idempotency-key", "mine"),
            _ => ExtraFields::none().field("token", "mine"),
        })
    });
    let session = rig
        .process()
        .transport(tapped.clone())
        .request_fields(app)
        .build()
        .unwrap();
    let refused = |error: &SessionError, name: &str| {
        let SessionError::Misconfigured { what, fix } = error else {
            panic!("{error:?}")
        };
        assert!(
            what.contains(name) && !what.contains("mine") && !fix.is_empty(),
            "{what}"
        );
    };
    refused(&session.sign_in(ada()).await.unwrap_err(), "username");
    session
        .adopt(rig.tokens_of_another_sign_in().await)
        .await
        .unwrap();
    rig.expire();
    let key = stored(&rig.storage).unwrap()["attempt_key"].clone();
    refused(&session.access_token().await.unwrap_err(), "idempotency-key");
    let left = stored(&rig.storage).unwrap();
    assert!(left["attempt_key"] == key && left["inflight"].is_null());
    assert!(session.state().is_active());
    // The revocation is not lost either: it is sent by who adds nothing wrong.
    session.sign_out().await.unwrap();
    drop(session);
    assert!(tapped.sent().is_empty());
    let next = rig.process().transport(tapped.clone()).build().unwrap();
    next.restored().await;
    eventually("the revocation", || tapped.sent().len() == 1).await;
    eventually("it is crossed out", || {
        stored(&rig.storage).unwrap()["revoke_pending"]
            .as_array()
            .is_none_or(Vec::is_empty)
    })
    .await;
}

/// The app asks the session for its token and its state while it is asked for fields; another process may even take the
/// flight lock meanwhile, for none of ours is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_may_look_at_the_session_and_hold_up_nobody_else() {
    let rig = Rig::new().await;
    let slot = Arc::new(OnceLock::<AuthSession>::new());
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let app = {
        let slot = slot.clone();
        app(move |purpose, asked| {
            if purpose == Purpose::Refresh {
                let session = slot.get().unwrap();
                assert!(session.current_token().is_none() && session.state().is_active());
                drop((session.history(), session.generation()));
                held.lock().unwrap().recv().unwrap();
            }
            attested(purpose, asked)
        })
    };
    let session = rig.process().request_fields(app.clone()).build().unwrap();
    assert!(slot.set(session.clone()).is_ok());
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    let caller = asks(&session);
    eventually("the app is asked", || app.1.lock().unwrap().len() == 2).await;
    let other = rig.process().build().unwrap();
    let theirs = other.access_token().await.expect("no lock of ours is held");
    rig.expire();
    hold.send(()).unwrap();
    let ours = caller.await.unwrap();
    assert!(
        ours.as_ref()
            .is_ok_and(|token| token.generation() > theirs.generation())
            || ours.as_ref().is_err_and(is_busy),
        "{ours:?}"
    );
}
