//! The process that is killed. Its one argument is an [`Order`] in JSON; it answers with [`Report`]s.

use std::fmt::Debug;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokencast::error::SessionError;
use tokencast::lock::FileLocks;
use tokencast::state::SessionEvent;
use tokencast::storage::{self, KeyFailure, KeyWrapper, SecureStorage};
use tokencast::time::{BootTime, Clock, SystemClock, WallTime};
use tokencast::token::{AccessToken, Credentials, TokenSet};
use tokencast::transport::ReqwestTransport;
use tokencast::{AuthSession, ServerProfile};
use tokencast_crash_tests::watched::{
    Heard, Watch, WatchedLocks, WatchedStorage, WatchedTransport, note_secret,
};
use tokencast_crash_tests::{Death, Errand, Order, Place, Report, Rotation, Step};
use zeroize::Zeroizing;

/// Longer than any access token of the reference backend lives.
const PAST_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "crash-child: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1).ok_or("wants an order in JSON")?;
    let order: Order = serde_json::from_str(&argument)?;
    if let Some(path) = &order.log {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(file)
            .init();
    }
    // Another part of the process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let errand = order.errand.clone();
        match errand {
            Errand::SignIn => sign_in(&order).await,
            Errand::Refresh { death } => refresh(&order, death).await,
            Errand::Rotate { times, seed } => rotate(&order, times, seed).await,
            Errand::RotateUntilKilled => rotate(&order, u32::MAX, 0).await,
            Errand::Everything { secrets, plant } => everything(&order, &secrets, plant).await,
        }
    })
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn sign_in(order: &Order) -> Outcome {
    let session = Parts::new(None).session(order)?;
    let (name, password) = order.user.clone();
    session.sign_in(Credentials::password(name, password)).await?;
    report(&Report::Done);
    Ok(())
}

async fn refresh(order: &Order, death: Option<Death>) -> Outcome {
    let parts = Parts::new(death);
    let watch = parts.watch.clone();
    let session = parts.session(order)?;
    let published = Arc::new(tokio::sync::Notify::new());
    let _keep = session.on_access_token({
        let (published, watch) = (published.clone(), watch.clone());
        move |_| {
            watch.reach(Step::Published);
            published.notify_one();
        }
    });
    match session.access_token().await {
        Ok(token) => {
            published.notified().await;
            accepted(order, &token).await?;
            tell_token(&token);
            report(&Report::Steps(watch.seen()));
            report(&Report::Done);
        }
        Err(error) => tell_error(&error),
    }
    Ok(())
}

async fn rotate(order: &Order, times: u32, seed: u64) -> Outcome {
    let parts = Parts::new(None);
    let clock = parts.clock.clone();
    let session = parts.session(order)?;
    let _keep = session.subscribe(|event| {
        if let SessionEvent::StorageDegraded { .. } = event {
            report(&Report::Degraded);
        }
    });
    let mut dice = seed;
    let mut left = times;
    while left > 0 {
        match session.access_token().await {
            Ok(token) => {
                tell_token(&token);
                left -= 1;
                if left == 0 {
                    accepted(order, &token).await?;
                }
            }
            Err(error @ SessionError::SignInRequired { .. }) => {
                tell_error(&error);
                return Ok(());
            }
            Err(error) => tell_error(&error),
        }
        clock.skip(PAST_EXPIRY);
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_micros((dice >> 33) % 3_000)).await;
    }
    report(&Report::Done);
    Ok(())
}

