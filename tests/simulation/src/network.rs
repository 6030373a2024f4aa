//! The network: requests and answers under way, each of which can be cut, held up, doubled or damaged.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokencast::transport::{HttpTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use crate::fault::{Fault, FlightStep, Place};
use crate::platform::Platform;
use crate::server::{Presenter, Reply};
use crate::world::{Heard, Life, Shared, World};

/// After so long a client gives up waiting for an answer.
const CLIENT_PATIENCE_MS: u64 = 15_000;

#[derive(Debug, Default)]
pub(crate) struct Network {
    open: BTreeMap<u64, Connection>,
    /// What happens when, in true milliseconds.
    pub(crate) due: BTreeMap<(u64, u64), Happening>,
}

#[derive(Debug)]
struct Connection {
    life: Life,
    /// The refresh token that is presented.
    presents: Option<String>,
    answer: Option<Answer>,
    waker: Option<Waker>,
}

type Answer = (Result<Reply, TransportError>, u64);

#[derive(Debug)]
pub(crate) enum Happening {
    Arrives {
        connection: u64,
        ask: Ask,
        back: Back,
        copy: bool,
    },
    Answers {
        connection: u64,
        answer: Result<Reply, TransportError>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    LogIn,
    LogOut { token: String },
    Refresh { token: String, key: Option<String> },
}

/// What becomes of the answer on its way back.
#[derive(Clone, Debug)]
pub(crate) enum Back {
    After { ms: u64 },
    Fails(TransportError),
    Becomes(Reply),
    Truncated,
}

impl Network {
    pub(crate) fn close_all_of(&mut self, life: Life) {
        self.open.retain(|_, connection| connection.life != life);
    }

    /// The lives that have a refresh on the wire, once for each.
    pub(crate) fn presenting(&self) -> Vec<Life> {
        self.open
            .values()
            .filter(|connection| connection.presents.is_some() && connection.answer.is_none())
            .map(|connection| connection.life)
            .collect()
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.keys().next().map(|(at, _)| *at)
    }
}

impl HttpTransport for Platform {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let mut world = self.world.lock();
        let connection = world.number();
        let ask = read(&request);
        let mut presents = None;
        world.check_may_act(self.life, "sends");
        if let Ask::Refresh { token, key } = &ask {
            presents = Some(token.clone());
            world.check_departure(self.life, token, key.as_deref());
            if let Some(flight) = world.current_flight() {
                flight.step = FlightStep::Sending;
                flight.heard = Heard::Nothing;
            }
        }
        world.note(format_args!("life {} sends {ask:?} as {connection}", self.life.0));
        world.network.open.insert(
            connection,
            Connection {
                life: self.life,
                presents,
                answer: None,
                waker: None,
            },
        );
        world.check_wire();
        let fault = world.take_armed(Place::Network, |_| true);
        depart(&mut world, connection, ask, fault);
        drop(world);
        Box::pin(Waiting {
            world: self.world.clone(),
            connection,
        })
    }
}

fn read(request: &HttpRequest) -> Ask {
    let mut token = String::new();
    for (name, value) in url::form_urlencoded::parse(&request.body) {
        if matches!(&*name, "refresh_token" | "token") {
            token = value.into_owned();
        }
    }
    match request.url.path() {
        "/auth/login" => Ask::LogIn,
        "/auth/logout" => Ask::LogOut { token },
        _ => Ask::Refresh {
            token,
            key: request
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"))
                .map(|(_, value)| value.to_string()),
        },
    }
}

