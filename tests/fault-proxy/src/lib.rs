//! A bad network for tests: an HTTP/1.1 proxy in front of one server that does to the next requests what a network
//! can do to them, and writes down what the server said and what of it the client got.
//!
//! Each request travels on a connection of its own (`Connection: close` towards the server, whose answer says so to
//! the client too), so that a cut cuts one request and nothing else.

mod message;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod wire;

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use message::Request;
use upstream::Upstream;

/// What the network does to one request or to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client's connection ends; the server never sees the request.
    CutBeforeRequest,
    /// The server answers; the client's connection ends before the first byte of it.
    CutAfterAnswer,
    /// The head and half of the body arrive, then the connection ends.
    CutInBody,
    /// The request reaches the server this much later.
    DelayRequest(Duration),
    /// The answer reaches the client this much later.
    DelayAnswer(Duration),
    /// The request waits for [`FaultProxy::release`] before it goes to the server.
    HoldRequest,
    /// The answer waits for [`FaultProxy::release`].
    HoldAnswer,
    /// Half of the body arrives, under a head that calls it the whole.
    Truncate,
    /// The request reaches the server twice, one after the other; the first answer arrives.
    Duplicate,
    /// The whole answer arrives, with bytes of its body changed.
    Garble,
    /// The client's connection ends; the request reaches the server when the test says so, by
    /// [`FaultProxy::deliver_postponed`].
    Postpone,
}

/// How much of an answer reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Not one byte.
    Nothing,
    /// Some of it, or other bytes than the server sent.
    Spoilt,
    /// All of it.
    Whole,
}

/// One request in the log. It holds no body, query or header: those may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The path.
    pub path: String,
    /// What the network did.
    pub fault: Option<Fault>,
    /// The status of the server's answer, if it answered.
    pub server_said: Option<u16>,
    /// What the client got of it.
    pub delivered: Delivered,
    /// The request reached the server, and the server ended the connection without an answer.
    pub unanswered: bool,
    /// The same for requests that present the same: a hash under a seed of this proxy's own, which says nothing else.
    pub presented: u64,
}

impl Exchange {
    /// Whether the server did what was asked (2xx).
    pub fn succeeded(&self) -> bool {
        self.server_said
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the server did what was asked, or may have, and the client does not know.
    pub fn lost_a_success(&self) -> bool {
        self.unanswered || (self.succeeded() && self.delivered != Delivered::Whole)
    }
}

/// The proxy. Dropped, it cuts every connection and stops.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy to the http server at `target` (`127.0.0.1:80` or `http://127.0.0.1:80`) on this tokio
    /// runtime.
    pub async fn start(target: &str) -> io::Result<Self> {
        let target = target.strip_prefix("http://").unwrap_or(target);
        let target = target.parse().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the target is no address with a port",
            )
        })?;
        Self::before(Upstream::at(target, None)).await
    }

    /// As [`start`](Self::start), for a server that is known by a name and wants to read it in `Host`: `localhost:8000`.
    pub async fn start_for(host: &str) -> io::Result<Self> {
        let address = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        Self::first_of(&address, |target| Ok(Upstream::at(target, Some(host.to_owned())))).await
    }

    /// The same for a server that speaks https: `api.example.com` or `localhost:8443`.
    #[cfg(feature = "tls")]
    pub async fn start_for_https(host: &str) -> io::Result<Self> {
        let (name, address) = match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((name, _)) => (name, host.to_owned()),
            None => (host, format!("{host}:443")),
        };
        Self::first_of(&address, |target| {
            Ok(Upstream::at(target, Some(host.to_owned())).over(tls::Tls::to(name)?))
        })
        .await
    }

    /// Before the first of a name's addresses at which a server can be reached.
    async fn first_of(
        address: &str,
        upstream: impl Fn(SocketAddr) -> io::Result<Upstream>,
    ) -> io::Result<Self> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for target in tokio::net::lookup_host(address).await? {
            let upstream = upstream(target)?;
            match upstream.try_connect().await {
                Ok(()) => return Self::before(upstream).await,
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn before(upstream: Upstream) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            seed: RandomState::new(),
            at_once: Mutex::default(),
            queue: Mutex::default(),
            log: Mutex::default(),
            postponed: Mutex::default(),
            held: watch::Sender::new(0),
            releases: watch::Sender::new(Release::default()),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request to `path` meets this fault; the one after it the fault that was asked for next.
    pub fn next(&self, path: &str, fault: Fault) {
        lock(&self.shared.queue).push_back((path.to_owned(), fault));
    }

    /// The faults that met no request yet are not wanted any more.
    pub fn forget(&self) {
        lock(&self.shared.queue).clear();
    }

    /// What passed so far, in the order in which it ended.
    pub fn log(&self) -> Vec<Exchange> {
        lock(&self.shared.log).clone()
    }

    /// What passed after the first `count` exchanges of the log.
    pub fn log_after(&self, count: usize) -> Vec<Exchange> {
        lock(&self.shared.log)[count..].to_vec()
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        lock(&self.shared.at_once).now == 0
    }

    /// Returns when at least `count` requests or answers are held at once.
    pub async fn wait_until_held(&self, count: u64) {
        // The sender lives as long as `self`: no error to see.
        let _ = self.shared.held.subscribe().wait_for(|held| *held >= count).await;
    }

    /// Lets all go that is held now.
    pub fn release(&self) {
        self.shared.releases.send_modify(|release| {
            release.count += 1;
            release.cut = false;
        });
    }

    /// Ends the connections of the answers that are held now: not one byte of them arrives.
    pub fn cut_held(&self) {
        self.shared.releases.send_modify(|release| {
            release.count += 1;
            release.cut = true;
        });
    }

    /// The most requests that were under way at one time, repetitions by the network not counted.
    pub fn most_at_once(&self) -> u64 {
        lock(&self.shared.at_once).most
    }

    /// Delivers the postponed requests to the server, in their order; the statuses that they met.
    pub async fn deliver_postponed(&self) -> io::Result<Vec<u16>> {
        let postponed = std::mem::take(&mut *lock(&self.shared.postponed));
        let mut statuses = Vec::new();
        for request in postponed {
            let fault = Some(Fault::Postpone);
            match self.shared.upstream.ask(&request).await {
                Ok(answer) => {
                    self.shared
                        .note(&request, fault, Some(answer.status), Delivered::Nothing);
                    statuses.push(answer.status);
                }
                Err(unanswered) => {
                    self.shared.note_unanswered(&request, fault, unanswered.sent);
                    return Err(unanswered.error);
                }
            }
        }
        Ok(statuses)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What the last release said.
#[derive(Clone, Copy, Debug, Default)]
struct Release {
    count: u64,
    cut: bool,
}

#[derive(Debug, Default)]
struct AtOnce {
    now: u64,
    most: u64,
}

/// One request under way.
struct UnderWay<'a>(&'a Shared);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(&self.0.at_once).now -= 1;
    }
}

