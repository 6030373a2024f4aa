//! Plain HTTP over a connection of its own, as anybody could send it.

use anyhow::Result;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// More than any request or answer here.
pub(crate) const MOST: usize = 1 << 20;

/// One request to a server at this `host:port`, and its whole answer.
pub(crate) async fn send(server: &str, request: Request<Body>) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its errors are the request's errors, too.
        let _ = connection.await;
    });
    let (mut head, body) = sender.send_request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), MOST).await?;
    // They belong to that connection.
    head.headers.remove(header::CONNECTION);
    head.headers.remove(header::TRANSFER_ENCODING);
    Ok(Response::from_parts(head, body))
}
