//! What all sessions of this library share: one small runtime, because hosts bring none, and one registry, so that
//! two session objects on one entry are one session.

use std::sync::{Arc, LazyLock};

use tokencast::registry::Registry;
use tokencast::spawn::{Spawner, TokioSpawner};
use tokio::runtime::{Builder, Runtime};

use crate::error::SessionError;

/// Refreshes are rare and wait for the network; blocking calls (storage, listeners) have threads of their own.
const WORKERS: usize = 2;

struct Host {
    /// Never dropped: its threads end with the process.
    runtime: Runtime,
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
        runtime,
        registry: Registry::default(),
    })
});

pub(crate) fn spawner() -> Result<Arc<dyn Spawner>, SessionError> {
    Ok(Arc::new(TokioSpawner::new(host()?.runtime.handle().clone())))
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
