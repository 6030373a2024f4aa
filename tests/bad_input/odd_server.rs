//! A server that says what its script says, over a real socket: what no framework would answer.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Script = Box<dyn FnMut(&Heard) -> String + Send>;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// The method and the target.
    pub(crate) fn asked(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(asked, _)| asked)
    }
}

pub(crate) struct OddServer {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: JoinHandle<()>,
}

impl OddServer {
    pub(crate) async fn start(script: impl FnMut(&Heard) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let notes = heard.clone();
        let task = tokio::spawn(async move {
            let mut script: Script = Box::new(script);
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &mut script, &notes).await;
            }
        });
        Self { url, heard, task }
    }

    /// Everything that was asked so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// What the last request said.
    pub(crate) fn last(&self) -> Heard {
        self.heard().pop().expect("a request")
    }
}

impl Drop for OddServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a body of that length and the connection's end.
pub(crate) fn reply(status: u16, headers: &[&str], body: &str) -> String {
    let mut text = format!(
        "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + "\r\n" + body
}

async fn answer(mut stream: TcpStream, script: &mut Script, notes: &Mutex<Vec<Heard>>) {
    let mut bytes = Vec::new();
    let heard = loop {
        if let Some(heard) = whole(&bytes) {
            break heard;
        }
        // The client gave up.
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let said = script(&heard);
    notes.lock().unwrap().push(heard);
    let _ = stream.write_all(said.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn whole(bytes: &[u8]) -> Option<Heard> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let heard = Heard {
        head: head.to_owned(),
        body: body.to_owned(),
    };
    let length = heard
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then_some(heard)
}
