//! A server of fixed bytes on loopback.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::BODY;

/// Starts it on the runtime that this is called in, and gives its address.
pub(crate) async fn serve_fixed_bytes() -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port on loopback");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer_all(connection));
        }
    });
    format!("http://{address}")
}

/// The request that the core sends, by bare reqwest: what every floor with a POST does.
pub(crate) async fn bare_post(client: &reqwest::Client, url: &str) -> Result<(), reqwest::Error> {
    let call = client
        .post(format!("{url}/auth/refresh"))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("idempotency-key", "00112233445566778899aabbccddeeff")
        .body("grant_type=refresh_token&refresh_token=r3fr3sh");
    call.send().await?.bytes().await?;
    Ok(())
}

/// A client of reqwest's own making.
pub(crate) fn bare_client() -> reqwest::Client {
    // The second client of a process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Every request here fits into one read and has a short body, which is all this server need know.
async fn answer_all(mut connection: TcpStream) {
    let _ = connection.set_nodelay(true);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
        if is_complete(&request) {
            request.clear();
            if connection.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}
