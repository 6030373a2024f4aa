//! The platform's background time, which the host asks for.

use std::sync::Arc;
use std::time::Duration;

use tokencast::session as core;

use crate::error::SessionError;

/// Asks the platform for time to finish an exchange in the background, such as `beginBackgroundTask` on iOS. Calls come on
/// a thread of the library's own.
///
/// What it throws counts as "none given": the exchange goes on without.
#[uniffi::export(with_foreign)]
pub trait BackgroundTime: Send + Sync {
    /// Asks for up to `at_most_ms`, before an exchange goes on the wire. Returns the platform's number of the task; zero and
    /// less when it gives none. When the time ends early, tell `end`.
    fn begin(&self, at_most_ms: i64, end: Arc<BackgroundEnd>) -> Result<i64, BackgroundTimeError>;

    /// The exchange is over, or was ended because the time was, and holds no lock: the platform may stop the process.
    fn finish(&self, task: i64) -> Result<(), BackgroundTimeError>;
}

/// How a host says that background time is over: the exchange's connection is dropped, then its lock released.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct BackgroundEnd(core::BackgroundEnd);

#[uniffi::export]
impl BackgroundEnd {
    /// The time is over. Does not block; more than once is as good as once.
    pub fn tell(&self) -> Result<(), SessionError> {
        self.0.tell();
        Ok(())
    }
}

/// A host's background time threw. Its text is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum BackgroundTimeError {
    /// Something was thrown.
    #[error("the host's background time threw")]
    Threw,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for BackgroundTimeError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Threw
    }
}

pub(crate) struct HostBackgroundTime(pub(crate) Arc<dyn BackgroundTime>);

impl core::BackgroundTime for HostBackgroundTime {
    fn begin(&self, at_most: Duration, end: core::BackgroundEnd) -> Option<core::BackgroundTask> {
        let at_most = i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX);
        let task = self.0.begin(at_most, Arc::new(BackgroundEnd(end))).ok()?;
        // JNA gives zero where a callback threw a `java.lang.Error`; it is no task on any platform.
        let task = u64::try_from(task).ok().filter(|task| *task > 0)?;
        Some(core::BackgroundTask(task))
    }

    fn finish(&self, task: core::BackgroundTask) {
        if let Ok(task) = i64::try_from(task.0) {
            // Nothing depends on it: the platform ends the task at its own time.
            let _ = self.0.finish(task);
        }
    }
}