fn depart(world: &mut World, connection: u64, ask: Ask, fault: Option<Fault>) {
    let way = world.chance.between(5, 200);
    let home = Back::After {
        ms: world.chance.between(5, 200),
    };
    let soon = world.chance.between(1, 1_500);
    let fails = |error| Happening::Answers {
        connection,
        answer: Err(error),
    };
    match fault {
        None => schedule_arrival(world, way, connection, ask, home),
        Some(Fault::NotSent) => schedule(world, soon, fails(TransportError::NotSent)),
        Some(Fault::CutBeforeCommit) => schedule(world, soon, fails(TransportError::BeforeHead)),
        Some(Fault::CutAfterCommit) => schedule_arrival(
            world,
            way,
            connection,
            ask,
            Back::Fails(TransportError::BeforeHead),
        ),
        Some(Fault::CutInBody) => schedule_arrival(
            world,
            way,
            connection,
            ask,
            Back::Fails(TransportError::Incomplete),
        ),
        Some(Fault::Truncated) => schedule_arrival(world, way, connection, ask, Back::Truncated),
        Some(Fault::Garbled) => schedule_arrival(world, way, connection, ask, Back::Becomes(html(200))),
        Some(Fault::AnswerDelayed) => {
            let ms = world.chance.between(1_000, 40_000);
            schedule_arrival(world, way, connection, ask, Back::After { ms });
        }
        Some(Fault::RequestDelayed) => {
            // Never beyond the server's late window: that pair is the protocol's known limit.
            let late = world.chance.between(3_000, 60_000);
            let error = Happening::Answers {
                connection,
                answer: Err(TransportError::BeforeHead),
            };
            schedule(world, soon, error);
            schedule_arrival(world, late, connection, ask, home);
        }
        Some(Fault::RequestDuplicated) => {
            schedule_arrival(world, way, connection, ask.clone(), home.clone());
            let late = way + world.chance.between(0, 60_000);
            schedule(
                world,
                late,
                Happening::Arrives {
                    connection,
                    ask,
                    back: home,
                    copy: true,
                },
            );
        }
        Some(Fault::StaleSuperseded) => {
            let answer = Ok(Reply::error(409, "superseded"));
            schedule(world, way, Happening::Answers { connection, answer });
        }
        Some(status) => {
            let reply = troubled(world, status);
            if world.chance.once_in(2) {
                schedule_arrival(world, way, connection, ask, Back::Becomes(reply));
            } else {
                let answer = Ok(reply);
                schedule(world, way, Happening::Answers { connection, answer });
            }
        }
    }
    schedule(world, CLIENT_PATIENCE_MS, fails(TransportError::BeforeHead));
}

fn schedule_arrival(world: &mut World, after: u64, connection: u64, ask: Ask, back: Back) {
    schedule(
        world,
        after,
        Happening::Arrives {
            connection,
            ask,
            back,
            copy: false,
        },
    );
}

fn schedule(world: &mut World, after: u64, happening: Happening) {
    let at = (world.true_ms() + after, world.number());
    world.network.due.insert(at, happening);
}

fn html(status: u16) -> Reply {
    let mut reply = Reply::error(status, "");
    reply.body = "<html>sign in to this network</html>".into();
    reply
}

fn troubled(world: &mut World, fault: Fault) -> Reply {
    let status = match fault {
        Fault::Status408 => 408,
        Fault::Status425 => 425,
        Fault::Status429 => 429,
        Fault::Status500 => 500,
        _ => 503,
    };
    let mut reply = html(status);
    if status == 429 {
        reply.retry_after = Some(world.chance.between(1, 60));
    }
    reply
}

impl World {
    /// Lets the next thing of the network happen, at its own time.
    pub(crate) fn network_goes_on(&mut self) {
        let Some(((at, _), happening)) = self.network.due.pop_first() else {
            return;
        };
        match happening {
            Happening::Arrives {
                connection,
                ask,
                back,
                copy,
            } => {
                let waits = self
                    .network
                    .open
                    .get(&connection)
                    .is_some_and(|open| open.answer.is_none());
                let stray = copy || !waits;
                let reply = self.serve(connection, &ask, stray, at);
                if copy {
                    return;
                }
                match back {
                    Back::After { ms } => {
                        let answer = Ok(reply);
                        let when = (at + ms, self.number());
                        self.network
                            .due
                            .insert(when, Happening::Answers { connection, answer });
                    }
                    Back::Fails(error) => self.answer(connection, Err(error), at),
                    Back::Becomes(other) => self.answer(connection, Ok(other), at),
                    Back::Truncated => {
                        let mut cut = reply;
                        cut.body.truncate(cut.body.len() * 2 / 3);
                        cut.carries = None;
                        self.answer(connection, Ok(cut), at);
                    }
                }
            }
            Happening::Answers { connection, answer } => self.answer(connection, answer, at),
        }
    }

