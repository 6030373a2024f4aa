//! Objects of the host's that Rust calls, and the end of such calls.
//!
//! Python ends a thread of ours that calls into it while it shuts down, and unwinds it through Rust's frames, which
//! aborts the process. So a host can end all calls before it goes: no new one begins, and those under way are waited
//! for. Letting go of a host's object is a call too.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::SessionError;

/// Longer than a callback should take; a host that hangs must be able to end all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends all calls into the host, for the rest of the process. Calls under way are waited for, two seconds at most.
///
/// For a host whose language runtime is about to shut down. From then on listeners hear nothing and the host's stores
/// and keys count as failing.
#[uniffi::export]
pub fn end_host_calls() -> Result<(), SessionError> {
    let mut calls = lock();
    calls.ended = true;
    // On a timeout there is nothing better to do than to go on.
    let _ = QUIET.wait_timeout_while(calls, PATIENCE, |calls| calls.under_way > 0);
    Ok(())
}

/// An object of the host's.
pub(crate) struct HostObject<T: ?Sized>(Option<Arc<T>>);

impl<T: ?Sized> HostObject<T> {
    pub(crate) fn new(object: Arc<T>) -> Self {
        Self(Some(object))
    }

    /// What the host answers; `None` when calls have ended.
    pub(crate) fn call<Answer>(&self, call: impl FnOnce(&T) -> Answer) -> Option<Answer> {
        let object = self.0.as_ref()?;
        let _under_way = Call::begin()?;
        Some(call(object))
    }
}

impl<T: ?Sized> Drop for HostObject<T> {
    fn drop(&mut self) {
        let object = self.0.take();
        match Call::begin() {
            Some(_under_way) => drop(object),
            None => mem::forget(object),
        }
    }
}

/// A call that is under way.
struct Call;

impl Call {
    fn begin() -> Option<Self> {
        let mut calls = lock();
        if calls.ended {
            return None;
        }
        calls.under_way += 1;
        Some(Self)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = lock();
        calls.under_way -= 1;
        if calls.under_way == 0 {
            QUIET.notify_all();
        }
    }
}

struct Calls {
    ended: bool,
    under_way: usize,
}

/// Global, because the host's runtime is: it ends for all sessions at once. Held for no call.
static CALLS: Mutex<Calls> = Mutex::new(Calls {
    ended: false,
    under_way: 0,
});
static QUIET: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Calls> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}
