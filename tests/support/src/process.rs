use std::sync::Arc;

use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::spawn::TokioSpawner;
use tokio::runtime::{Builder, Runtime};

/// A process that can die: its tasks run on a runtime of its own, and dying they finish nothing. Its locks are freed
/// as the kernel frees them. (Tests with real processes and SIGKILL stand elsewhere; here the moment can be chosen.)
#[derive(Debug)]
pub struct Process {
    pub session: AuthSession,
    runtime: Option<Runtime>,
}

impl Process {
    pub fn start(builder: AuthSessionBuilder) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let spawner = Arc::new(TokioSpawner::new(runtime.handle().clone()));
        Self {
            session: builder.spawner(spawner).build().unwrap(),
            runtime: Some(runtime),
        }
    }

    /// Dies at once.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
