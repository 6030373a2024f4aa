//! Sign-in and adoption: a new epoch begins when its record is saved, not before.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::core::{Core, jobs};
use super::ledger::{Amended, Amendment, Role, read_only};
use crate::defence::Defence;
use crate::error::{Failure, SessionError};
use crate::flight::Fresh;
use crate::profile::TokenKind;
use crate::record::{Kind, Record};
use crate::state::Cause;
use crate::time::BootTime;
use crate::token::{AccessToken, AttemptKey, Credential, CredentialHash, Credentials, Generation, TokenSet};
use crate::transport::TransportError;
use crate::wire::{self, SignInAnswer, Tokens};

/// Tokens that are about to begin an epoch.
pub(super) struct Arrival {
    pub(super) tokens: Tokens,
    pub(super) account: Option<String>,
    pub(super) received: BootTime,
    /// A sign-in over a session revokes the old one; adopted tokens may belong to it.
    pub(super) replaces: bool,
    /// What a webview's store may hold a copy of.
    pub(super) from_webview: Option<CredentialHash>,
}

impl Core {
    pub(super) async fn sign_in(self: Arc<Self>, credentials: Credentials) -> Result<(), SessionError> {
        self.detached(move |core| async move {
            let account = credentials.account_name().map(str::to_owned);
            let tokens = core.ask_to_sign_in(&credentials).await?;
            let presented = tokens.after(&Credential::default()).presented().cloned();
            let arrival = Arrival {
                tokens,
                account,
                received: core.clock.boot(),
                replaces: true,
                from_webview: None,
            };
            let entered = core.enter(arrival).await;
            if let (Err(_), Some(token)) = (&entered, presented)
                && core.stands(Defence::UnsavedSignInRevoked)
            {
                core.clone().revoke_now(token).await;
            }
            entered
        })
        .await
    }

    pub(super) async fn adopt(self: Arc<Self>, set: TokenSet) -> Result<(), SessionError> {
        self.detached(move |core| async move {
            let hinted = set.access_token.as_ref().and_then(crate::claims::lifetime);
            let life = set
                .expires_in
                .or(hinted)
                .unwrap_or_else(|| core.profile.default_life());
            // What no refresh presents is not kept: it would be taken for what the session lives by.
            let presents = |kind| core.profile.refresh().places(kind);
            let tokens = Tokens {
                access_token: set
                    .access_token
                    .filter(|token| token.expose().bytes().all(|b| b.is_ascii_graphic())),
                refresh_token: set.refresh_token.filter(|_| presents(TokenKind::Refresh)),
                cookies: set.cookies.filter(|_| presents(TokenKind::Cookie)),
                life,
                server_time: None,
            };
            if let Err(reason) = wire::presentable(&core.profile, tokens.after(&Credential::default())) {
                return Err(Failure::misconfigured(
                    format!("the adopted tokens cannot be kept: {reason}"),
                    "give `adopt` what the profile's `refresh.tokens` place, as the server gave it",
                ));
            }
            core.enter(Arrival {
                tokens,
                account: set.account,
                received: core.clock.boot(),
                replaces: false,
                from_webview: None,
            })
            .await
        })
        .await
    }

