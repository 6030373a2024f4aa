//! A session whose server answers from memory, on a clock that can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokencast::session::AuthSessionBuilder;
use tokencast::storage::{KeyWrapper, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};
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
        self.0.fetch_add(3_601_000, Ordering::Relaxed);
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

/// Any store, which tells how large the record is that it was given last.
pub(crate) struct Weighed<S> {
    below: S,
    size: Arc<AtomicUsize>,
}

/// The size of the last record, in bytes.
pub(crate) struct RecordSize(Arc<AtomicUsize>);

impl RecordSize {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl<S: SecureStorage> Weighed<S> {
    pub(crate) fn new(below: S) -> (Self, RecordSize) {
        let size = Arc::new(AtomicUsize::new(0));
        let told = RecordSize(size.clone());
        (Self { below, size }, told)
    }
}

impl<S: SecureStorage> SecureStorage for Weighed<S> {
    fn entry_id(&self) -> String {
        self.below.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        self.below.secrecy()
    }

    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        self.below.key_wrapper()
    }

    fn may_block(&self) -> bool {
        self.below.may_block()
    }

    fn acknowledgement_is_proof(&self) -> bool {
        self.below.acknowledgement_is_proof()
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.below.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        if name.starts_with("session/") {
            self.size.store(bytes.len(), Ordering::Relaxed);
        }
        self.below.write(name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.below.delete(name)
    }
}

/// A builder for a server at `url`.
pub(crate) fn builder(url: &str) -> AuthSessionBuilder {
    AuthSession::builder(ServerProfile::rotation(url).expect("a loopback address"))
}

/// Builds a session and signs it in, with a token.
pub(crate) async fn adopted(builder: AuthSessionBuilder) -> Result<AuthSession, String> {
    let session = builder.build().map_err(|error| error.to_string())?;
    let tokens = TokenSet::refresh_token("r3fr3sh")
        .access_token("acc3ss")
        .expires_in(Duration::from_secs(3600));
    session.adopt(tokens).await.map_err(|error| error.to_string())?;
    Ok(session)
}

/// A session that is signed in, with a token, on a store in memory.
pub(crate) async fn session(url: &str, transport: Option<Gate>, clock: Arc<dyn Clock>) -> AuthSession {
    let mut builder = builder(url).storage(storage::memory()).clock(clock);
    if let Some(transport) = transport {
        builder = builder.transport(transport);
    }
    adopted(builder).await.expect("memory takes it")
}
