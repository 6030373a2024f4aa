//! What really goes over the wire to a server: every byte that its clients send, as they send it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use url::form_urlencoded;

/// An address that leads to a server, and hears what goes there.
pub(crate) struct Wire {
    url: String,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    accepting: JoinHandle<()>,
}

/// One request as it was sent.
pub(crate) struct Sent {
    pub(crate) method: String,
    /// With the query.
    pub(crate) target: String,
    head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) async fn to(url: &str) -> Self {
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let connections = heard.clone();
        let accepting = tokio::spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let number = {
                    let mut connections = connections.lock().unwrap();
                    connections.push(Vec::new());
                    connections.len() - 1
                };
                relays.spawn(relay(client, server.clone(), connections.clone(), number));
            }
        });
        Self {
            url,
            heard,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The requests to that path, in the order of their connections.
    pub(crate) fn sent(&self, path: &str) -> Vec<Sent> {
        let heard = self.heard.lock().unwrap();
        let sent = heard.iter().flat_map(|bytes| requests(bytes));
        sent.filter(|sent| sent.target.split('?').next() == Some(path))
            .collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Sent {
    /// The value of the header that must be there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// The fields of the form in the body, by name.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        assert_eq!(
            self.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
        fields(&self.body)
    }

    /// The fields of the query, by name.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        fields(self.target.split_once('?').unwrap().1)
    }
}

fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    fields.sort();
    fields
}

async fn relay(client: TcpStream, server: String, heard: Arc<Mutex<Vec<Vec<u8>>>>, number: usize) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async move {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = from_client.read(&mut chunk).await {
            heard.lock().unwrap()[number].extend_from_slice(&chunk[..count]);
            if to_server.write_all(&chunk[..count]).await.is_err() {
                return;
            }
        }
    };
    let back = async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    tokio::join!(there, back);
}

/// The whole requests that one connection carried.
fn requests(bytes: &[u8]) -> Vec<Sent> {
    let mut rest = std::str::from_utf8(bytes).unwrap();
    let mut sent = Vec::new();
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let mut line = head.lines().next().unwrap().split(' ');
        let mut request = Sent {
            method: line.next().unwrap().to_owned(),
            target: line.next().unwrap().to_owned(),
            head: head.to_owned(),
            body: String::new(),
        };
        let length = request.header("content-length").unwrap_or("0").parse().unwrap();
        let (body, next) = after.split_at_checked(length).expect("the whole body came");
        request.body = body.to_owned();
        rest = next;
        sent.push(request);
    }
    sent
}
