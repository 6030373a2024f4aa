//! The soak: sessions one after the other, each in rounds. A round lets the token expire, plans what the network does,
//! lets all callers ask at one time, and waits until they have a token or the session is over.

use std::time::{Duration, Instant};

use tokencast::profile::Renew;
use tokencast::time::Clock as _;
use tokencast::token::TokenSet;
use tokencast::{AccessToken, Generation, ServerProfile, SessionError, SessionState};
use tokencast_fault_proxy::{Exchange, Fault, FaultProxy};
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::client::{Device, wait_after};
use crate::clock::QuickClock;
use crate::endpoints::{Target, through};
use crate::listening::Listening;
use crate::mint::Mint;
use crate::report::{Loss, Report, Unlisted};
use crate::verdict::{Doing, doing};

/// What to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The server.
    pub profile: ServerProfile,
    /// Prints a token set for each fresh session.
    pub mint: Mint,
    /// So many exchanges at the server.
    pub exchanges: u64,
    /// So many calls at one time.
    pub callers: usize,
    /// Decides all faults.
    pub seed: u64,
    /// Where the client keeps its session.
    pub storage: Storage,
    /// Ends the soak in any case.
    pub most: Option<Duration>,
    /// Real time between two rounds, for a server whose tokens of one second are alike.
    pub pause: Duration,
}

/// Where the client keeps its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory that outlives the client's process.
    #[default]
    Memory,
    /// In a sealed file.
    File,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoakError {
    /// The profile cannot be used.
    #[error("the profile cannot be used: {0}")]
    Profile(String),
    /// The network cannot be played in front of https.
    #[error("the faults are played on plain http: name the server's http port in `refresh.url`, on loopback")]
    Https,
    /// The command for fresh sessions.
    #[error("the command of --mint gave no session: {0}")]
    Mint(String),
    /// Nothing listens there.
    #[error("no server answers at {host}: {error}; start it, and compare `refresh.url`")]
    Unreachable {
        /// Where.
        host: String,
        /// What the system said.
        error: String,
    },
    /// The client itself.
    #[error("the client could not be set up: {0}")]
    Client(String),
    /// Not even the first exchange, without any fault, went well.
    #[error("the first exchange, without any fault, was refused: {what}; {fix}")]
    FirstExchange {
        /// What the server and the client said.
        what: String,
        /// Which field of the profile to look at.
        fix: String,
    },
}

/// Waiting passes so many times quicker for the client; deadlines of seconds stay longer than a call to a slow disk.
const SPEED: u32 = 20;
/// A session that brings no token in so many tries without faults is lost.
const MOST_TRIES: u32 = 12;
/// A token that served for so long was a good one.
const SERVED_FOR: Duration = Duration::from_secs(11);
/// So long a server may ask to be left alone in one round, all in all.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often the command for a fresh session is run when it fails after others went well: servers limit sign-ins.
const MOST_MINTS: u32 = 6;
const SHORT: Duration = Duration::from_millis(15);

/// Drives the core until the server has carried out the exchanges that were asked for. `tell` gets a line now and then.
pub async fn soak(order: &Order, tell: impl Fn(&str)) -> Result<Report, SoakError> {
    let target = Target::of(&order.profile)?;
    let proxy = FaultProxy::start_for(&target.host)
        .await
        .map_err(|error| SoakError::Unreachable {
            host: target.host.clone(),
            error: error.to_string(),
        })?;
    let when_expired = order.profile.renew() == Renew::WhenExpired;
    let mut soak = Soak {
        order,
        profile: through(&order.profile, &proxy.url())?,
        transport: Listening::new(&order.profile),
        clock: QuickClock::new(if when_expired { 1 } else { SPEED }),
        when_expired,
        path: target.path,
        proxy,
        chance: Chance::new(order.seed),
        report: Report::default(),
        began: Instant::now(),
        told: Instant::now(),
        seen: 0,
        rounds: 0,
    };
    if when_expired {
        tell("the server renews expired tokens only: each round waits for the end of a token's life");
    }
    loop {
        soak.one_session(&tell).await?;
        if soak.is_over() {
            return Ok(soak.conclude());
        }
    }
}

