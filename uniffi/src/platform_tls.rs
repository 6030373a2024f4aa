//! Certificates are checked by the platform. On Android that is Java code, which Rust reaches by the app's context: it is
//! handed over once, before the first session is made. The symbol is there in every build, and so is the answer.

use std::ffi::c_void;

use crate::error::SessionError;

/// The context is there, or there was one already.
#[cfg(target_os = "android")]
const DONE: i32 = 0;
/// This is no Android: nothing needs to be set up.
#[cfg(not(target_os = "android"))]
const NOT_NEEDED: i32 = 1;
/// The Java virtual machine refused.
#[cfg(target_os = "android")]
const FAILED: i32 = 2;

/// Hands over the app's context. Called by the Android library through JNA; more than once is as good as once.
///
/// # Safety
///
/// On Android `env` is the calling thread's `JNIEnv` and `context` a reference of it to an `android.content.Context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tokencast_android_set_up(env: *mut c_void, context: *mut c_void) -> i32 {
    set_up(env, context)
}

#[cfg(not(target_os = "android"))]
fn set_up(_: *mut c_void, _: *mut c_void) -> i32 {
    NOT_NEEDED
}

#[cfg(target_os = "android")]
fn set_up(env: *mut c_void, context: *mut c_void) -> i32 {
    use jni::objects::JObject;

    if env.is_null() || context.is_null() {
        return FAILED;
    }
    // SAFETY: JNA passes the calling thread's environment for its marker `JNIEnv.CURRENT`.
    let mut unowned = unsafe { jni::EnvUnowned::from_raw(env.cast()) };
    let outcome = unowned.with_env(|env| {
        // SAFETY: a local reference that JNA holds for the length of this call.
        let context = unsafe { JObject::from_raw(env, context.cast()) };
        rustls_platform_verifier::android::init_with_env(env, context)
    });
    match outcome.into_outcome() {
        jni::Outcome::Ok(()) => {
            android::READY.store(true, std::sync::atomic::Ordering::Release);
            DONE
        }
        _ => FAILED,
    }
}

/// What keeps a session from being made here: its first handshake would panic.
#[cfg(not(target_os = "android"))]
#[expect(clippy::unnecessary_wraps, reason = "it has its reasons on Android")]
pub(crate) fn check() -> Result<(), SessionError> {
    Ok(())
}

#[cfg(target_os = "android")]
pub(crate) use android::check;

#[cfg(target_os = "android")]
mod android {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::SessionError;

    pub(super) static READY: AtomicBool = AtomicBool::new(false);

    pub(crate) fn check() -> Result<(), SessionError> {
        super::demand(READY.load(Ordering::Acquire))
    }
}

#[cfg(any(target_os = "android", test))]
fn demand(ready: bool) -> Result<(), SessionError> {
    if ready {
        return Ok(());
    }
    Err(SessionError::misconfigured(
        "the platform's certificate verifier was not set up",
        "make sessions by `dev.tokencast.android.AuthSession(context, …)`, which hands over the app's context",
    ))
}

#[cfg(all(test, not(target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn elsewhere_nothing_is_to_be_set_up_and_nothing_is_touched() {
        // SAFETY: not looked at on this system.
        let said = unsafe { tokencast_android_set_up(std::ptr::null_mut(), std::ptr::null_mut()) };
        assert_eq!(said, NOT_NEEDED);
        assert!(check().is_ok());
    }

    #[test]
    fn a_set_up_that_was_forgotten_says_what_to_call() {
        assert!(demand(true).is_ok());
        let SessionError::Misconfigured { fix, .. } = demand(false).unwrap_err() else {
            panic!("another error");
        };
        assert!(fix.contains("dev.tokencast.android.AuthSession"));
    }
}