    /// Runs `work` in a task of the core's own: a caller that goes away only stops waiting.
    pub(super) async fn detached<F, T>(
        self: Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
        T: Send + 'static,
    {
        if self.memory().closed {
            return Err(SessionError::Closed);
        }
        if self.ledger.role() == Role::Reader {
            return Err(read_only().into());
        }
        let (done, result) = oneshot::channel();
        let spawner = self.spawner.clone();
        spawner.spawn(Box::pin(async move {
            let _ = done.send(work(self).await);
        }));
        result
            .await
            .unwrap_or(Err(Failure::Closed))
            .map_err(SessionError::from)
    }

    async fn ask_to_sign_in(&self, credentials: &Credentials) -> Result<Tokens, Failure> {
        let none = || {
            Failure::misconfigured(
                "the server profile has no sign-in request",
                "add `sign_in` to it, or hand tokens over with `adopt`",
            )
        };
        self.profile.sign_in().ok_or_else(none)?;
        let extra = self.extra_of_sign_in(credentials).await?;
        let request = wire::sign_in(&self.profile, credentials, &extra).ok_or_else(none)?;
        let response = self.transport.send(request).await.map_err(|error| match error {
            TransportError::NotSent => Failure::Offline,
            TransportError::Untrusted => Failure::Untrusted,
            TransportError::BeforeHead | TransportError::Incomplete => Failure::AnswerLost,
            TransportError::Setup => {
                Failure::misconfigured("the transport cannot send requests", "see the log")
            }
        })?;
        match wire::read_sign_in(&self.profile, &response, self.clock.wall()) {
            SignInAnswer::Tokens(tokens) => Ok(tokens),
            SignInAnswer::Refused { code } => Err(Failure::Refused(code)),
            SignInAnswer::Unreadable => Err(Failure::AnswerLost),
            SignInAnswer::Transient { after } => Err(Failure::ServerBusy { after }),
            SignInAnswer::Misconfigured { what, fix } => Err(Failure::Misconfigured { what, fix }),
        }
    }

    /// Draws the epoch under the record lock, saves, and only then publishes.
    pub(super) async fn enter(self: &Arc<Self>, arrival: Arrival) -> Result<(), Failure> {
        let draft = self.first_record(&arrival)?;
        let known_epoch = self.memory().generation().epoch;
        let replaces = arrival.replaces && self.stands(Defence::OldSessionRevoked);
        let defences = self.plan.defences;
        let from_webview = arrival.from_webview;
        let amended = self
            .ledger
            .amend(move |stored| {
                if let Some(stored) = stored.as_ref().filter(|stored| began_with(stored, from_webview)) {
                    return Ok(Amendment::Leave(Box::new(stored.clone())));
                }
                let newest = stored
                    .as_ref()
                    .map(|stored| stored.generation)
                    .unwrap_or_default();
                let stored_epoch = if defences.stand(Defence::EpochUnderLock) {
                    newest.epoch
                } else {
                    0
                };
                let generation = if defences.stand(Defence::EpochAtSignIn) {
                    Generation::new(stored_epoch.max(known_epoch), 0).next_epoch()
                } else {
                    newest.next()
                };
                let mut record = Record { generation, ..draft };
                if let Some(stored) = stored {
                    record
                        .revoke_pending
                        .extend(stored.to_revoke().filter(|_| replaces));
                    record.revoke_pending.extend(stored.lent().filter(|_| replaces));
                    record = record.over(&stored);
                }
                Ok::<_, Failure>(Amendment::Write(Box::new(record)))
            })
            .await?;
        let record = match amended {
            Amended::Wrote(record) => record,
            Amended::Left(stored) => {
                let deliveries = self.absorb(&mut self.memory(), *stored);
                self.deliver(jobs(deliveries));
                return Ok(());
            }
        };
        let token = arrival
            .tokens
            .access_token
            .map(|secret| AccessToken::new(secret, record.generation, arrival.received, arrival.tokens.life));
        let deliveries = {
            let mut memory = self.memory();
            memory.breaker.renewed(self.clock.boot());
            let how = if arrival.replaces {
                Cause::SignedIn
            } else {
                Cause::Adopted
            };
            self.note(how, record.generation);
            self.rise(&mut memory, Fresh { record, token })
        };
        self.deliver(jobs(deliveries));
        self.start_revoking();
        Ok(())
    }

    fn first_record(&self, arrival: &Arrival) -> Result<Record, Failure> {
        let Tokens {
            access_token,
            refresh_token,
            cookies,
            life,
            server_time,
        } = arrival.tokens.clone();
        let wall = self.clock.wall();
        let server_offset_ms = server_time.map_or(0, |server| {
            server.unix_millis().saturating_sub(wall.unix_millis())
        });
        Ok(Record {
            kind: Kind::Session,
            store: self.new_store.clone(),
            generation: Generation::default(),
            install_id: String::new(),
            profile_id: self.profile.id().to_owned(),
            account: arrival.account.clone(),
            credential: Credential {
                refresh_token,
                access_token: access_token.filter(|_| self.plan.stores_access_token),
                cookie: cookies,
            },
            attempt_key: Some(AttemptKey::draw(&*self.random).map_err(Failure::no_randomness)?),
            previous: None,
            adopted: arrival.from_webview,
            inflight: None,
            unproven: None,
            revoke_pending: Vec::new(),
            reason: None,
            obtained_at: wall,
            expires_at: Some(wall.offset(server_offset_ms) + life),
            server_offset_ms,
        })
    }
}

/// Whether the stored session is the one that these cookies of a webview began.
fn began_with(stored: &Record, cookies: Option<CredentialHash>) -> bool {
    cookies.is_some() && stored.adopted == cookies && !stored.is_tombstone()
}
