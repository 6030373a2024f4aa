//! Everybody's way to the server: each actor has an address of its own here, everything is passed on as it is, and who
//! sent what is noted, tokens by labels. What the actors got is kept for those who steal, in memory only; no answer of
//! this program holds it.

mod labels;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::{MOST, send};
pub(crate) use labels::{Kind, Label, Purse, Text};
use labels::{Labels, Sent};

/// Who sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Actor {
    App,
    /// A page of the app.
    Page,
    /// Whoever else is in the story.
    Other,
}

/// A request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: Option<Actor>,
    /// `POST /auth/refresh`
    pub(crate) asks: String,
    pub(crate) carries: Vec<Label>,
    pub(crate) answer: Answer,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    NotYet,
    /// The connection ended without one.
    Lost,
    Given {
        status: u16,
        error: Option<String>,
        brings: Vec<Label>,
    },
}

/// Something that passes here, at the moment at which it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passing {
    pub(crate) from: Actor,
    /// The page's.
    pub(crate) origin: Option<String>,
    pub(crate) asks: String,
    /// Whether it was asked before under the same idempotency key.
    pub(crate) again: bool,
    pub(crate) carries: Vec<Label>,
    /// None while it is on its way to the server.
    pub(crate) answer: Option<Answer>,
}

/// The way to the server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tap(Arc<Shared>);

struct Shared {
    /// The server's `host:port`.
    server: String,
    notes: Mutex<Notes>,
    /// Told of everything that passes.
    watcher: Watcher,
    /// How long everything is on its way, in milliseconds.
    hop: AtomicU64,
}

type Watcher = Box<dyn Fn(Passing) + Send + Sync>;

#[derive(Default)]
struct Notes {
    labels: Labels,
    /// Those since the last look, and those not answered yet.
    messages: Vec<Message>,
    /// How many were noted before the first of them.
    forgotten: usize,
    app: Purse,
    other: Purse,
    /// Pages whose last call was refused.
    refused: HashSet<String>,
}

impl Tap {
    /// A way to the server at this address, `http://host:port`, and who is told what passes.
    pub(crate) fn to(server: &str, watcher: impl Fn(Passing) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            server: server.trim_start_matches("http://").to_owned(),
            notes: Mutex::default(),
            watcher: Box::new(watcher),
            hop: AtomicU64::new(0),
        }))
    }

    /// Makes everything be on its way so long, for people who watch.
    pub(crate) fn slow_down(&self, hop: Duration) {
        let hop = u64::try_from(hop.as_millis()).unwrap_or(u64::MAX);
        self.0.hop.store(hop, Ordering::Relaxed);
    }

    /// Opens an address for an actor, until the set is dropped.
    pub(crate) async fn listen(&self, actor: Actor, tasks: &mut JoinSet<()>) -> Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let shared = self.0.clone();
        tasks.spawn(accept(listener, actor, shared));
        Ok(address)
    }

    /// A new story: labels begin at 1, and what was noted is forgotten.
    pub(crate) fn begin(&self) {
        let mut notes = self.notes();
        notes.labels.begin();
        notes.forgotten += notes.messages.len();
        notes.messages.clear();
        (notes.app, notes.other) = (Purse::default(), Purse::default());
    }

    /// Everything since the story began.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.notes().messages.clone()
    }

    /// What the app got, or the other one.
    pub(crate) fn purse(&self, actor: Actor) -> Purse {
        let notes = self.notes();
        match actor {
            Actor::Other => notes.other.clone(),
            Actor::App | Actor::Page => notes.app.clone(),
        }
    }

    /// Gives what is no token of the server's a name of its own.
    pub(crate) fn call(&self, kind: Kind, value: &str, name: &str) {
        self.notes().labels.call(kind, value, name);
    }

    /// What somebody has, by its labels.
    pub(crate) fn labels(&self, purse: &Purse) -> Vec<Label> {
        self.notes().labels.of_purse(purse)
    }

    /// Every token, cookie and key that was seen and is remembered, for a search.
    pub(crate) fn secrets(&self) -> Vec<Text> {
        self.notes().labels.secrets()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes()
    }
}

impl Shared {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; where its answer is to be written, and what passes.
    fn asked(&self, actor: Actor, request: &Request<Bytes>) -> (usize, Passing) {
        let origin = request.headers().get(header::ORIGIN);
        let origin = origin.map(|origin| origin.to_str().unwrap_or("null").to_owned());
        let actor = if origin.is_some() { Actor::Page } else { actor };
        let sent = Sent::in_request(request);
        let mut notes = self.notes();
        if notes.messages.len() >= 200 {
            // Nobody plays a story: pages and the app go on for hours.
            notes.messages.clear();
            notes.forgotten += 200;
        }
        let message = Message {
            from: Some(actor),
            asks: format!("{} {}", request.method(), request.uri().path()),
            carries: notes.labels.of(&sent),
            answer: Answer::NotYet,
        };
        let key = |label: &&Label| label.kind == Kind::Key;
        let again = message.carries.iter().find(key).is_some_and(|key| {
            let mut before = notes.messages.iter();
            before.any(|it| it.asks == message.asks && it.carries.contains(key))
        });
        let passing = Passing {
            from: actor,
            origin,
            asks: message.asks.clone(),
            again,
            carries: message.carries.clone(),
            answer: None,
        };
        notes.messages.push(message);
        (notes.forgotten + notes.messages.len() - 1, passing)
    }

