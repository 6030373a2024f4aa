//! A web server of one origin that shows what it was told to and writes down every request.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_TYPE, ORIGIN,
};
use axum::http::{HeaderMap, Method, Response, Uri};
use tokencast_testkit::eventually;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A site, until it is dropped.
pub struct Site {
    pub origin: String,
    shelf: Arc<Mutex<Shelf>>,
    _server: JoinSet<()>,
}

/// What stands at an address.
#[derive(Clone)]
pub struct Served {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    gate: Option<Gate>,
}

/// Holds answers back until it is opened.
#[derive(Clone, Default)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// A request as it came.
#[derive(Clone)]
pub struct Seen {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Default)]
struct Shelf {
    pages: BTreeMap<String, Served>,
    seen: Vec<Seen>,
}

impl Site {
    /// Starts one under this name of the loopback address. What is not put there is an empty page.
    pub async fn start(host: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let origin = format!("http://{host}:{}", listener.local_addr().unwrap().port());
        let shelf = Arc::<Mutex<Shelf>>::default();
        let shown = shelf.clone();
        let router =
            Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let (answer, gate) = serve(&shown, method, &uri, headers, &body);
                async move {
                    if let Some(gate) = gate {
                        gate.pass().await;
                    }
                    answer
                }
            });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            origin,
            shelf,
            _server: server,
        }
    }

    /// Shows this at a path from now on; with a method before it (`POST /path`) to that method alone.
    pub fn put(&self, path: &str, served: Served) {
        self.shelf.lock().unwrap().pages.insert(path.to_owned(), served);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shelf.lock().unwrap().seen.clone()
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        self.shelf.lock().unwrap().seen.clear();
    }

    /// The requests to a path, whatever their query.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.path.split('?').next() == Some(path));
        seen
    }

    /// Waits until so many requests came to a path.
    pub async fn until_seen(&self, path: &str, count: usize) -> Vec<Seen> {
        eventually(path, || self.seen_at(path).len() >= count).await;
        self.seen_at(path)
    }

    /// Waits until a text stands somewhere in what reached this site.
    pub async fn until_known(&self, secret: &str) {
        eventually("the site knows it", || self.knows(secret)).await;
    }

    /// Whether a text stands anywhere in what reached this site.
    pub fn knows(&self, secret: &str) -> bool {
        self.seen().iter().any(|seen| seen.holds(secret))
    }
}

impl Seen {
    /// Whether a text stands in its address, in a header or in its body.
    pub fn holds(&self, secret: &str) -> bool {
        let header =
            |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(secret);
        self.path.contains(secret) || self.body.contains(secret) || self.headers.values().any(header)
    }
}

impl Served {
    pub fn html(body: impl Into<String>) -> Self {
        Self::of("text/html", body)
    }

    pub fn script(body: impl Into<String>) -> Self {
        Self::of("text/javascript", body)
    }

    /// A redirect that keeps method and body.
    pub fn redirect(location: &str) -> Self {
        Self {
            status: 307,
            ..Self::html("")
        }
        .header("location", location)
    }

    fn of(kind: &str, body: impl Into<String>) -> Self {
        let served = Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            gate: None,
        };
        served.header("content-type", kind)
    }

    /// Not before the gate is open.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

fn serve(
    shelf: &Mutex<Shelf>,
    method: Method,
    uri: &Uri,
    headers: HeaderMap,
    body: &[u8],
) -> (Response<Body>, Option<Gate>) {
    // Every site lets every page read it and send it what it likes: it is not the server that keeps a token from it.
    let mut answer = Response::builder();
    if let Some(origin) = headers.get(ORIGIN) {
        answer = answer
            .header(ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT");
    }
    if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer = answer.header(ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    let mut shelf = shelf.lock().unwrap();
    let path = uri.path();
    let preflight = method == Method::OPTIONS;
    let served = shelf
        .pages
        .get(&format!("{method} {path}"))
        .or_else(|| shelf.pages.get(path))
        .filter(|_| !preflight)
        .cloned();
    if !preflight {
        shelf.seen.push(Seen {
            method,
            path: uri.to_string(),
            headers,
            body: String::from_utf8_lossy(body).into_owned(),
        });
    }
    let Some(served) = served else {
        let empty = answer.header(CONTENT_TYPE, "text/html").body(Body::empty());
        return (empty.unwrap(), None);
    };
    for (name, value) in &served.headers {
        answer = answer.header(*name, value);
    }
    let answer = answer.status(served.status).body(Body::from(served.body));
    (answer.unwrap(), served.gate)
}
