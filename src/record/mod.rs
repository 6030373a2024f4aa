//! The record: all that a session needs to live on after a restart. One entry, one record, one write for each
//! transition; it is replaced, never deleted, so that generations never fall back.

mod arbitrate;
mod codec;
mod seal;

use serde::{Deserialize, Serialize};

use crate::error::EndReason;
use crate::time::{BootTime, WallTime};
use crate::token::{
    AccessToken, AttemptKey, Credential, CredentialHash, Generation, Secret, StoreId, Subject,
};

pub(crate) use arbitrate::{Ruling, arbitrate};
pub(crate) use codec::{Unreadable, decode, encode};
pub use seal::DataKey;
pub(crate) use seal::{DoesNotOpen, SealNonce, Sealed, key_id};

/// What is stored for one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    pub(crate) store: StoreId,
    #[serde(flatten)]
    pub(crate) generation: Generation,
    #[serde(default)]
    pub(crate) install_id: String,
    pub(crate) profile_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) credential: Credential,
    /// Belongs to the credential: drawn with it, sent with each request that presents it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt_key: Option<AttemptKey>,
    /// The hash of the credential before this one, to recognise a record that was overtaken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<CredentialHash>,
    /// The hash of the cookies that began the epoch, taken out of a webview: a copy left there is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adopted: Option<CredentialHash>,
    /// Set before a request leaves, cleared by its commit: the credential may have been presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inflight: Option<Intent>,
    /// A page brought this session's tokens, and the server has not said yet whose they are: nothing is served of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unproven: Option<Unproven>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) revoke_pending: Vec<PendingRevocation>,
    /// Why a tombstone stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<EndReason>,
    pub(crate) obtained_at: WallTime,
    /// The access token's end on the server's clock; the token itself may not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<WallTime>,
    /// The server's clock minus this device's, in milliseconds, when last heard.
    #[serde(default)]
    pub(crate) server_offset_ms: i64,
}

/// Whether a session stands here or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Session,
    Tombstone,
}

/// "A request with this credential is about to leave."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) started: WallTime,
    pub(crate) count: u32,
}

/// What a pair that a page handed over is to be judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unproven {
    /// Whose it has to be.
    pub(crate) subject: Subject,
    /// What the page was lent. It may not have spent it: should the pair be somebody else's, this is to be revoked too.
    pub(crate) lent: Secret,
}

/// A token that must still be revoked at the server of the profile it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingRevocation {
    pub(crate) token: Secret,
    pub(crate) profile_id: String,
}

impl Record {
    pub(crate) fn is_tombstone(&self) -> bool {
        self.kind == Kind::Tombstone
    }

