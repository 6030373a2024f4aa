use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokencast::profile::ServerProfile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server of the test's own that counts the requests as they come in on the wire, and decides for each what
/// becomes of its connection. It hands out `r1`, `r2`, …, one for
/// each request, and judges no token.
pub(crate) struct CountingServer {
    url: String,
    met: Arc<Mutex<Vec<Met>>>,
    closed: Arc<Mutex<Vec<usize>>>,
    accepting: tokio::task::JoinHandle<()>,
}

/// One whole request.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) path: String,
    /// The how-many-eth connection it came on, from 1.
    pub(crate) connection: usize,
    /// The how-many-eth request on that connection, from 1.
    pub(crate) on_connection: usize,
    /// How long that connection was idle before.
    pub(crate) idle: Duration,
    /// The how-many-eth request to that path, from 1.
    pub(crate) of_path: usize,
}

pub(crate) enum Reaction {
    /// An answer; the connection stays open.
    Answer,
    /// An answer; then the connection is closed without a word in the answer about it.
    AnswerThenClose,
    /// The connection ends without an answer.
    Close,
    /// Nothing at all, as behind a router that forgot the connection.
    Silence,
}

impl CountingServer {
    pub(crate) async fn start(react: impl Fn(&Met) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let met = Arc::new(Mutex::new(Vec::new()));
        let closed = Arc::new(Mutex::new(Vec::new()));
        let (seen, left, react) = (met.clone(), closed.clone(), Arc::new(react));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut count = 0;
            while let Ok((stream, _)) = listener.accept().await {
                count += 1;
                let (seen, left, react) = (seen.clone(), left.clone(), react.clone());
                connections.spawn(async move {
                    if let Some(silent) = serve(stream, count, &seen, &*react).await {
                        until_closed(silent).await;
                        left.lock().unwrap().push(count);
                    }
                });
            }
        });
        Self {
            url,
            met,
            closed,
            accepting,
        }
    }

    pub(crate) fn profile(&self) -> ServerProfile {
        ServerProfile::rotation(&self.url).unwrap()
    }

    /// The connections that clients gave up while the server was silent.
    pub(crate) fn closed(&self) -> Vec<usize> {
        self.closed.lock().unwrap().clone()
    }

    /// The requests to a path, in the order in which they came.
    pub(crate) fn met(&self, path: &str) -> Vec<Met> {
        let met = self.met.lock().unwrap();
        met.iter().filter(|met| met.path == path).cloned().collect()
    }
}

impl Drop for CountingServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one connection to its end; answers it when it is to be silent from now on.
async fn serve(
    mut stream: TcpStream,
    connection: usize,
    seen: &Mutex<Vec<Met>>,
    react: &(impl Fn(&Met) -> Reaction + Send + Sync),
) -> Option<TcpStream> {
    let mut idle_since = Instant::now();
    for on_connection in 1.. {
        let path = read_request(&mut stream).await?;
        let nth;
        let met = {
            let mut seen = seen.lock().unwrap();
            nth = seen.len() + 1;
            let of_path = seen.iter().filter(|met| met.path == path).count() + 1;
            let met = Met {
                path,
                connection,
                on_connection,
                idle: idle_since.elapsed(),
                of_path,
            };
            seen.push(met.clone());
            met
        };
        let reaction = react(&met);
        let body = format!(
            r#"{{"access_token":"a{0}","refresh_token":"r{0}","expires_in":300,"token_type":"Bearer"}}"#,
            nth
        );
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        match reaction {
            Reaction::Answer => stream.write_all(answer.as_bytes()).await.unwrap(),
            Reaction::AnswerThenClose => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                return None;
            }
            Reaction::Close => return None,
            Reaction::Silence => return Some(stream),
        }
        idle_since = Instant::now();
    }
    None
}

async fn until_closed(mut stream: TcpStream) {
    let mut bytes = [0; 64];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}

/// Reads one request with its body and says to which path; `None` when the client left.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(str::to_owned)
            })
            .map_or(0, |length| length.trim().parse::<usize>().unwrap());
        if body.len() >= length {
            return head.split(' ').nth(1).map(str::to_owned);
        }
    }
}