    /// How long a request is on its way. Twice as long when something else went before it that does not pass here: a
    /// page asked the app, or the app told a page.
    fn way_there(&self, passing: &Passing) -> Duration {
        let refused = |origin: &String| self.notes().refused.contains(origin);
        let after_a_message = passing.from == Actor::App || passing.origin.as_ref().is_some_and(refused);
        self.hop() * (1 + u32::from(after_a_message))
    }

    fn hop(&self) -> Duration {
        Duration::from_millis(self.hop.load(Ordering::Relaxed))
    }

    fn answered(&self, place: usize, answer: Option<(&Actor, u16, &HeaderMap, &[u8])>) -> Answer {
        let mut notes = self.notes();
        let answer = match answer {
            None => Answer::Lost,
            Some((actor, status, headers, body)) => {
                let sent = Sent::in_answer(headers, body);
                match actor {
                    Actor::App => notes.app.take(&sent),
                    Actor::Other => notes.other.take(&sent),
                    Actor::Page => {}
                }
                Answer::Given {
                    status,
                    brings: notes.labels.of(&sent),
                    error: sent.error,
                }
            }
        };
        // Forgotten meanwhile: it belongs to no story any more.
        let place = place.checked_sub(notes.forgotten);
        if let Some(message) = place.and_then(|place| notes.messages.get_mut(place)) {
            message.answer = answer.clone();
        }
        answer
    }

    /// Tells of an answer, and lets it be on its way.
    async fn tell_answer(&self, passing: Passing, answer: Answer) {
        if let (Some(origin), Answer::Given { status, .. }) = (&passing.origin, &answer) {
            let refused = &mut self.notes().refused;
            refused.remove(origin);
            // There are few pages; anybody may state other origins.
            if *status == 401 && refused.len() < 64 {
                refused.insert(origin.clone());
            }
        }
        let arrives = answer != Answer::Lost;
        (self.watcher)(Passing {
            answer: Some(answer),
            ..passing
        });
        if arrives {
            sleep(self.hop()).await;
        }
    }
}

async fn accept(listener: TcpListener, actor: Actor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // What fails for one connection, or for want of descriptors, passes.
                let Ok((stream, _)) = accepted else { continue };
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| pass(shared.clone(), actor, request));
                    // An error here is the lost answer, or a client that left.
                    let _ = server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes a request on, and its answer back. An error ends the connection without an answer, as the server did.
async fn pass(shared: Arc<Shared>, actor: Actor, request: Request<Incoming>) -> Result<Response<Body>> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::CONNECTION);
    let body = to_bytes(Body::new(body), MOST).await?;
    let request = Request::from_parts(head, body);
    // Browsers ask on their own whether they may.
    let noted = (request.method() != Method::OPTIONS).then(|| shared.asked(actor, &request));
    if let Some((_, passing)) = &noted {
        let way = shared.way_there(passing);
        (shared.watcher)(passing.clone());
        sleep(way).await;
    }
    let answer = send(&shared.server, request.map(Body::from)).await;
    if let Some((place, passing)) = noted {
        let given = answer.as_ref().ok().map(|answer| {
            (
                &actor,
                answer.status().as_u16(),
                answer.headers(),
                &**answer.body(),
            )
        });
        let given = shared.answered(place, given);
        shared.tell_answer(passing, given).await;
    }
    Ok(answer?.map(Body::from))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A server that reads a request and says this, or nothing.
    async fn server(says: &'static str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(says.as_bytes()).await.unwrap();
        });
        address
    }

    async fn ask(tap: &Tap, actor: Actor) -> Result<Response<Bytes>> {
        let mut tasks = JoinSet::new();
        let address = tap.listen(actor, &mut tasks).await.unwrap();
        let host = address.trim_start_matches("http://");
        let request = Request::post("/auth/refresh")
            .header(header::HOST, host)
            .body(Body::from("refresh_token=rrrr"));
        send(host, request.unwrap()).await
    }

    #[tokio::test]
    async fn an_answer_is_passed_on_and_kept_for_who_got_it() {
        let body = r#"{"access_token":"aaaa"}"#;
        let says =
            "HTTP/1.1 200 OK\r\ncontent-length: 23\r\nconnection: close\r\n\r\n{\"access_token\":\"aaaa\"}";
        let tap = Tap::to(&server(says).await, |_| {});
        let answer = ask(&tap, Actor::Other).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.body()[..]),
            (200, body.as_bytes())
        );
        let message = &tap.messages()[0];
        assert_eq!(
            (message.asks.as_str(), message.from),
            ("POST /auth/refresh", Some(Actor::Other))
        );
        assert!(
            matches!(message.answer, Answer::Given { status: 200, .. }),
            "{message:?}"
        );
        assert!(!format!("{message:?}").contains("rrrr") && !format!("{message:?}").contains("aaaa"));
        assert!(tap.purse(Actor::Other).access.is_some() && tap.purse(Actor::App).access.is_none());
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_does_not_come_through_the_tap_either() {
        let tap = Tap::to(&server("").await, |_| {});
        assert!(ask(&tap, Actor::App).await.is_err());
        assert_eq!(tap.messages()[0].answer, Answer::Lost);
    }

    #[tokio::test]
    async fn what_is_answered_after_its_story_is_no_part_of_the_next() {
        let tap = Tap::to("http://127.0.0.1:1", |_| {});
        let request = Request::get("/api/me").body(Bytes::new()).unwrap();
        let (place, _) = tap.0.asked(Actor::App, &request);
        tap.begin();
        tap.0.asked(Actor::App, &request);
        tap.0.answered(place, None);
        assert_eq!(tap.messages()[0].answer, Answer::NotYet);
    }
}