    fn serve(&mut self, connection: u64, ask: &Ask, stray: bool, at: u64) -> Reply {
        let reply = match ask {
            Ask::LogIn => self.server.log_in(),
            Ask::LogOut { token } => {
                self.check_revocation(token);
                self.server.log_out(token)
            }
            Ask::Refresh { token, key } => {
                let who = if stray {
                    Presenter::Network
                } else {
                    Presenter::Client
                };
                self.server.refresh(token, key.as_deref(), who, at)
            }
        };
        self.note(format_args!(
            "server answers {connection} (stray {stray}) {} {:?}",
            reply.status, reply.carries
        ));
        if let Some(complaint) = reply.complaint {
            self.violate(format_args!("{complaint}"));
        }
        reply
    }

    /// A live session's family is revoked only on the user's wish.
    fn check_revocation(&mut self, token: &str) {
        let stands = self.store.stands.as_ref().filter(|stands| stands.is_session());
        let stored = stands.and_then(|stands| stands.refresh_token());
        let current = stored.is_some_and(|stored| self.server.same_family(stored, token));
        let owned = self.server.family(token).is_some_and(|family| family.owned);
        if current && owned && self.leaving == 0 {
            self.violate(format_args!("the stored session's own family was revoked"));
        }
    }

    fn answer(&mut self, connection: u64, answer: Result<Reply, TransportError>, at: u64) {
        let Some(open) = self.network.open.get_mut(&connection) else {
            return;
        };
        if open.answer.is_some() {
            return;
        }
        let life = open.life;
        let waker = open.waker.take();
        let heard = heard(&answer);
        let presented = open.presents.clone();
        if let Some(token) = presented.clone().filter(|_| heard == Heard::Tokens) {
            self.observed.got_successor(life, token);
        }
        if let Ok(Reply {
            carries: Some(token), ..
        }) = &answer
            && let Some(exchange) = self.server.exchange_mut(token)
        {
            exchange.arrived = true;
            exchange.interrupted = false;
        }
        if presented.is_some() {
            self.expect_of_answer(life, &answer);
        }
        if presented.is_some()
            && let Some(flight) = self.flights.get_mut(&life)
        {
            flight.heard = heard;
        }
        if let Some(open) = self.network.open.get_mut(&connection) {
            open.answer = Some((answer, at));
        }
        self.note(format_args!("{connection} is answered: {heard:?}"));
        self.to_wake.extend(waker);
    }
}

fn heard(answer: &Result<Reply, TransportError>) -> Heard {
    match answer {
        Ok(reply) if reply.carries.is_some() => Heard::Tokens,
        Ok(reply) if reply.status == 401 => Heard::Dead,
        Ok(reply) if reply.status == 409 => Heard::Superseded,
        Err(TransportError::NotSent) => Heard::NotSent,
        _ => Heard::Else,
    }
}

struct Waiting {
    world: Shared,
    connection: u64,
}

impl Future for Waiting {
    type Output = Result<HttpResponse, TransportError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut world = self.world.lock();
        let Some(open) = world.network.open.get_mut(&self.connection) else {
            return Poll::Ready(Err(TransportError::BeforeHead));
        };
        match open.answer.take() {
            Some((answer, at)) => {
                world.network.open.remove(&self.connection);
                Poll::Ready(answer.map(|reply| response(reply, at)))
            }
            None => {
                let old = open.waker.replace(context.waker().clone());
                drop(world);
                drop(old);
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let closed = self.world.lock().network.open.remove(&self.connection);
        drop(closed);
    }
}

fn response(reply: Reply, at: u64) -> HttpResponse {
    let server_time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + at);
    let mut headers = vec![("date".to_owned(), httpdate::fmt_http_date(server_time))];
    headers.extend(
        reply
            .retry_after
            .map(|seconds| ("retry-after".to_owned(), seconds.to_string())),
    );
    HttpResponse {
        status: reply.status,
        headers,
        body: Zeroizing::new(reply.body.into_bytes()),
    }
}
