//! Where the core's own work runs. An exchange outlives its callers: it runs in a task, never in a caller's
//! future.

use std::fmt;
use std::task::{Context, Waker};

use futures_core::future::BoxFuture;

/// Runs the core's tasks. The default is [`TokioSpawner`].
pub trait Spawner: Send + Sync + 'static {
    /// Runs `task` to its end.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Runs `task` to its end, its first steps on this thread where that is as good as a thread of the task's own: that
    /// spares waking one up. The task then goes on as a [`spawn`](Self::spawn)ed one.
    fn spawn_from_here(&self, task: BoxFuture<'static, ()>) {
        self.spawn(task);
    }

    /// Runs `job`, which may block, where it holds up nothing else.
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>);
}

/// Tasks on a tokio runtime; blocking jobs on its blocking pool.
#[derive(Clone)]
pub struct TokioSpawner(tokio::runtime::Handle);

impl TokioSpawner {
    /// Tasks on this runtime.
    pub fn new(handle: tokio::runtime::Handle) -> Self {
        Self(handle)
    }

    /// Tasks on the runtime that this thread is in, if it is in one.
    pub fn current() -> Option<Self> {
        tokio::runtime::Handle::try_current().ok().map(Self)
    }
}

impl Spawner for TokioSpawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn spawn_from_here(&self, mut task: BoxFuture<'static, ()>) {
        // A thread of another runtime, or of none such as an app's main thread, has its own work to do.
        let is_ours = tokio::runtime::Handle::try_current().is_ok_and(|here| here.id() == self.0.id());
        // The waker is the spawned task's affair: its first turn there polls again.
        let mut nobody = Context::from_waker(Waker::noop());
        if !is_ours || task.as_mut().poll(&mut nobody).is_pending() {
            self.0.spawn(task);
        }
    }

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(job);
    }
}

impl fmt::Debug for TokioSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioSpawner")
    }
}
