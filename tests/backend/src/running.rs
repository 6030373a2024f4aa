//! Starting and stopping, and what a test can do meanwhile.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{self, Handle};
use tokio::sync::{oneshot, watch};

use crate::app::{App, UserError, router};
use crate::config::{Config, ConfigError, Database, NewUser, Origin, Tls};
use crate::control::ReceivedForm;
use crate::fault::{Fault, FaultError};
use crate::server::{Stop, serve};
use crate::stats::Stats;
use crate::store::{Store, StoreError};
use crate::tls;

/// The reference backend.
#[derive(Debug)]
pub struct Backend;

impl Backend {
    /// Starts a backend on a thread and a runtime of its own, so that it keeps answering whatever the caller's
    /// runtime does (blocks, pauses its clock). Works under any executor.
    pub async fn start(config: Config) -> Result<RunningBackend, StartError> {
        config.validate()?;
        let (ready, started) = oneshot::channel();
        let (stop, stopped) = watch::channel(Stop::No);
        let (done_sender, done) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("tokencast-backend".into())
            .spawn(move || {
                let _done = done_sender;
                run(config, ready, stopped);
            })
            .map_err(StartError::Io)?;
        let Started {
            app,
            runtime,
            url,
            ca_pem,
        } = match started.await {
            Ok(Ok(started)) => started,
            outcome => {
                // The thread cleans up first: a caller that exits at once must leave no folder behind.
                let _ = done.await;
                let error = outcome.ok().and_then(Result::err);
                return Err(error.unwrap_or_else(|| StartError::Io(io::ErrorKind::BrokenPipe.into())));
            }
        };
        Ok(RunningBackend {
            app,
            runtime,
            url,
            ca_pem,
            stop,
            done: Some(done),
            thread: Some(thread),
        })
    }
}

/// A backend at work. Dropped, it cuts every connection and stops.
pub struct RunningBackend {
    app: Arc<App>,
    runtime: Handle,
    url: String,
    ca_pem: Option<String>,
    stop: watch::Sender<Stop>,
    done: Option<oneshot::Receiver<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RunningBackend {
    /// Where it listens, such as `http://127.0.0.1:40123`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The test authority's certificate in PEM, under TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What the server counted.
    pub fn stats(&self) -> Stats {
        self.app.control.stats()
    }

    /// The forms that came to `/app/notes`, in their order: what was lost or came twice is seen here. Needs
    /// [`Config::test_faults`].
    pub fn received_forms(&self) -> Vec<ReceivedForm> {
        self.app.control.forms()
    }

    /// Arms a fault.
    pub fn arm(&self, fault: Fault) -> Result<(), FaultError> {
        self.app.control.arm(fault)
    }

    /// Forgets the faults that did not fire.
    pub fn disarm(&self) {
        self.app.control.disarm();
    }

    /// From now on a refresh is carried out, and its answer waits.
    pub fn hold_refreshes(&self) {
        self.app.control.hold(true);
    }

    /// Lets the held answers go, and later ones pass.
    pub fn release(&self) {
        self.app.control.hold(false);
    }

    /// How many answers wait at this moment.
    pub fn held(&self) -> u64 {
        self.app.control.held()
    }

    /// Returns when at least `count` answers wait.
    pub async fn wait_until_held(&self, count: u64) {
        // The sender lives as long as `self`: no error to see.
        let _ = self
            .app
            .control
            .watch_held()
            .wait_for(|held| *held >= count)
            .await;
    }

    /// Moves the server's clock forward: expiry of every token, the late window, the `Date` header.
    pub fn advance_clock(&self, by: Duration) {
        self.app.clock.advance(by);
    }

    /// Every access token issued so far is refused from now on; refresh tokens stay as they are. Needs
    /// [`Config::test_faults`] from the start.
    pub fn expire_access_tokens(&self) {
        self.app.control.expire_access_tokens();
    }

    /// Delivers the requests that [`FaultKind::Duplicate`](crate::FaultKind::Duplicate) and
    /// [`FaultKind::Postpone`](crate::FaultKind::Postpone) kept, in their order; the statuses they met.
    pub async fn deliver_copies(&self) -> Vec<u16> {
        let copies = self.app.control.take_copies();
        let work = async move {
            let mut statuses = Vec::new();
            for copy in copies {
                statuses.push(copy().await.as_u16());
            }
            statuses
        };
        self.runtime.spawn(work).await.unwrap_or_default()
    }

    /// Replaces the origins whose pages may call from a browser.
    pub fn set_cors_origins<S: AsRef<str>>(
        &self,
        origins: impl IntoIterator<Item = S>,
    ) -> Result<(), ConfigError> {
        let origins: Result<Vec<Origin>, _> = origins
            .into_iter()
            .map(|origin| origin.as_ref().parse())
            .collect();
        self.app.control.set_origins(origins?);
        Ok(())
    }

    /// Creates a user, or gives an existing one this password.
    pub async fn create_user(&self, name: &str, password: &str) -> Result<(), UserError> {
        let (app, user) = (self.app.clone(), NewUser::new(name, password));
        self.runtime
            .spawn(async move { app.put_user(user).await })
            .await
            .unwrap_or_else(|_| Err(UserError::Password))
    }

    /// How many renewed access tokens the scheme `access-only` remembers.
    pub async fn remembered_renewals(&self) -> Result<i64, StoreError> {
        let app = self.app.clone();
        self.runtime
            .spawn(async move { app.store.count_renewals().await })
            .await
            .unwrap_or(Err(StoreError::Gone))
    }

    /// Stops taking connections, answers what was asked (for five seconds at most, held answers too), closes the
    /// database and returns when all is gone.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(Stop::Gracefully);
        self.release();
        if let Some(done) = self.done.take() {
            // The sender is dropped unused at the end of the thread: that is the signal.
            let _ = done.await;
        }
    }
}

