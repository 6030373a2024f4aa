//! The server behind the proxy.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::{Answer, Request, is_whole};

/// More than any message of these tests.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// Where the server is, and how it wants to be spoken to.
pub(crate) struct Upstream {
    address: SocketAddr,
    /// The server's own name, when it is to read it in `Host`.
    pub(crate) host: Option<String>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
}

/// Why there is no answer.
pub(crate) struct Unanswered {
    /// Whether the server may have seen the request.
    pub(crate) sent: bool,
    pub(crate) error: io::Error,
}

impl Upstream {
    pub(crate) fn at(address: SocketAddr, host: Option<String>) -> Self {
        Self {
            address,
            host,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn over(mut self, tls: crate::tls::Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether it can be reached; with https its certificate is looked at.
    pub(crate) async fn try_connect(&self) -> io::Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.wrap(stream).await.map(drop);
        }
        drop(stream);
        Ok(())
    }

    /// Sends the request on a connection of its own and reads the whole answer.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, Unanswered> {
        let not_sent = |error| Unanswered { sent: false, error };
        let sent = |error| Unanswered { sent: true, error };
        let stream = TcpStream::connect(self.address).await.map_err(not_sent)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let stream = tls.wrap(stream).await.map_err(not_sent)?;
            return exchange(stream, request).await.map_err(sent);
        }
        exchange(stream, request).await.map_err(sent)
    }
}

async fn exchange(mut server: impl AsyncRead + AsyncWrite + Unpin, request: &Request) -> io::Result<Answer> {
    server.write_all(&request.bytes).await?;
    server.flush().await?;
    let mut bytes = Vec::new();
    // Not every server ends the connection when it is asked to.
    while !is_whole(&bytes) && bytes.len() <= LIMIT {
        match server.read_buf(&mut bytes).await {
            Ok(0) => break,
            Ok(_) => {}
            // Not every server says good-bye by TLS's rules, and a reset after the answer takes nothing back.
            Err(_) if !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Answer::parse(bytes)
}
