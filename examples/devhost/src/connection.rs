//! One connection is one attached page: its main frame, one document.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokencast::pages::{Action, GoneReason, Origin, PageHost, PageId, Payload, Sender, Slot};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_websockets::{CloseCode, Error, Limits, Message, ServerBuilder, WebSocketStream};

use crate::Shared;
use crate::handshake;

/// The longest message of a page, in bytes: as the bridge has it.
const MAX_MESSAGE: usize = 64 * 1024;
/// How long a connection may take to ask for its WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a page may take to read what is sent to it.
const WRITE: Duration = Duration::from_secs(10);
/// How often an idle connection is asked whether it lives; twice without an answer, it does not.
const PING: Duration = Duration::from_secs(20);
/// What came up for a page while it does not read; a page with more is cut off and may come back.
const MAX_QUEUED: usize = 256;

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, shared: &Arc<Shared>) {
    let Some((socket, origin)) = greet(stream, shared).await else {
        return;
    };
    let (queue, later) = mpsc::channel(MAX_QUEUED);
    let Some(page) = Attached::new(shared, &origin, Arc::new(Queue(queue))) else {
        return;
    };
    let mut connection = Connection {
        socket,
        page: &page,
        heard: Instant::now(),
    };
    let why = connection.run(later).await;
    tracing::debug!(page = page.id.get(), ?why, "a development page is gone");
    if let Some(code) = why.close_code() {
        let close = async {
            // Of what is no frame the library has told the page already.
            let _ = connection.socket.send(Message::close(Some(code), "")).await;
            connection.socket.close().await
        };
        // A page that does not read does not hold this task.
        let _ = timeout(WRITE, close).await;
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Lost,
    TooLong,
    NotText,
    Broken,
    Slow,
    Silent,
}

impl End {
    fn close_code(self) -> Option<CloseCode> {
        match self {
            Self::Closed | Self::Lost | Self::Slow => None,
            Self::TooLong => Some(CloseCode::MESSAGE_TOO_BIG),
            Self::NotText => Some(CloseCode::UNSUPPORTED_DATA),
            Self::Broken => Some(CloseCode::PROTOCOL_ERROR),
            Self::Silent => Some(CloseCode::GOING_AWAY),
        }
    }
}

/// Takes what the page has to be told later, without waiting: it is called by the session.
struct Queue(mpsc::Sender<Action>);

impl PageHost for Queue {
    fn perform(&self, actions: Vec<Action>) {
        for action in actions {
            // A full queue is noticed by the connection, which ends then.
            let _ = self.0.try_send(action);
        }
    }
}

struct Connection<'a> {
    socket: WebSocketStream<TcpStream>,
    page: &'a Attached,
    heard: Instant,
}

impl Connection<'_> {
    async fn run(&mut self, mut later: mpsc::Receiver<Action>) -> End {
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                message = self.socket.next() => self.on_frame(message).await,
                Some(action) = later.recv() => {
                    if later.len() + 1 >= MAX_QUEUED { Err(End::Slow) } else { self.perform([action]).await }
                }
                _ = ping.tick() => self.on_tick().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn on_frame(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match message {
            Some(Ok(message)) => message,
            None | Some(Err(Error::AlreadyClosed)) => return Err(End::Closed),
            Some(Err(Error::PayloadTooLong { .. })) => return Err(End::TooLong),
            Some(Err(Error::Io(_))) => return Err(End::Lost),
            Some(Err(_)) => return Err(End::Broken),
        };
        self.heard = Instant::now();
        if message.is_binary() {
            return Err(End::NotText);
        }
        match message.as_text() {
            // The answers are written before the next message is read: whoever does not read is not heard.
            Some(text) => self.perform(self.page.on_message(text)).await,
            // A ping is answered by the library, a close when the stream ends.
            None => Ok(()),
        }
    }

    async fn on_tick(&mut self) -> Result<(), End> {
        if self.heard.elapsed() >= PING * 2 {
            return Err(End::Silent);
        }
        self.write(Message::ping("")).await
    }

    async fn perform(&mut self, actions: impl IntoIterator<Item = Action>) -> Result<(), End> {
        for action in actions {
            if let Action::Reply { payload, .. } | Action::Notify { payload, .. } = action {
                self.page.overheard(false, payload.expose());
                self.write(text(&payload)).await?;
            }
        }
        self.page.listed();
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(WRITE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Slow),
        }
    }
}

/// An attached page; detached when dropped, also when the task is cut off.
struct Attached {
    shared: Arc<Shared>,
    id: PageId,
    origin: Origin,
    sender: Sender,
    slots: AtomicU64,
}

impl Attached {
    fn new(shared: &Arc<Shared>, origin: &Origin, host: Arc<dyn PageHost>) -> Option<Self> {
        // The policy was checked at the start; the session may have been closed since.
        let id = shared.pages.attach(shared.policy.clone(), host).ok()?;
        shared.list.add(id, origin.clone());
        Some(Self {
            shared: shared.clone(),
            id,
            origin: origin.clone(),
            sender: Sender::main_frame(origin.to_string()).document(format!("connection {}", id.get())),
            slots: AtomicU64::new(0),
        })
    }

    fn on_message(&self, text: &str) -> Vec<Action> {
        self.overheard(true, text);
        let slot = Slot(self.slots.fetch_add(1, Ordering::Relaxed));
        self.shared.pages.on_message(self.id, &self.sender, text, slot)
    }

    fn overheard(&self, by_page: bool, text: &str) {
        self.shared.traffic.note(self.id, &self.origin, by_page, text);
    }

    fn listed(&self) {
        self.shared.list.refresh();
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Nobody is there to read the settled slots.
        let _ = self.shared.pages.on_gone(self.id, GoneReason::Closed);
        self.shared.list.remove(self.id);
    }
}

/// Lets a connection in. The handshake is tungstenite's, which asks before it answers; the frames are not, for at trace
/// level it writes each into the log, and tokens are in them.
async fn greet(stream: TcpStream, shared: &Arc<Shared>) -> Option<(WebSocketStream<TcpStream>, Origin)> {
    let mut admitted = None;
    #[allow(clippy::result_large_err)] // the callback's type is the library's
    let judge = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        match handshake::admit(shared, request) {
            Ok(origin) => {
                admitted = Some(origin);
                Ok(handshake::welcome(response))
            }
            Err(refusal) => {
                tracing::warn!(?refusal, "a connection to the development host was refused");
                Err(refusal.response())
            }
        }
    };
    let accepted = timeout(HANDSHAKE, accept_hdr_async(stream, judge)).await;
    // Nothing was read beyond the request: who sends more before the answer is refused.
    let stream = accepted.ok()?.ok()?.into_inner();
    let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
    Some((ServerBuilder::new().limits(limits).serve(stream), admitted?))
}

fn text(payload: &Payload) -> Message {
    Message::text(payload.expose().to_owned())
}
