//! What a success becomes: saved first, judged where a page brought it, and only then served.

use super::{Flight, Fresh, JUDGED_TOO_SHORT, MOST_SAVES_HOLDING, Moment, Outcome, Phase, Step, Written};
use crate::defence::Defence;
use crate::error::Failure;
use crate::record::{Kind, Record, Unproven};
use crate::token::AccessToken;
use crate::wire::{SubjectAnswer, Tokens};

impl Flight {
    /// Invariant 3: nothing here may fail for a reason of policy. Invariant 10: an answer without a refresh token
    /// keeps the old one. Invariant 14: a new key at every commit. (Without one the next intent would bring it.)
    ///
    /// What is not proven is saved like anything else, and served to nobody.
    pub(super) fn commit(&mut self, tokens: Tokens, unproven: Option<Unproven>, now: &Moment) -> Step {
        if tokens.life < JUDGED_TOO_SHORT && !self.plan.stands(Defence::SaveBeforeJudging) {
            return self.fail(Failure::AnswerLost);
        }
        let held = &self.held;
        let generation = held.generation.next();
        let token = tokens
            .access_token
            .clone()
            .map(|secret| AccessToken::new(secret, generation, self.sent_at, tokens.life));
        let server_offset_ms = match tokens.server_time {
            Some(server) => server.unix_millis().saturating_sub(now.wall.unix_millis()),
            None => held.server_offset_ms,
        };
        let mut credential = held.credential.clone();
        if tokens.refresh_token.is_some() || !self.plan.stands(Defence::OldTokenKept) {
            credential.refresh_token = tokens.refresh_token;
        }
        if tokens.cookies.is_some() {
            credential.cookie = tokens.cookies;
        }
        credential.access_token = tokens.access_token.filter(|_| self.plan.stores_access_token);
        let left = self.sent_at.until(now.boot);
        let attempt_key = if self.plan.stands(Defence::NewKeyAtCommit) {
            now.fresh_key.clone()
        } else {
            held.attempt_key.clone()
        };
        let record = Record {
            kind: Kind::Session,
            generation,
            credential,
            attempt_key,
            previous: Some(held.credential.hash()),
            inflight: None,
            unproven,
            reason: None,
            obtained_at: now.wall,
            expires_at: Some(now.wall.offset(server_offset_ms) + tokens.life.saturating_sub(left)),
            server_offset_ms,
            ..held.clone()
        };
        let (token, withheld) = if record.unproven.is_some() {
            (None, token)
        } else {
            (token, None)
        };
        self.withheld = withheld;
        let fresh = Fresh { record, token };
        if !self.plan.stands(Defence::SaveBeforeMemory) {
            self.phase = Phase::Serving(fresh.clone());
            return Step::Serve(Box::new(fresh), Failure::LockHeld);
        }
        let draft = Box::new(fresh.record.clone());
        self.phase = Phase::Committing(fresh);
        Step::Write(draft)
    }

    pub(super) fn committed(&mut self, written: Written, fresh: Fresh, now: &Moment) -> Step {
        match written {
            Written::Landed(record) => {
                let fresh = Fresh { record, ..fresh };
                self.prove(fresh)
            }
            Written::Adopt(record) => self.adopt(record, now),
            Written::Discarded(stored) => {
                self.displaced(stored, fresh.record.credential.presented().cloned())
            }
            Written::Failed(_) if !self.plan.stands(Defence::LockUntilSaved) => {
                self.done(Outcome::Renewed(fresh))
            }
            // Invariant 5: the token is served from memory, and saved until it is.
            Written::Failed(failure) => {
                self.phase = Phase::Serving(fresh.clone());
                Step::Serve(Box::new(fresh), failure)
            }
        }
    }

    /// Saved first, judged second.
    pub(super) fn prove(&mut self, fresh: Fresh) -> Step {
        if fresh.record.unproven.is_none() {
            return self.done(Outcome::Renewed(fresh));
        }
        let Some(token) = &self.withheld else {
            return self.fail(Failure::AnswerLost);
        };
        let token = token.secret().into();
        self.phase = Phase::Proving(fresh);
        Step::Prove(token)
    }

    pub(super) fn proven(&mut self, answer: SubjectAnswer, fresh: Fresh, now: &Moment) -> Step {
        let Fresh { mut record, .. } = fresh;
        let Some(unproven) = record.unproven.clone() else {
            return self.fail(Failure::AnswerLost);
        };
        match answer {
            SubjectAnswer::Is(subject) if subject == unproven.subject => {
                record.unproven = None;
                let token = self.withheld.take();
                let draft = Box::new(record.clone());
                self.phase = Phase::Clearing(Fresh { record, token });
                Step::Write(draft)
            }
            // A server that gave a token and does not take it is in trouble; a page can have made one up.
            SubjectAnswer::Refused if !self.handed => self.fail(Failure::ServerBusy { after: None }),
            SubjectAnswer::Is(_) | SubjectAnswer::Refused => {
                let tombstone = record.repudiated(now.wall);
                self.phase = Phase::Burying {
                    tombstone: tombstone.clone(),
                };
                Step::Write(Box::new(tombstone))
            }
            SubjectAnswer::Unclear { after } => self.fail(Failure::ServerBusy { after }),
        }
    }

    /// The note is off the record, or will be judged once more by whoever reads it next: the tokens are the session's.
    pub(super) fn cleared(&mut self, written: Written, fresh: Fresh, now: &Moment) -> Step {
        match written {
            Written::Landed(record) => self.done(Outcome::Renewed(Fresh { record, ..fresh })),
            Written::Failed(_) => self.done(Outcome::Renewed(fresh)),
            Written::Adopt(record) => self.adopt(record, now),
            Written::Discarded(stored) => {
                self.displaced(stored, fresh.record.credential.presented().cloned())
            }
        }
    }

    pub(super) fn saved(&mut self, written: Written, fresh: Fresh, now: &Moment) -> Step {
        let Written::Failed(_) = written else {
            return self.committed(written, fresh, now);
        };
        if self.plan.releases_unsaved && self.saves >= MOST_SAVES_HOLDING {
            return self.done(Outcome::Renewed(fresh));
        }
        self.rest_before_saving(fresh)
    }

    pub(super) fn rest_before_saving(&mut self, fresh: Fresh) -> Step {
        self.saves += 1;
        self.phase = Phase::Resting(fresh);
        Step::Rest(self.plan.pause_before_save(self.saves))
    }
}
