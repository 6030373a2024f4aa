//! What all sessions of this library share: one small runtime, because hosts bring none, and one registry, so that
//! two session objects on one entry are one session.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokencast::registry::Registry;
use tokencast::spawn::{Spawner, TokioSpawner};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::SessionError;

/// Refreshes are rare and wait for the network; blocking calls (storage, listeners) have threads of their own.
const WORKERS: usize = 2;

/// Longer than a callback should take; a host that hangs must be able to end all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends the library's threads, for the rest of the process: listeners hear nothing more, calls answer `Closed`, and what
/// is stored stays. A callback under way is waited for, two seconds at most.
///
/// For a host whose language runtime is about to end. Python unwinds a foreign thread that calls it then, through
/// Rust's frames, and the process aborts.
#[uniffi::export]
pub fn shut_down() -> Result<(), SessionError> {
    let runtime = HOST
        .as_ref()
        .and_then(|host| host.runtime.lock().unwrap_or_else(PoisonError::into_inner).take());
    if let Some(runtime) = runtime {
        runtime.shutdown_timeout(PATIENCE);
    }
    Ok(())
}

struct Host {
    /// Owned for [`shut_down`] alone.
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    registry: Registry,
}

static HOST: LazyLock<Option<Host>> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("tokencast")
        .enable_all()
        .build()
        .ok()?;
    Some(Host {
        handle: runtime.handle().clone(),
        runtime: Mutex::new(Some(runtime)),
        registry: Registry::default(),
    })
});

pub(crate) fn spawner() -> Result<Arc<dyn Spawner>, SessionError> {
    Ok(Arc::new(TokioSpawner::new(host()?.handle.clone())))
}

pub(crate) fn registry() -> Result<Registry, SessionError> {
    Ok(host()?.registry.clone())
}

fn host() -> Result<&'static Host, SessionError> {
    HOST.as_ref().ok_or_else(|| {
        SessionError::misconfigured(
            "the system gave no threads to the library's runtime",
            "raise the process's limit of threads",
        )
    })
}
