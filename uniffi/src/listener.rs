use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::SessionError;
use crate::state::SessionEvent;

/// Hears what happens to a session. Implemented by the host.
///
/// Called on a thread of the library's own, one event at a time. What it throws is noted in the log, and the session
/// goes on.
#[uniffi::export(with_foreign)]
pub trait SessionListener: Send + Sync {
    /// An event. First come the current state and token.
    fn on_event(&self, event: SessionEvent) -> Result<(), ListenerError>;
}

/// A listener threw. Its text is dropped: it may quote what the listener was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// Something was thrown.
    #[error("the listener threw")]
    Threw,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Threw
    }
}

/// Keeps a listener. `cancel`, or letting go of this object, ends the subscription; a call that is under way may
/// still finish.
#[derive(uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Subscription(Mutex<Option<tokencast::Subscription>>);

#[uniffi::export]
impl Subscription {
    /// Ends the subscription. More than once is as good as once.
    pub fn cancel(&self) -> Result<(), SessionError> {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

pub(crate) fn subscribe(
    session: &tokencast::session::AuthSession,
    listener: Arc<dyn SessionListener>,
) -> Subscription {
    let subscription = session.subscribe(move |event| {
        let Some(event) = SessionEvent::from_core(event) else {
            return;
        };
        if listener.on_event(event).is_err() {
            tracing::warn!("a listener of the host threw; the session goes on");
        }
    });
    Subscription(Mutex::new(Some(subscription)))
}
