//! The soak: sessions one after the other, each in rounds. A round lets the token expire, plans what the network does,
//! lets all callers ask at one time, and waits until they have a token or the session is over.

use std::time::{Duration, Instant};

use tokencast::profile::Renew;
use tokencast::time::Clock as _;
use tokencast::{AccessToken, Generation, ServerProfile, SessionError, SessionState};
use tokencast_fault_proxy::{Exchange, Fault, FaultProxy};
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::client::{Device, wait_after};
use crate::clock::QuickClock;
use crate::endpoints::{Target, through};
use crate::listening::Listening;
use crate::mint::Minted;
use crate::order::{Order, SoakError};
use crate::plan::{Plan, kind};
use crate::report::{Loss, Report, Unlisted};
use crate::verdict::{Doing, doing, forgives};

/// Waiting passes so many times quicker for the client; deadlines of seconds stay longer than a call to a slow disk.
const SPEED: u32 = 20;
/// A session that brings no token in so many tries without faults is lost.
const MOST_TRIES: u32 = 12;
/// A token that served for so long was a good one.
const SERVED_FOR: Duration = Duration::from_secs(11);
/// So many tries more, a real second apart, when nothing explains that: a fresh token may be good a moment later only.
const PATIENT_TRIES: u32 = 10;
/// So long a server may ask to be left alone in one round, all in all.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often the command for a fresh session is run when it fails: at first, and after others went well. Servers limit
/// sign-ins.
const FIRST_MINTS: u32 = 2;
const MOST_MINTS: u32 = 6;