struct Shared {
    upstream: Upstream,
    seed: RandomState,
    at_once: Mutex<AtOnce>,
    queue: Mutex<VecDeque<(String, Fault)>>,
    log: Mutex<Vec<Exchange>>,
    postponed: Mutex<Vec<Request>>,
    held: watch::Sender<u64>,
    releases: watch::Sender<Release>,
}

impl Shared {
    fn fault_for(&self, path: &str) -> Option<Fault> {
        let mut queue = lock(&self.queue);
        let at = queue.iter().position(|(wanted, _)| wanted == path)?;
        queue.remove(at).map(|(_, fault)| fault)
    }

    /// Where it stands in the log.
    fn note(
        &self,
        request: &Request,
        fault: Option<Fault>,
        server_said: Option<u16>,
        delivered: Delivered,
    ) -> usize {
        let mut log = lock(&self.log);
        log.push(Exchange {
            path: request.path.clone(),
            fault,
            server_said,
            delivered,
            unanswered: false,
            presented: self.seed.hash_one(&request.presented),
        });
        log.len() - 1
    }

    fn note_unanswered(&self, request: &Request, fault: Option<Fault>, sent: bool) -> usize {
        let noted = self.note(request, fault, None, Delivered::Nothing);
        lock(&self.log)[noted].unanswered = sent;
        noted
    }

    fn did_not_arrive(&self, noted: usize) {
        lock(&self.log)[noted].delivered = Delivered::Nothing;
    }

    fn under_way(&self) -> UnderWay<'_> {
        let mut at_once = lock(&self.at_once);
        at_once.now += 1;
        at_once.most = at_once.most.max(at_once.now);
        UnderWay(self)
    }

    /// Waits for a release; whether it lets go what was held.
    async fn hold(&self) -> bool {
        let mut releases = self.releases.subscribe();
        self.held.send_modify(|held| *held += 1);
        // An error: the proxy is gone, and with it whoever could release.
        let _ = releases.changed().await;
        let cut = releases.borrow().cut;
        self.held.send_modify(|held| *held -= 1);
        !cut
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborted with this task: a dropped proxy leaves no connection behind.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            // A client or server that leaves ends this connection; the log says how far it came.
            let _ = wire::serve(stream, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
