//! A page that refreshes by itself: it is lent what one flight would send. The flight goes on as ever: its lock is held and
//! its intent on disk before the refresh token leaves, and a pair that comes back is saved like an answer of the server.
//! Then the server is asked whose it is. Whose it has to be is known before anything is lent: from the session's own token.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::core::{Core, FlightSeat};
use super::drive::send_failure;
use super::obtain::{Prospect, Want, wait};
use crate::error::SessionError;
use crate::flight::{Event, SendFailure};
use crate::time::BootTime;
use crate::token::{AttemptKey, Generation, Secret, StoreId, Subject, TokenSet};
use crate::wire::{self, Presented, SubjectAnswer, Tokens};

/// How long a page has for its exchange.
pub(super) const LEASE: Duration = Duration::from_secs(20);

/// What a flight lends when it would send. Dropped by one that has no need to.
pub(super) struct Lending {
    offer: oneshot::Sender<Offer>,
    /// Whose pair the page has to bring back.
    subject: Subject,
}

/// What a page is lent.
pub(crate) struct Offer {
    pub(crate) store: StoreId,
    /// The generation whose refresh token it is.
    pub(crate) generation: Generation,
    pub(crate) refresh_token: Secret,
    pub(crate) attempt_key: AttemptKey,
    pub(crate) ends: BootTime,
    /// To be told once. Dropped, it counts as [`Returned::Forfeited`].
    pub(crate) back: oneshot::Sender<Returned>,
}

/// What became of an offer.
#[derive(Debug)]
pub(crate) enum Returned {
    /// The page's exchange brought these.
    HandedOver(TokenSet),
    /// The refresh token has not left.
    Unused,
    /// Whoever has the refresh token will bring nothing back.
    Forfeited,
}

/// How a wish to borrow was met.
pub(crate) enum Lent {
    /// There is a newer token.
    Settled,
    /// By an offer; its flight lands later.
    Out(Offer, Landing),
}

/// A flight under way.
pub(crate) struct Landing(FlightSeat);

impl Landing {
    /// Comes when the flight is over: with the handed-over pair saved, or with what the core's own exchange brought after
    /// the lease had lapsed.
    pub(crate) async fn over(self) -> Result<(), SessionError> {
        wait(self.0).await
    }
}

impl Core {
    /// Lends the refresh token behind a rejected access token. Joins a flight that is under way instead.
    pub(super) async fn lend(self: Arc<Self>, used: Generation) -> Result<Lent, SessionError> {
        let want = Want::NewerThan {
            generation: used,
            said_by_host: false,
        };
        let Some(subject) = self.learn_subject().await else {
            // Nobody could tell later whether what a page brings is this session's.
            return self.obtain(want).await.map(|_| Lent::Settled);
        };
        let (offer, offered) = oneshot::channel();
        let mut lending = Some(Lending { offer, subject });
        loop {
            match self.consider(want, 0, &mut lending) {
                Prospect::Answer(answer) => return Ok(answer.map(|_| Lent::Settled)?),
                Prospect::Restoring(mut changes) => {
                    if changes.changed().await.is_err() {
                        return Err(SessionError::Closed);
                    }
                }
                Prospect::Flight(seat, task) => {
                    // Somebody else's flight lends nothing.
                    drop(lending);
                    if let Some(task) = task {
                        self.spawner.spawn_from_here(task);
                    }
                    return match offered.await {
                        Ok(offer) => Ok(Lent::Out(offer, Landing(seat))),
                        Err(_) => wait(seat).await.map(|()| Lent::Settled),
                    };
                }
            }
        }
    }

    /// Lends what is about to be sent. `None`: it has not left, the flight sends it itself.
    pub(super) async fn lend_out(
        &self,
        lending: Lending,
        presented: &Presented,
        (store, generation): (StoreId, Generation),
    ) -> Option<Event> {
        let ends = self.clock.boot() + LEASE;
        let (back, mut returned) = oneshot::channel();
        let offer = Offer {
            store,
            generation,
            refresh_token: presented.credential.refresh_token.clone()?,
            attempt_key: presented.attempt_key.clone(),
            ends,
            back,
        };
        let Lending { offer: lend, subject } = lending;
        lend.send(offer).ok()?;
        let time_is_up = self.clock.sleep(LEASE);
        let returned = tokio::select! {
            biased;
            returned = &mut returned => returned.ok(),
            () = time_is_up => {
                returned.close();
                // What was handed over in the last moment is not lost.
                returned.try_recv().ok()
            }
        };
        match returned {
            Some(Returned::HandedOver(pair)) => Some(Event::HandedOver(self.handed(pair), subject)),
            Some(Returned::Unused) => None,
            Some(Returned::Forfeited) | None => {
                // Its request may still be under way; only under the idempotent contract may ours meet it.
                if !self.plan.idempotent {
                    self.clock.sleep(self.clock.boot().until(ends)).await;
                }
                Some(Event::Lapsed)
            }
        }
    }

    /// Asks for the subject before anybody needs it; once, however many pages are attached.
    pub(super) fn learn_subject_ahead(self: Arc<Self>) {
        if std::mem::replace(&mut self.memory().asks_subject, true) {
            return;
        }
        let spawner = self.spawner.clone();
        spawner.spawn(Box::pin(async move {
            self.learn_subject().await;
            self.memory().asks_subject = false;
        }));
    }

    /// Whose session this is, as the server says of its own token; asked once in each sign-in. `None`: nobody can tell now.
    pub(super) async fn learn_subject(&self) -> Option<Subject> {
        let (epoch, token) = {
            let memory = self.memory();
            let epoch = memory.generation().epoch;
            if let Some((of, subject)) = memory.subject
                && of == epoch
            {
                return Some(subject);
            }
            // Rejected or not: the server is asked, and says what it thinks of it.
            let token = memory.token.clone().filter(|_| memory.state.is_active())?;
            (epoch, token)
        };
        let request = wire::subject(&self.profile, &token.secret().into())?;
        let response = self.transport.send(request).await.ok()?;
        let answer = wire::read_subject(&self.profile, &response, self.clock.wall());
        let SubjectAnswer::Is(subject) = answer else {
            tracing::debug!(
                status = response.status,
                "the server does not say whose session this is"
            );
            return None;
        };
        let mut memory = self.memory();
        if memory.generation().epoch != epoch {
            return None;
        }
        memory.subject = Some((epoch, subject));
        Some(subject)
    }

    /// Asks whose access token this is.
    pub(super) async fn prove(&self, token: &Secret) -> Event {
        let Some(request) = wire::subject(&self.profile, token) else {
            return Event::Unanswered(SendFailure::Setup);
        };
        match self.transport.send(request).await {
            Ok(response) => Event::Proven(wire::read_subject(&self.profile, &response, self.clock.wall())),
            Err(error) => Event::Unanswered(send_failure(&error)),
        }
    }

    fn handed(&self, pair: TokenSet) -> Tokens {
        Tokens {
            access_token: pair.access_token,
            refresh_token: pair.refresh_token,
            cookies: None,
            life: pair.expires_in.unwrap_or_else(|| self.profile.default_life()),
            server_time: None,
        }
    }
}