/// Drives the core until the server has carried out the exchanges that were asked for. `tell` gets a line now and then.
pub async fn soak(order: &Order, tell: impl Fn(&str)) -> Result<Report, SoakError> {
    let target = Target::of(&order.profile)?;
    let proxy = target.behind_faults().await?;
    let when_expired = order.profile.renew() == Renew::WhenExpired;
    let mut soak = Soak {
        order,
        profile: through(&order.profile, &proxy.url())?,
        transport: Listening::new(&order.profile),
        clock: QuickClock::new(
            if when_expired { 1 } else { SPEED },
            order.profile.answer().expires_unit,
        ),
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
    if when_expired && order.server_clock.is_none() {
        tell("the server renews expired tokens only: each round waits for the end of a token's life");
    }
    loop {
        match soak.one_session(&tell).await {
            // What was found until now is not thrown away.
            Err(error @ SoakError::Mint(_)) if soak.rounds > 0 => {
                soak.report.ended_early = Some(error.to_string());
                return Ok(soak.conclude());
            }
            ended => ended?,
        }
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

impl Soak<'_> {
    fn is_over(&self) -> bool {
        self.is_late() || self.report.exchanges >= self.order.exchanges
    }

    fn is_late(&self) -> bool {
        let late = self.order.most.is_some_and(|most| self.began.elapsed() >= most);
        late || self.order.stop.is_pulled()
    }

    /// Real time, unless the soak is to end.
    async fn sleep(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.is_late() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_millis(100))).await;
        }
    }

    /// A fresh session's tokens. A command that fails is asked again after a while.
    async fn minted(&self, tell: &impl Fn(&str)) -> Result<Minted, SoakError> {
        let mut pause = Duration::from_secs(1);
        let mut left = if self.report.sessions == 0 {
            FIRST_MINTS
        } else {
            MOST_MINTS
        };
        loop {
            left -= 1;
            match self.order.mint.run().await {
                Err(error) if left > 0 && !self.is_late() => {
                    tell(&format!("{error}; again in {} s", pause.as_secs()));
                    self.sleep(pause).await;
                    pause *= 2;
                }
                minted => return minted,
            }
        }
    }

    async fn one_session(&mut self, tell: &impl Fn(&str)) -> Result<(), SoakError> {
        let minted = self.minted(tell).await?;
        let mut device = Device::new(
            &self.profile,
            self.order.storage,
            self.clock.clone(),
            self.transport.clone(),
        )?;
        self.transport.begins_with(minted.credential(&self.order.profile));
        device
            .adopt(minted.into_tokens(self.order.profile.presents())?)
            .await?;
        self.report.sessions += 1;
        let before = self.seen;
        loop {
            let plan = if self.rounds == 0 {
                Plan::default()
            } else {
                Plan::draw(&mut self.chance, forgives(&self.order.profile))
            };
            let lost = self.round(&mut device, plan, before).await?;
            self.count();
            let first = self.rounds == 0;
            self.rounds += 1;
            if let Some(told) = lost {
                if first {
                    return Err(self.refused(&told));
                }
                let log = self.proxy.log_after(before);
                self.end(&device, &log, told).await;
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
    async fn round(
        &mut self,
        device: &mut Device,
        plan: Plan,
        before: usize,
    ) -> Result<Option<String>, SoakError> {
        // What the network kept back in earlier rounds arrives now, before this round's request. A server with a window
        // for late requests counts real time: there it arrives in time.
        let has_window = self.when_expired || !self.order.profile.reuse_leeway().is_zero();
        if has_window || self.chance.once_in(2) {
            let _ = self.proxy.deliver_postponed().await; // a server that is gone is found by the callers
        }
        self.sleep(self.order.pause).await;
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
        loop {
            let error = match outcome {
                Ok(token) => return Ok(self.serves_no_dead_token(device, &token)),
                Err(Some(SessionError::SignInRequired { reason })) => {
                    return Ok(Some(reason.code().to_owned()));
                }
                Err(error) => error,
            };
            // Nothing is known of a session whose time was cut short.
            if self.is_late() && self.rounds > 0 {
                return Ok(None);
            }
            let wants_a_developer = matches!(error, Some(SessionError::Misconfigured { .. }));
            if self.has_tried_enough(tries, paused, wants_a_developer, before) {
                return Ok(Some(match error {
                    Some(error) if tries == 0 => error.to_string(),
                    Some(error) => format!("no token in {tries} tries without a fault: {error}"),
                    None => "no token, and no answer".into(),
                }));
            }
            self.proxy.forget();
            let wait = error.as_ref().map_or(Duration::from_secs(1), wait_after);
            if let Some(pause) = self.transport.take_pause() {
                // A server that limits how often one may ask counts real seconds.
                paused += pause;
                self.sleep(pause).await;
            } else {
                tries += 1;
                if tries > MOST_TRIES {
                    self.sleep(Duration::from_secs(1)).await;
                }
            }
            match &self.order.server_clock {
                Some(server) => server.advance(wait),
                None if self.when_expired => self.sleep(wait.min(Duration::from_secs(5))).await,
                None => {}
            }
            self.clock.advance(wait);
            outcome = self.gather(device.callers(1)).await;
        }
    }

    fn has_tried_enough(&self, tries: u32, paused: Duration, wants_a_developer: bool, before: usize) -> bool {
        if self.rounds == 0 && wants_a_developer {
            return true;
        }
        if paused >= LONGEST_PAUSE || tries >= MOST_TRIES + PATIENT_TRIES {
            return true;
        }
        let explained = || {
            let log = self.proxy.log_after(before);
            self.rounds == 0 || doing(&self.order.profile, &log, "").0 != Doing::Unexplained
        };
        tries >= MOST_TRIES && explained()
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
            match &self.order.server_clock {
                Some(server) => {
                    server.advance(left);
                    self.clock.advance(left);
                }
                None => self.sleep(left).await,
            }
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

    async fn end(&mut self, device: &Device, log: &[Exchange], told: String) {
        if device.session().current_token().is_some() {
            let what = format!("session {} serves a token after its end", self.report.sessions);
            self.report.violations.push(what);
        }
        let end = told.split(':').next().unwrap_or(&told).to_owned();
        *self.report.ends.entry(end).or_default() += 1;
        let (mut doing, mut because) = doing(&self.order.profile, log, &told);
        if doing == Doing::Unexplained {
            (doing, because) = self.explained(because).await;
        }
        self.report.lost(Loss {
            by: match doing {
                Doing::Server => "server",
                Doing::Client | Doing::Unexplained => "client",
            },
            session: self.report.sessions,
            told,
            because,
        });
    }

    /// No answer was lost. If the client presented the newest token and nothing else, and the server goes on refusing just
    /// that, then the server ended the session; if it takes it, the client gave up a session that lives.
    async fn explained(&self, because: String) -> (Doing, String) {
        let Some(request) = self.transport.presented_the_newest_only() else {
            return (Doing::Client, because);
        };
        self.proxy.forget();
        if self.transport.is_accepted(request).await {
            (Doing::Client, format!("{because}, and the session lives"))
        } else {
            let what = "the server refuses the newest token that it gave, and the client presented no other";
            (Doing::Server, what.into())
        }
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
        let redirect = self.transport.redirects_to();
        let redirect =
            redirect.map(|target| format!("the server redirects to {target}: write that in `refresh.url`"));
        let fix = if let Some(redirect) = &redirect {
            redirect
        } else if said.is_empty() {
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
        if self.report.exchanges < self.order.exchanges && self.report.ended_early.is_none() {
            let why = if self.order.stop.is_pulled() {
                "interrupted"
            } else {
                "--max-seconds"
            };
            self.report.ended_early = Some(why.into());
        }
        self.report.seconds = self.began.elapsed().as_secs_f64();
        self.report.exchanges_per_second = self.report.exchanges as f64 / self.report.seconds.max(0.001);
        self.report
    }
}
