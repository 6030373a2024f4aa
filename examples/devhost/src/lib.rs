//! The development host: gives pages in a plain browser the bridge of a running app, over a WebSocket on loopback.
//! A browser page is then what a webview's page is in the shipped app: same client, same messages, same rules.
//!
//! ```no_run
//! # async fn story(session: tokencast::session::AuthSession) -> Result<(), Box<dyn std::error::Error>> {
//! use tokencast::pages::PagePolicy;
//! use tokencast_devhost::DevHost;
//!
//! let policy = PagePolicy::new(["http://127.0.0.1:3000"])?.allow_loopback_http();
//! let host = DevHost::start(&session, policy).await?;
//! println!("open {}", host.page_url("http://127.0.0.1:3000/")?);     // once, within ten minutes
//! # Ok(())
//! # }
//! ```
//!
//! Every program of the machine can reach a loopback port, so a connection is let in only when its `Host` is this
//! host's own address (no DNS rebinding), its `Origin` is one of the policy's, and it brings a key that was minted
//! for this origin, is fresh and was never used. A program of the same user can read the key where the page does:
//! that is why this is for debug builds, and refuses to start in others.

mod connection;
mod handshake;
mod keys;
mod list;
mod traffic;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokencast::error::SessionError;
use tokencast::pages::{Action, Origin, PageHost, PagePolicy, Pages};
use tokencast::random::SystemRandom;
use tokencast::session::AuthSession;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

pub use keys::PageKey;
pub use list::ConnectedPage;
pub use traffic::Passed;

use keys::Keys;
use list::List;
use traffic::Traffic;

/// How long a minted key waits for its page.
pub const KEY_LIFE: Duration = Duration::from_secs(10 * 60);
/// So many pages may be connected, or connecting, at once.
pub const MAX_CONNECTIONS: usize = 64;

/// A running development host. Dropping it closes every connection.
pub struct DevHost {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// Why a development host does not start, or mints no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevHostError {
    /// This is a release build.
    #[error("the development host runs in debug builds only")]
    ReleaseBuild,
    /// No port of the loopback address could be had.
    #[error("the development host cannot listen on loopback: {0}")]
    Listen(#[source] io::Error),
    /// The policy does not fit the session's profile.
    #[error(transparent)]
    Policy(SessionError),
    /// The page's origin is none of the policy's, or it is no web address.
    #[error("the policy has no page of this origin")]
    NotInPolicy,
    /// The system gave no random bytes for a key.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

impl DevHost {
    /// Starts a host for pages of this policy on a free port of 127.0.0.1. To be called in a tokio runtime.
    pub async fn start(session: &AuthSession, policy: PagePolicy) -> Result<Self, DevHostError> {
        if !cfg!(debug_assertions) {
            return Err(DevHostError::ReleaseBuild);
        }
        let pages = session.web_views();
        check(&policy, &pages).map_err(DevHostError::Policy)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(DevHostError::Listen)?;
        let address = listener.local_addr().map_err(DevHostError::Listen)?;
        let shared = Arc::new(Shared {
            address,
            policy,
            keys: Mutex::default(),
            list: List::new(pages.clone()),
            traffic: Traffic::default(),
            pages,
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { shared, accepting })
    }

    /// Where it listens: always loopback.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The WebSocket's address, as pages find it in their fragment.
    pub fn url(&self) -> String {
        format!("ws://{}{}", self.shared.address, handshake::PATH)
    }

    /// Mints a key that lets one page of this origin in, once, within [`KEY_LIFE`].
    pub fn mint_key(&self, origin: &str) -> Result<PageKey, DevHostError> {
        let origin = Origin::parse(origin).map_err(|_| DevHostError::NotInPolicy)?;
        self.mint(origin)
    }

    /// The address to open a page at: `url` with a new key in the fragment, which the page's client takes out at
    /// once. A fragment that `url` has is replaced.
    pub fn page_url(&self, url: &str) -> Result<String, DevHostError> {
        let mut url = Url::parse(url).map_err(|_| DevHostError::NotInPolicy)?;
        let origin = Origin::of(&url.origin()).map_err(|_| DevHostError::NotInPolicy)?;
        let key = self.mint(origin)?;
        let found = serde_json::json!({"url": self.url(), "key": key.expose()}).to_string();
        let found: String = url::form_urlencoded::byte_serialize(found.as_bytes()).collect();
        url.set_fragment(None);
        Ok(format!("{url}#tokencast-dev={found}"))
    }

    /// The connected pages.
    pub fn pages(&self) -> Vec<ConnectedPage> {
        self.shared.list.now()
    }

    /// The connected pages, and every change of them or of the generation they have.
    pub fn watch(&self) -> watch::Receiver<Vec<ConnectedPage>> {
        self.shared.list.watch()
    }

    /// What pages and the app say to each other from now on, by kind, for a drawing of it; never a token. Who listens too
    /// slowly misses some.
    pub fn overhear(&self) -> broadcast::Receiver<Passed> {
        self.shared.traffic.listen()
    }

    fn mint(&self, origin: Origin) -> Result<PageKey, DevHostError> {
        if !self.shared.policy.accepts(&origin) {
            return Err(DevHostError::NotInPolicy);
        }
        let key = PageKey::draw(&SystemRandom::default()).map_err(|_| DevHostError::NoRandomness)?;
        let mut keys = self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.add(key.clone(), origin, tokio::time::Instant::now() + KEY_LIFE);
        Ok(key)
    }
}

impl Drop for DevHost {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for DevHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevHost")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

/// What all connections share.
struct Shared {
    address: SocketAddr,
    policy: PagePolicy,
    keys: Mutex<Keys>,
    list: List,
    traffic: Traffic,
    pages: Pages,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Aborted with this task: no connection outlives its host.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, mostly: it passes, and must not spin meanwhile.
                tracing::warn!(%error, "the development host could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!("the development host has no place for another page");
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            connection::serve(stream, &shared).await;
            drop(place);
        });
    }
}

/// Whether pages of this policy can be attached at all.
fn check(policy: &PagePolicy, pages: &Pages) -> Result<(), SessionError> {
    struct Nobody;
    impl PageHost for Nobody {
        fn perform(&self, _: Vec<Action>) {}
    }
    let page = pages.attach(policy.clone(), Arc::new(Nobody))?;
    let settled = pages.detach(page);
    debug_assert!(settled.is_empty(), "a page that asked nothing has no slots");
    Ok(())
}
