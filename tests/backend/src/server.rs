//! Connections: accepted here, cut here.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::clock::Clock;
use crate::rate_limit::Peer;
use crate::tls::Acceptor;

/// An answer that is none: the connection ends without one byte of a response head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

impl IntoResponse for Cut {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Marks an answer that goes without a `Date` header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoDate;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Answer what was asked, for a few seconds at most.
    Gracefully,
    /// Cut every connection.
    Now,
}

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    router: Router,
    clock: Arc<Clock>,
    mut stop: watch::Receiver<Stop>,
) {
    let handle = Handle {
        router,
        clock,
        stop: stop.clone(),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let peer = Peer(peer.ip().to_canonical());
                    connections.spawn(handle.clone().connection(stream, peer, acceptor.clone()));
                }
                // Out of descriptors, mostly: some connection will end.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told(&mut stop, |stop| stop != Stop::No) => break,
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = finish => {}
        () = tokio::time::sleep(Duration::from_secs(5)) => {}
        () = told(&mut stop, |stop| stop == Stop::Now) => {}
    }
}

/// Returns when told so, also by a sender that is gone.
async fn told(stop: &mut watch::Receiver<Stop>, enough: impl Fn(Stop) -> bool) {
    let _ = stop.wait_for(|stop| enough(*stop)).await;
}

#[derive(Clone)]
struct Handle {
    router: Router,
    clock: Arc<Clock>,
    stop: watch::Receiver<Stop>,
}

impl Handle {
    async fn connection(self, stream: TcpStream, peer: Peer, acceptor: Option<Acceptor>) {
        // Answers are small: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        match acceptor {
            None => self.http(stream, peer).await,
            Some(acceptor) => {
                match tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.http(stream, peer).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                    Err(_) => tracing::debug!("no TLS in time"),
                }
            }
        }
    }

    async fn http(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, peer: Peer) {
        let (router, clock) = (self.router, self.clock);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            respond(router.clone(), clock.clone(), request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(30))
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told(&mut self.stop, |stop| stop != Stop::No) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection");
        }
    }
}

/// hyper drops the connection, unanswered, when the service fails.
async fn respond(router: Router, clock: Arc<Clock>, request: Request) -> Result<Response, Unanswered> {
    let mut response = router
        .oneshot(request)
        .await
        .unwrap_or_else(|never: Infallible| match never {});
    if response.extensions().get::<Cut>().is_some() {
        return Err(Unanswered);
    }
    let without_date = response.extensions().get::<NoDate>().is_some();
    if !without_date && !response.headers().contains_key(header::DATE) {
        let date = httpdate::fmt_http_date(clock.now_system());
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
    Ok(response)
}

#[derive(Debug, thiserror::Error)]
#[error("a fault cut the connection")]
struct Unanswered;