impl Drop for RunningBackend {
    fn drop(&mut self) {
        self.stop.send_replace(Stop::Now);
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for RunningBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningBackend")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A backend that did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was asked for something impossible.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address is taken, the thread or the temporary folder cannot be had.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
    /// The signing key in the database is not one.
    #[error("the signing key in the database is damaged")]
    Key,
    /// A user's password could not be hashed.
    #[error("a password could not be hashed")]
    Password,
    /// No certificate.
    #[error("TLS: {0}")]
    Tls(String),
}

struct Started {
    app: Arc<App>,
    runtime: Handle,
    url: String,
    ca_pem: Option<String>,
}

/// The thread's whole life.
fn run(config: Config, ready: oneshot::Sender<Result<Started, StartError>>, stop: watch::Receiver<Stop>) {
    let runtime = match runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody waits any more: nobody to tell.
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    // Declared before the work: it goes after the database was closed.
    let folder = match &config.database {
        Database::Temporary => tempfile::Builder::new()
            .prefix("tokencast-backend-")
            .tempdir()
            .map(Some),
        Database::Url(_) => Ok(None),
    };
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) => {
            let _ = ready.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        let (listener, acceptor, started) = match prepare(&config, folder.as_ref().map(TempDir::path)).await {
            Ok(prepared) => prepared,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let app = started.app.clone();
        if ready.send(Ok(started)).is_err() {
            return;
        }
        serve(listener, acceptor, router(app.clone()), app.clock.clone(), stop).await;
        // A kept copy holds the router, which holds the app: a circle.
        app.control.take_copies().clear();
        app.store.close().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
}

async fn prepare(
    config: &Config,
    folder: Option<&Path>,
) -> Result<(TcpListener, Option<tls::Acceptor>, Started), StartError> {
    let (acceptor, ca_pem) = tls::acceptor(config.tls)?.unzip();
    let store = match (&config.database, folder) {
        (Database::Url(url), _) => Store::open_url(url).await?,
        (Database::Temporary, Some(folder)) => Store::open_file(&folder.join("backend.db")).await?,
        (Database::Temporary, None) => return Err(StartError::Io(io::ErrorKind::NotFound.into())),
    };
    let app = Arc::new(App::new(config, store).await?);
    let listener = TcpListener::bind(config.listen).await?;
    let scheme = if config.tls == Tls::Off { "http" } else { "https" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    Ok((
        listener,
        acceptor,
        Started {
            app,
            runtime: Handle::current(),
            url,
            ca_pem,
        },
    ))
}
