//! P5: one refresh with a store in memory, against a server of fixed bytes on a warm connection. Floor: the same
//! POST by bare reqwest.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::measure::{Row, in_turns, micros};
use crate::rig::{self, BODY, MovedClock};

const TURNS: usize = 2_000;

pub(crate) fn measure() -> Vec<Row> {
    let runtime = rig::runtime(2);
    // Reading the same answer in both is part of the request.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = runtime.block_on(serve_fixed_bytes());
    let clock = Arc::new(MovedClock::default());
    let session = runtime.block_on(rig::session(&url, None, clock.clone()));
    let client = reqwest::Client::new();

    let floor = || {
        runtime.block_on(async {
            let start = Instant::now();
            let call = client
                .post(format!("{url}/auth/refresh"))
                .header("accept", "application/json")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("idempotency-key", "00112233445566778899aabbccddeeff")
                .body("grant_type=refresh_token&refresh_token=r3fr3sh");
            call.send().await?.bytes().await?;
            Ok::<_, reqwest::Error>(start.elapsed())
        })
    };
    let ours = || {
        runtime.block_on(async {
            clock.expire();
            let start = Instant::now();
            let token = session.access_token().await;
            let time = start.elapsed();
            assert!(token.is_ok(), "the server always answers");
            Ok(time)
        })
    };
    match in_turns(TURNS, floor, ours) {
        Ok((floor, ours)) => {
            let act = "one refresh, memory storage; floor: the bare POST";
            vec![Row::new(
                "P5",
                act,
                (micros(floor), micros(ours)),
                "us",
                Some(1.3),
            )]
        }
        Err(error) => {
            eprintln!("P5 could not be measured: {}", error.without_url());
            Vec::new()
        }
    }
}

async fn serve_fixed_bytes() -> String {
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
