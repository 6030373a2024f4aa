//! Records as small values. All that a flight or the comparison looks at is kept; times, names and counters that
//! nothing decides by are not.

use super::super::*;
use crate::random::{NoRandomness, Random};
use crate::record::{Intent, Unproven, samples};

/// "None" for a token and for a key.
pub(super) const NONE: u8 = u8::MAX;

/// One record of epoch 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rec {
    pub(super) number: u8,
    pub(super) tombstone: bool,
    pub(super) token: u8,
    pub(super) key: u8,
    pub(super) intent: bool,
    /// An access token is stored with it.
    pub(super) access: bool,
    /// A page brought it, and the server has not said whose it is.
    pub(super) unproven: bool,
}

impl Rec {
    /// After the sign-in: the first refresh token, its key, an access token that has expired.
    pub(super) const FIRST: Self = Self {
        number: 1,
        tombstone: false,
        token: 0,
        key: 0,
        intent: false,
        access: false,
        unproven: false,
    };

    /// In the memory of a process that is not running.
    pub(super) const NOTHING: Self = Self {
        number: 0,
        tombstone: true,
        token: NONE,
        key: NONE,
        intent: false,
        access: false,
        unproven: false,
    };

    pub(super) fn of(record: &Record) -> Self {
        assert_eq!(
            record.generation.epoch, 1,
            "the model has no sign-in and no sign-out"
        );
        Self {
            number: u8::try_from(record.generation.number).unwrap(),
            tombstone: record.is_tombstone(),
            token: record
                .credential
                .refresh_token
                .as_ref()
                .map_or(NONE, |token| token.expose().parse().unwrap()),
            key: record.attempt_key.as_ref().map_or(NONE, number_of_key),
            intent: record.inflight.is_some(),
            access: record.credential.access_token.is_some(),
            unproven: record.unproven.is_some(),
        }
    }

    pub(super) fn record(self) -> Record {
        let at = WallTime::from_unix_millis(0);
        let mut record = samples::session(1, u64::from(self.number), "");
        record.kind = if self.tombstone {
            Kind::Tombstone
        } else {
            Kind::Session
        };
        record.credential.refresh_token = (self.token != NONE).then(|| secret_of_token(self.token));
        record.credential.access_token = self.access.then(|| "access".into());
        record.attempt_key = (self.key != NONE).then(|| key(self.key));
        record.inflight = self.intent.then_some(Intent {
            started: at,
            count: 1,
        });
        record.unproven = self.unproven.then(|| Unproven {
            subject: subject(),
            lent: "lent".into(),
        });
        record.reason = self.tombstone.then_some(EndReason::Revoked);
        record.obtained_at = at;
        record.expires_at = self
            .access
            .then_some(WallTime::from_unix_millis(LIFE.as_millis() as i64));
        record
    }
}

/// The life of every access token.
pub(super) const LIFE: Duration = Duration::from_secs(3600);

pub(super) fn secret_of_token(number: u8) -> Secret {
    Secret::new(number.to_string())
}

/// Whose every session of the model is.
pub(super) fn subject() -> Subject {
    Subject::of(&"ada".into()).unwrap()
}

pub(super) fn key(number: u8) -> AttemptKey {
    struct Always(u8);
    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(self.0);
            Ok(())
        }
    }
    AttemptKey::draw(&Always(number)).unwrap()
}

pub(super) fn number_of_key(key: &AttemptKey) -> u8 {
    u8::from_str_radix(&key.expose()[..2], 16).unwrap()
}

#[test]
fn a_record_survives_its_abstraction() {
    let second = Rec {
        number: 2,
        token: 1,
        key: 1,
        intent: true,
        access: true,
        ..Rec::FIRST
    };
    let tombstone = Rec {
        number: 3,
        ..Rec::NOTHING
    };
    let unproven = Rec {
        unproven: true,
        ..second
    };
    for rec in [Rec::FIRST, second, unproven, tombstone] {
        assert_eq!(Rec::of(&rec.record()), rec);
    }
}
