//! A transport that keeps what passed, so that a check can present a token again: the client would never.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};

/// Clones keep into one place.
#[derive(Clone, Default)]
pub(crate) struct Tap {
    below: ReqwestTransport,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    last: Option<(HttpRequest, Option<HttpResponse>)>,
    withholds: bool,
}

impl Tap {
    /// The last request, and what the server said.
    pub(crate) fn last(&self) -> Option<(HttpRequest, Option<HttpResponse>)> {
        self.lock().last.clone()
    }

    /// From now on nothing is sent: the client believes that there is no network.
    pub(crate) fn withhold(&self, withholds: bool) {
        self.lock().withholds = withholds;
    }

    /// Sends a request as it is, past the client.
    pub(crate) async fn present(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        self.below.send(request.clone()).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpTransport for Tap {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let tap = self.clone();
        Box::pin(async move {
            let withholds = {
                let mut kept = tap.lock();
                kept.last = Some((request.clone(), None));
                kept.withholds
            };
            if withholds {
                return Err(TransportError::NotSent);
            }
            let answer = tap.below.send(request.clone()).await;
            if let Ok(response) = &answer {
                tap.lock().last = Some((request, Some(response.clone())));
            }
            answer
        })
    }

    fn preparation(&self) -> Option<Box<dyn FnOnce() + Send>> {
        self.below.preparation()
    }
}
