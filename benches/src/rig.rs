//! A session whose server answers from memory, on a clock that can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokencast::time::{BootTime, Clock, SystemClock, WallTime};
use tokencast::token::TokenSet;
use tokencast::transport::{HttpTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use tokencast::{AuthSession, ServerProfile, storage};
use tokio::sync::watch;
use zeroize::Zeroizing;

pub(crate) const BODY: &str = r#"{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","refresh_token":"r3fr3sh","expires_in":300,"token_type":"Bearer"}"#;

#[derive(Default)]
pub(crate) struct MovedClock(AtomicU64);

impl MovedClock {
    /// Past the end of every token of this server.
    pub(crate) fn expire(&self) {
        self.0.fetch_add(301_000, Ordering::Relaxed);
    }

    fn moved(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + self.moved()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall() + self.moved()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}

/// Answers every request with the same bytes, when it is told to.
#[derive(Clone)]
pub(crate) struct Gate(pub(crate) Arc<watch::Sender<bool>>);

impl HttpTransport for Gate {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let mut open = self.0.subscribe();
        Box::pin(async move {
            open.wait_for(|open| *open)
                .await
                .map_err(|_| TransportError::NotSent)?;
            Ok(HttpResponse {
                status: 200,
                headers: Vec::new(),
                body: Zeroizing::new(BODY.as_bytes().to_vec()),
            })
        })
    }
}

pub(crate) fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// A session that is signed in, with a token.
pub(crate) async fn session(url: &str, transport: Option<Gate>, clock: Arc<dyn Clock>) -> AuthSession {
    let profile = ServerProfile::rotation(url).expect("a loopback address");
    let mut builder = AuthSession::builder(profile)
        .storage(storage::memory())
        .clock(clock);
    if let Some(transport) = transport {
        builder = builder.transport(transport);
    }
    let session = builder.build().expect("all parts are given");
    let tokens = TokenSet::refresh_token("r3fr3sh")
        .access_token("acc3ss")
        .expires_in(Duration::from_secs(300));
    session.adopt(tokens).await.expect("memory takes it");
    session
}