    /// Why there is no session here; `None` for a session.
    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.is_tombstone()
            .then(|| self.reason.clone().unwrap_or(EndReason::StoreLost))
    }

    /// The stored access token, if one is stored and has life left at `wall`. A calendar that was set back since
    /// gives it no more than it had. None while it is not known whose it is.
    pub(crate) fn access_token(&self, boot: BootTime, wall: WallTime) -> Option<AccessToken> {
        if self.unproven.is_some() {
            return None;
        }
        let secret = self.credential.access_token.clone()?;
        let expires_at = self.expires_at?;
        let whole = self.obtained_at.offset(self.server_offset_ms).until(expires_at);
        let left = wall.offset(self.server_offset_ms).until(expires_at).min(whole);
        (!left.is_zero()).then(|| AccessToken::new(secret, self.generation, boot, left))
    }

    /// This record with the note that its credential is about to be presented once more.
    pub(crate) fn with_intent(mut self, started: WallTime) -> Self {
        let count = self.inflight.map_or(0, |intent| intent.count).saturating_add(1);
        self.inflight = Some(Intent { started, count });
        self
    }

    /// The end of this session in the same epoch: what a dead verdict leaves behind.
    pub(crate) fn buried(&self, reason: EndReason, at: WallTime) -> Self {
        self.tombstone(self.generation.next(), reason, at)
    }

    /// The end of a session whose tokens a page brought and which are not its own: they are to be revoked, and what the page
    /// was lent.
    pub(crate) fn repudiated(&self, at: WallTime) -> Self {
        let mut tombstone = self.buried(EndReason::HandoverRefused, at);
        tombstone.revoke_pending.extend(self.to_revoke());
        tombstone
    }

    /// The end of this epoch: what a sign-out leaves behind. The session's token is to be revoked.
    pub(crate) fn signed_out(&self, ended_epoch: u64, at: WallTime) -> Self {
        let generation = Generation::new(ended_epoch, 0).next_epoch();
        let mut tombstone = self.tombstone(generation, EndReason::SignedOut, at);
        tombstone.revoke_pending.extend(self.to_revoke());
        tombstone
    }

    /// The entry of a session that is to be revoked, when it holds something that can be.
    pub(crate) fn to_revoke(&self) -> Option<PendingRevocation> {
        let token = self
            .credential
            .presented()
            .cloned()
            .filter(|_| !self.is_tombstone())?;
        Some(PendingRevocation {
            token,
            profile_id: self.profile_id.clone(),
        })
    }

    /// What a page was lent whose pair nobody has judged yet.
    pub(crate) fn lent(&self) -> Option<PendingRevocation> {
        let unproven = self.unproven.as_ref()?;
        Some(PendingRevocation {
            token: unproven.lent.clone(),
            profile_id: self.profile_id.clone(),
        })
    }

    fn tombstone(&self, generation: Generation, reason: EndReason, at: WallTime) -> Self {
        let mut revoke_pending = self.revoke_pending.clone();
        revoke_pending.extend(self.lent());
        Self {
            kind: Kind::Tombstone,
            generation,
            credential: Credential::default(),
            attempt_key: None,
            previous: Some(self.credential.hash()),
            adopted: None,
            inflight: None,
            unproven: None,
            revoke_pending,
            reason: Some(reason),
            obtained_at: at,
            expires_at: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A session record of that name with that refresh token.
    pub(crate) fn session(epoch: u64, number: u64, refresh_token: &str) -> Record {
        Record {
            kind: Kind::Session,
            store: "5707e".into(),
            generation: Generation::new(epoch, number),
            install_id: String::new(),
            profile_id: "rotation".into(),
            account: Some("ada".into()),
            credential: Credential {
                refresh_token: Some(refresh_token.into()),
                ..Credential::default()
            },
            attempt_key: Some(AttemptKey::draw(&crate::random::SystemRandom::default()).unwrap()),
            previous: None,
            adopted: None,
            inflight: None,
            unproven: None,
            revoke_pending: Vec::new(),
            reason: None,
            obtained_at: WallTime::from_unix_millis(1_000),
            expires_at: None,
            server_offset_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sign_out_keeps_the_token_to_be_revoked_and_moves_the_epoch() {
        let tombstone = samples::session(3, 9, "r").signed_out(3, WallTime::from_unix_millis(5));
        assert_eq!(tombstone.generation, Generation::new(4, 1));
        assert_eq!(tombstone.revoke_pending[0].token, "r".into());
        assert_eq!(tombstone.credential, Credential::default());
        assert_eq!(tombstone.end_reason(), Some(EndReason::SignedOut));
    }

    #[test]
    fn a_pair_of_somebody_else_goes_with_what_was_lent_and_is_served_by_nobody() {
        let mut record = samples::session(1, 2, "foreign");
        record.credential.access_token = Some("a".into());
        record.expires_at = Some(WallTime::from_unix_millis(100_000));
        let boot = BootTime::from_start(Duration::from_secs(1));
        let wall = WallTime::from_unix_millis(2_000);
        assert!(record.access_token(boot, wall).is_some());
        record.unproven = Some(Unproven {
            subject: Subject::of(&"ada".into()).unwrap(),
            lent: "own".into(),
        });
        assert_eq!(record.access_token(boot, wall), None);
        let tokens = |record: Record| -> Vec<_> {
            assert_eq!(record.unproven, None);
            let pending = record.revoke_pending.iter();
            pending.map(|pending| pending.token.expose().to_owned()).collect()
        };
        assert_eq!(tokens(record.repudiated(wall)), ["own", "foreign"]);
        assert_eq!(
            record.repudiated(wall).end_reason(),
            Some(EndReason::HandoverRefused)
        );
        assert_eq!(tokens(record.signed_out(1, wall)), ["own", "foreign"]);
        assert_eq!(tokens(record.buried(EndReason::Revoked, wall)), ["own"]);
    }

    #[test]
    fn what_a_session_lives_by_is_what_is_revoked() {
        let mut record = samples::session(1, 1, "r");
        record.credential.refresh_token = None;
        record.credential.access_token = Some("a".into());
        assert_eq!(record.to_revoke().unwrap().token, "a".into());
        record.credential.cookie = Some("refresh=c".into());
        assert_eq!(record.to_revoke().unwrap().token, "refresh=c".into());
    }

    #[test]
    fn a_stored_access_token_is_measured_on_the_servers_clock() {
        let mut record = samples::session(1, 1, "r");
        record.credential.access_token = Some("a".into());
        record.expires_at = Some(WallTime::from_unix_millis(100_000));
        record.server_offset_ms = 40_000; // this device runs 40 s late
        let boot = BootTime::from_start(Duration::from_secs(1));
        let token = record
            .access_token(boot, WallTime::from_unix_millis(50_000))
            .unwrap();
        assert_eq!(token.remaining(boot), Duration::from_secs(10));
        assert_eq!(
            record.access_token(boot, WallTime::from_unix_millis(60_000)),
            None
        );
    }

    #[test]
    fn an_intent_counts_its_presentations() {
        let at = WallTime::from_unix_millis(7);
        let twice = samples::session(1, 1, "r").with_intent(at).with_intent(at);
        assert_eq!(
            twice.inflight,
            Some(Intent {
                started: at,
                count: 2
            })
        );
    }
}