struct Soak<'a> {
    order: &'a Order,
    /// Through the proxy.
    profile: ServerProfile,
    transport: Listening,
    clock: QuickClock,
    when_expired: bool,
    path: String,
    proxy: FaultProxy,
    chance: Chance,
    report: Report,
    began: Instant,
    told: Instant,
    /// So much of the network's log is counted.
    seen: usize,
    rounds: u64,
}

/// What the network, or death, does in one round.
#[derive(Default)]
struct Plan {
    network: Vec<Fault>,
    /// The process dies while the answer to its request is on the way.
    dies_waiting: bool,
    /// The process dies between two rounds.
    dies_idle: bool,
}

impl Soak<'_> {
    fn is_over(&self) -> bool {
        self.is_late() || self.report.exchanges >= self.order.exchanges
    }

    fn is_late(&self) -> bool {
        self.order.most.is_some_and(|most| self.began.elapsed() >= most)
    }

    /// A fresh session's tokens. A command that served before and fails is asked again after a while.
    async fn minted(&self, tell: &impl Fn(&str)) -> Result<TokenSet, SoakError> {
        let mut pause = Duration::from_secs(1);
        let mut left = if self.report.sessions == 0 { 1 } else { MOST_MINTS };
        loop {
            left -= 1;
            match self.order.mint.tokens(self.order.profile.presents()).await {
                Err(error) if left > 0 => {
                    tell(&format!("{error}; again in {} s", pause.as_secs()));
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                minted => return minted,
            }
        }
    }

    async fn one_session(&mut self, tell: &impl Fn(&str)) -> Result<(), SoakError> {
        let tokens = self.minted(tell).await?;
        let mut device = Device::new(
            &self.profile,
            self.order.storage,
            self.clock.clone(),
            self.transport.clone(),
        )?;
        device.adopt(tokens).await?;
        self.report.sessions += 1;
        let before = self.seen;
        loop {
            let plan = if self.rounds == 0 {
                Plan::default()
            } else {
                self.plan()
            };
            let lost = self.round(&mut device, plan).await?;
            self.count();
            let first = self.rounds == 0;
            self.rounds += 1;
            if let Some(told) = lost {
                if first {
                    return Err(self.refused(&told));
                }
                self.end(&device, &self.proxy.log_after(before), told);
                return Ok(());
            }
            if self.told.elapsed() >= Duration::from_secs(5) {
                self.told = Instant::now();
                tell(&format!(
                    "{} of {} exchanges, {} faults, {} sessions, lost by the client {}, by the server {}",
                    self.report.exchanges,
                    self.order.exchanges,
                    self.report.faults,
                    self.report.sessions,
                    self.report.lost_by_client,
                    self.report.lost_by_server
                ));
            }
            // A session that was begun has one round at least, however late it is.
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// One round; what the app was told when the session is lost.
    async fn round(&mut self, device: &mut Device, plan: Plan) -> Result<Option<String>, SoakError> {
        // What the network kept back in earlier rounds arrives now, before this round's request. A server with a window
        // for late requests counts real time: there it arrives in time.
        let has_window = self.when_expired || !self.order.profile.reuse_leeway().is_zero();
        if has_window || self.chance.once_in(2) {
            let _ = self.proxy.deliver_postponed().await; // a server that is gone is found by the callers
        }
        if !self.order.pause.is_zero() {
            tokio::time::sleep(self.order.pause).await;
        }
        let refused = self.let_it_expire(device).await;
        self.proxy.forget();
        if plan.dies_idle {
            self.report.struck("Death");
            device.kill_and_start()?;
        }
        for fault in &plan.network {
            self.proxy.next(&self.path, *fault);
        }
        let mut callers = match refused {
            Some(generation) => device.callers_and_rejecters(self.order.callers, generation),
            None => device.callers(self.order.callers),
        };
        if plan.dies_waiting {
            let held = self.proxy.wait_until_held(1);
            if tokio::time::timeout(Duration::from_secs(5), held).await.is_ok() {
                self.report.struck("DeathWaiting");
                device.kill_and_start()?;
                self.proxy.cut_held();
                // What waits for a process that is dead.
                self.report.unserved += callers.len() as u64;
                callers.abort_all();
                // The dead process's request is not one of the next process's.
                while !self.proxy.is_idle() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        let mut outcome = self.gather(callers).await;
        let (mut tries, mut paused) = (0, Duration::ZERO);
        while tries < MOST_TRIES && paused < LONGEST_PAUSE && !self.is_late() {
            match outcome {
                Ok(token) => return Ok(self.serves_no_dead_token(device, &token)),
                Err(Some(SessionError::SignInRequired { reason })) => {
                    return Ok(Some(reason.code().to_owned()));
                }
                Err(error) => {
                    self.proxy.forget();
                    let wait = error.as_ref().map_or(Duration::from_secs(1), wait_after);
                    if let Some(pause) = self.transport.take_pause() {
                        // A server that limits how often one may ask counts real seconds.
                        paused += pause;
                        tokio::time::sleep(pause).await;
                    } else {
                        tries += 1;
                    }
                    if self.when_expired {
                        tokio::time::sleep(wait.min(Duration::from_secs(5))).await;
                    }
                    self.clock.advance(wait);
                    outcome = self.gather(device.callers(1)).await;
                }
            }
        }
        Ok(match outcome {
            Ok(token) => self.serves_no_dead_token(device, &token),
            Err(Some(SessionError::SignInRequired { reason })) => Some(reason.code().to_owned()),
            // Nothing is known of a session whose time was cut short.
            Err(_) if self.is_late() => None,
            Err(Some(error)) => Some(format!("no token in {MOST_TRIES} tries without a fault: {error}")),
            Err(None) => Some("no token, and no answer".into()),
        })
    }

    /// The best that any caller got.
    async fn gather(
        &mut self,
        mut callers: JoinSet<Result<AccessToken, SessionError>>,
    ) -> Result<AccessToken, Option<SessionError>> {
        let mut best = Err(None);
        while let Some(done) = callers.join_next().await {
            match done {
                Ok(Ok(token)) => {
                    self.report.served += 1;
                    best = Ok(token);
                }
                Ok(Err(error)) => {
                    self.report.unserved += 1;
                    if best.is_err() {
                        best = Err(Some(error));
                    }
                }
                Err(_) => {}
            }
        }
        best
    }

    /// A token that callers get has life left; and the session it is of is not over.
    fn serves_no_dead_token(&mut self, device: &Device, token: &AccessToken) -> Option<String> {
        match device.session().state() {
            SessionState::SignInRequired { reason, .. } => Some(reason.code().to_owned()),
            _ => {
                if token.life().is_zero() {
                    let what = "a token that was dead on arrival was served".to_owned();
                    self.report.violations.push(what);
                }
                None
            }
        }
    }

    /// Takes the token's life away; now and then a resource refuses it instead: which one, then.
    async fn let_it_expire(&mut self, device: &Device) -> Option<Generation> {
        let token = device.session().current_token()?;
        let left = token.remaining(self.clock.boot()) + Duration::from_secs(1);
        if self.when_expired {
            tokio::time::sleep(left).await;
            return None;
        }
        if self.chance.once_in(4) && left > SERVED_FOR * 2 {
            // Refused straight after it came, it would be the server's trouble, and the client would wait.
            self.clock.advance(SERVED_FOR);
            return Some(token.generation());
        }
        self.clock.advance(left);
        None
    }

    fn plan(&mut self) -> Plan {
        let mut plan = Plan::default();
        match self.chance.below(24) {
            0 => plan.dies_idle = true,
            1 => {
                plan.dies_waiting = true;
                plan.network.push(Fault::HoldAnswer);
            }
            2..=7 => {
                for _ in 0..=self.chance.below(3) {
                    plan.network.push(self.fault());
                }
            }
            _ => {}
        }
        plan
    }

    fn fault(&mut self) -> Fault {
        match self.chance.below(10) {
            0 | 1 => Fault::CutBeforeRequest,
            2 => Fault::CutAfterAnswer,
            3 => Fault::CutInBody,
            4 => Fault::Truncate,
            5 => Fault::Garble,
            6 => Fault::Duplicate,
            7 => Fault::Postpone,
            8 => Fault::DelayRequest(SHORT),
            _ => Fault::DelayAnswer(SHORT),
        }
    }

    /// Counts what the network's log holds that was not counted yet.
    fn count(&mut self) {
        let log = self.proxy.log_after(self.seen);
        self.seen += log.len();
        for exchange in log.iter().filter(|exchange| exchange.path == self.path) {
            if exchange.succeeded() {
                self.report.exchanges += 1;
            }
            if let Some(fault) = exchange.fault.filter(|fault| *fault != Fault::HoldAnswer) {
                self.report.struck(kind(fault));
            }
        }
    }

    fn end(&mut self, device: &Device, log: &[Exchange], told: String) {
        if device.session().current_token().is_some() {
            let what = format!("session {} serves a token after its end", self.report.sessions);
            self.report.violations.push(what);
        }
        let end = told.split(':').next().unwrap_or(&told).to_owned();
        *self.report.ends.entry(end).or_default() += 1;
        let (doing, because) = doing(&self.order.profile, log, &told);
        self.report.lost(Loss {
            by: match doing {
                Doing::Client => "client",
                Doing::Server => "server",
            },
            session: self.report.sessions,
            told,
            because,
        });
    }

    fn refused(&self, told: &str) -> SoakError {
        let heard = self.transport.heard();
        let said = heard
            .keys()
            .map(|answer| format!("{} {}", answer.status, answer.code));
        let said: Vec<_> = said.collect();
        let what = if said.is_empty() {
            format!("the client says \"{told}\"")
        } else {
            format!("the server said {}, the client \"{told}\"", said.join(", "))
        };
        let fix = if said.is_empty() {
            "compare `answer.access_token` and `answer.refresh_token` with what the server answers"
        } else {
            "compare `refresh` (url, method, encoding, tokens, fields, headers, client) with the server's documents, and what --mint \
             prints; a server that refuses to renew a token that still lives needs `\"renew\": \"when_expired\"`"
        };
        SoakError::FirstExchange {
            what,
            fix: fix.into(),
        }
    }

    fn conclude(mut self) -> Report {
        if self.proxy.most_at_once() > 1 {
            let what = format!(
                "{} requests of one session at one time",
                self.proxy.most_at_once()
            );
            self.report.violations.push(what);
        }
        self.report.answers = self
            .transport
            .heard()
            .into_iter()
            .map(|(answer, times)| Unlisted {
                status: answer.status,
                code: answer.code,
                times,
                listed: answer.listed,
            })
            .collect();
        self.report.seconds = self.began.elapsed().as_secs_f64();
        self.report.exchanges_per_second = self.report.exchanges as f64 / self.report.seconds.max(0.001);
        self.report
    }
}

fn kind(fault: Fault) -> &'static str {
    match fault {
        Fault::CutBeforeRequest => "CutBeforeRequest",
        Fault::CutAfterAnswer => "CutAfterAnswer",
        Fault::CutInBody => "CutInBody",
        Fault::DelayRequest(_) => "DelayRequest",
        Fault::DelayAnswer(_) => "DelayAnswer",
        Fault::HoldRequest => "HoldRequest",
        Fault::HoldAnswer => "HoldAnswer",
        Fault::Truncate => "Truncate",
        Fault::Duplicate => "Duplicate",
        Fault::Garble => "Garble",
        Fault::Postpone => "Postpone",
    }
}
