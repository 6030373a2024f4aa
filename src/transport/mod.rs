//! How requests travel. A transport sends one request once: what is repeated, and when, is the flight's
//! decision alone.

#[cfg(feature = "reqwest")]
mod reqwest;

use futures_core::future::BoxFuture;

use crate::wire::{HttpRequest, HttpResponse};

#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestTransport, TransportSetupError};

/// Sends requests to the profile's endpoints. Follows no redirect, repeats nothing, reads at most
/// [`BODY_LIMIT`] bytes of an answer, and ends every request within its own deadline.
pub trait HttpTransport: Send + Sync + 'static {
    /// Sends one request once.
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>>;

    /// What is still to be done before the first request, such as reading the trust store. It may block, and runs
    /// while a flight takes its lock and writes its intent.
    fn preparation(&self) -> Option<Box<dyn FnOnce() + Send>> {
        None
    }
}

/// The longest answer that is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Why there is no answer: told by how far the request came, for that decides what may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No byte of the request left: no network, no such host, connection refused, no time to connect.
    #[error("the server could not be reached")]
    NotSent,
    /// The server's certificate was not accepted; no byte of the request left.
    #[error("the server's certificate was not accepted")]
    Untrusted,
    /// The connection ended before the first byte of an answer: the server may or may not have seen the request.
    #[error("the connection ended before an answer")]
    BeforeHead,
    /// The answer began and did not end, or was too long, or came too late.
    #[error("the answer was cut off")]
    Incomplete,
    /// The transport itself cannot work; the log says why.
    #[error("the transport is not set up")]
    Setup,
}