async fn everything(order: &Order, secrets: &Path, plant: bool) -> Outcome {
    let list = secrets.to_owned();
    let heard = Arc::new(move |secret: &[u8]| note_secret(&list, secret));
    let mut parts = Parts::new(None);
    parts.heard = Some(heard);
    let clock = parts.clock.clone();
    let session = parts.session(order)?;
    show(&session);
    let (name, password) = order.user.clone();
    note_secret(secrets, password.as_bytes());
    let wrong = format!("{password}-mistyped");
    note_secret(secrets, wrong.as_bytes());
    let mistyped = Credentials::password(name.as_str(), wrong);
    show(&mistyped);
    show(&session.sign_in(mistyped).await);
    let credentials = Credentials::password(name, password);
    show(&credentials);
    session.sign_in(credentials).await?;
    let _keep = session.subscribe(|event| show(event));
    let _panics = session.on_access_token(|token| panic!("a listener panics over {token:?}"));
    let mut served = 0;
    // Faults that the test armed are met on the way.
    for _ in 0..60 {
        clock.skip(PAST_EXPIRY);
        let answer = session.access_token().await;
        show(&answer);
        show(&session);
        match answer {
            Ok(token) => {
                served += 1;
                let adopted = TokenSet::refresh_token(token.secret()).access_token(token.secret());
                show(&adopted);
                if plant && served == 1 {
                    tracing::trace!(planted = token.secret(), "as a careless line would");
                }
                if served == 5 {
                    break;
                }
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{error}");
            }
        }
    }
    if served < 5 {
        return Err("the refreshes did not come through".into());
    }
    session.sign_out().await?;
    show(&session.access_token().await);
    report(&Report::Done);
    Ok(())
}

/// What an app would give its session, each part watched.
struct Parts {
    watch: Arc<Watch>,
    clock: Arc<SkippingClock>,
    heard: Option<Heard>,
}

impl Parts {
    fn new(death: Option<Death>) -> Self {
        Self {
            watch: Watch::new(death),
            clock: Arc::default(),
            heard: None,
        }
    }

    fn session(self, order: &Order) -> Result<AuthSession, Box<dyn std::error::Error>> {
        let mut profile = ServerProfile::rotation(&order.server)?;
        if order.rotation == Rotation::Plain {
            profile = profile.with_idempotency_key(None);
        }
        let store: Arc<dyn SecureStorage> = match &order.place {
            Place::File(folder) => Arc::new(storage::file(folder)),
            Place::SecretService(application) => Arc::new(storage::keyring(application.as_str())),
        };
        let Self { watch, clock, heard } = self;
        let transport = WatchedTransport::new(ReqwestTransport::default(), watch.clone(), &order.server);
        let mut builder = AuthSession::builder(profile)
            .storage(WatchedStorage::new(store, watch.clone()))
            .key_wrapper(Arc::new(Xor { heard: heard.clone() }))
            .locks(Arc::new(WatchedLocks::new(FileLocks::new(&order.locks), watch)))
            .transport(transport.telling(heard))
            .clock(clock);
        if order.persist_access_token {
            builder = builder.persist_access_token();
        }
        Ok(builder.build()?)
    }
}

/// Stands for the platform's key: the wrapped form differs from the data key, which is all that matters here.
struct Xor {
    heard: Option<Heard>,
}

impl KeyWrapper for Xor {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        if let Some(heard) = &self.heard {
            heard(data_key);
        }
        Ok(data_key.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(Zeroizing::new(wrapped.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

/// The clock of lifetimes skips ahead, so that the token in this process's memory has expired; the calendar stays,
/// which all processes share.
#[derive(Debug, Default)]
struct SkippingClock {
    skipped_ms: AtomicU64,
}

impl SkippingClock {
    fn skip(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.skipped_ms.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SkippingClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + Duration::from_millis(self.skipped_ms.load(Ordering::SeqCst))
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}

/// A token is worth something when a resource takes it.
async fn accepted(order: &Order, token: &AccessToken) -> Outcome {
    let call = reqwest::Client::new().get(format!("{}/api/me", order.server));
    let status = call.bearer_auth(token.secret()).send().await?.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("the server answered {status} to the new access token").into())
    }
}

fn tell_token(token: &AccessToken) {
    let generation = token.generation();
    report(&Report::Token {
        epoch: generation.epoch,
        number: generation.number,
    });
}

fn tell_error(error: &SessionError) {
    report(&match error {
        SessionError::SignInRequired { reason } => Report::Lost(reason.to_string()),
        error => Report::Failed(error.to_string()),
    });
}

fn report(report: &Report) {
    let line = serde_json::to_string(report).unwrap_or_default();
    // The parent may have gone.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// As an app's careless log line would.
fn show(what: &dyn Debug) {
    tracing::trace!("{what:?}");
    let _ = writeln!(std::io::stderr(), "{what:?} {what:#?}");
}
