//! The server and the clock, played.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A server that counts its exchanges and can hold its answers back.
pub(super) struct Server {
    exchanges: AtomicU64,
    /// While true, refreshes wait.
    pub(super) hold: watch::Sender<bool>,
    /// How a refresh is answered: 200 with new tokens, or this.
    pub(super) verdict: Mutex<Option<(u16, &'static str)>>,
    /// What it was sent, but for the question whose a token is: headers and bodies.
    heard: Mutex<Vec<String>>,
    /// With which tokens it was asked whose they are.
    asked: Mutex<Vec<String>>,
    /// How it answers that for tokens that hold this text; all others are Ada's.
    pub(super) whose: Mutex<Option<(&'static str, Whose)>>,
}

/// Whose a token is.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    Eves,
    /// The server answers with this status.
    Status(u16),
    /// No connection.
    Nobody,
}

impl Server {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            exchanges: AtomicU64::new(0),
            hold: watch::Sender::new(false),
            verdict: Mutex::default(),
            heard: Mutex::default(),
            asked: Mutex::default(),
            whose: Mutex::default(),
        })
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Says whose a token is.
    fn who_is(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let bearer = &request
            .headers
            .iter()
            .find(|(name, _)| name == "Authorization")
            .unwrap()
            .1;
        let token = bearer.strip_prefix("Bearer ").unwrap().to_owned();
        let whose = self
            .whose
            .lock()
            .unwrap()
            .filter(|(part, _)| token.contains(part));
        self.asked.lock().unwrap().push(token);
        let (status, name) = match whose {
            None => (200, "ada"),
            Some((_, Whose::Eves)) => (200, "eve"),
            Some((_, Whose::Status(status))) => (status, "nobody"),
            Some((_, Whose::Nobody)) => return Err(TransportError::NotSent),
        };
        Ok(HttpResponse {
            status,
            headers: Vec::new(),
            body: json!({ "sub": name }).to_string().into_bytes().into(),
        })
    }

    pub(super) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::SeqCst)
    }
}

pub(super) struct Wire(pub(super) Arc<Server>);

impl HttpTransport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let server = self.0.clone();
        Box::pin(async move {
            if request.url.path() == "/me" {
                return server.who_is(&request);
            }
            let headers = request
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}\n", value.as_str()));
            let heard = headers.collect::<String>() + &String::from_utf8_lossy(&request.body);
            server.heard.lock().unwrap().push(heard);
            let mut count = 0;
            if request.url.path() == "/auth/refresh" {
                count = server.exchanges.fetch_add(1, Ordering::SeqCst) + 1;
                let mut hold = server.hold.subscribe();
                let _ = hold.wait_for(|hold| !hold).await;
            }
            let verdict = *server.verdict.lock().unwrap();
            let (status, body) = match verdict {
                Some((status, error)) if count > 0 => (status, json!({ "error": error })),
                _ => {
                    let (at, rt) = (format!("s3cr3t-at-{count}"), format!("s3cr3t-rt-{count}"));
                    (
                        200,
                        json!({"access_token":at, "refresh_token":rt, "expires_in":600, "token_type":"Bearer"}),
                    )
                }
            };
            Ok(HttpResponse {
                status,
                headers: vec![("Content-Type".into(), "application/json".into())],
                body: body.to_string().into_bytes().into(),
            })
        })
    }
}

/// A clock that moves when the test says so.
pub(super) struct HandClock(pub(super) watch::Sender<Duration>);

impl HandClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for HandClock {
    fn boot(&self) -> BootTime {
        BootTime::from_start(*self.0.borrow())
    }

    fn wall(&self) -> WallTime {
        WallTime::from_unix_millis(1_700_000_000_000) + *self.0.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // A lock that is held is asked for again after milliseconds: nobody moves the clock for that.
        if duration < Duration::from_millis(100) {
            return Box::pin(tokio::time::sleep(duration));
        }
        let mut time = self.0.subscribe();
        let end = *time.borrow() + duration;
        Box::pin(async move {
            let _ = time.wait_for(|now| *now >= end).await;
        })
    }
}
