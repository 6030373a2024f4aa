//! The storage that all processes share, and what can go wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokencast::error::LockedCause;
use tokencast::storage::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};
use zeroize::Zeroizing;

use crate::fault::{Fault, Place};
use crate::platform::Platform;
use crate::world::{Life, World};

#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<String, Vec<u8>>,
    /// What the session entry holds, read as anybody could.
    pub(crate) stands: Option<Stands>,
    /// Until when it is locked, in true milliseconds.
    pub(crate) locked_until_ms: u64,
    /// Until when it shows nothing.
    pub(crate) lost_until_ms: u64,
}

/// The part of a record that the checks need.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stands {
    pub(crate) kind: String,
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    #[serde(default)]
    credential: Held,
    #[serde(default)]
    pub(crate) inflight: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(crate) reason: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Held {
    #[serde(default)]
    refresh_token: Option<String>,
}

impl Stands {
    fn read(bytes: &[u8]) -> Option<Self> {
        let json = bytes.splitn(2, |byte| *byte == b'\n').nth(1)?;
        serde_json::from_slice(json).ok()
    }

    pub(crate) fn is_session(&self) -> bool {
        self.kind == "session"
    }

    pub(crate) fn refresh_token(&self) -> Option<&str> {
        self.credential.refresh_token.as_deref()
    }

    pub(crate) fn name(&self) -> (u64, u64) {
        (self.epoch, self.number)
    }

    fn is_signed_out(&self) -> bool {
        self.reason.as_ref().and_then(serde_json::Value::as_str) == Some("signed_out")
    }
}

impl SecureStorage for Platform {
    fn entry_id(&self) -> String {
        "simulated".into()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn read(&self, name: &str) -> ReadOutcome {
        let mut world = self.world.lock();
        if !world.is_alive(self.life) {
            return ReadOutcome::Unavailable(LockedCause::Unavailable);
        }
        if let Some(shut) = shut(&world) {
            world.observed.storage_failed(self.life);
            return match shut {
                Shut::Locked => ReadOutcome::Unavailable(LockedCause::DeviceLocked),
                Shut::Lost => ReadOutcome::Absent,
            };
        }
        if world
            .take_armed(Place::Storage, |fault| fault == Fault::ReadFails)
            .is_some()
        {
            world.observed.storage_failed(self.life);
            return ReadOutcome::Unavailable(LockedCause::Unavailable);
        }
        match world.store.entries.get(name) {
            Some(bytes) => ReadOutcome::Found(Zeroizing::new(bytes.clone())),
            None => ReadOutcome::Absent,
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        let mut world = self.world.lock();
        if !world.is_alive(self.life) {
            return WriteOutcome::Unavailable(LockedCause::Unavailable);
        }
        world.check_may_act(self.life, "writes");
        if shut(&world).is_some() {
            world.observed.storage_failed(self.life);
            return WriteOutcome::Unavailable(LockedCause::DeviceLocked);
        }
        let fault = world.take_armed(Place::Writing, |_| true);
        if fault.is_some() {
            world.observed.storage_failed(self.life);
        }
        match fault {
            None => {
                let before = world.observed.newest_stored;
                land(&mut world, self.life, name, bytes);
                if world.observed.newest_stored > before {
                    world.observed.saved(self.life);
                }
                WriteOutcome::Acknowledged
            }
            Some(Fault::WriteLies) => WriteOutcome::Acknowledged,
            Some(Fault::WriteLandsUnconfirmed) => {
                land(&mut world, self.life, name, bytes);
                WriteOutcome::Unconfirmed
            }
            Some(Fault::CrashBeforeWrite) => {
                die(&mut world, self.life);
                WriteOutcome::Unconfirmed
            }
            Some(Fault::CrashAfterWrite) => {
                land(&mut world, self.life, name, bytes);
                die(&mut world, self.life);
                WriteOutcome::Unconfirmed
            }
            Some(_) if world.chance.once_in(2) => WriteOutcome::Unconfirmed,
            Some(_) => WriteOutcome::Unavailable(LockedCause::Unavailable),
        }
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.world
            .lock()
            .violate(format_args!("the entry {name} was deleted"));
        WriteOutcome::Acknowledged
    }
}

enum Shut {
    Locked,
    Lost,
}

fn shut(world: &World) -> Option<Shut> {
    let now = world.true_ms();
    if now < world.store.locked_until_ms {
        Some(Shut::Locked)
    } else if now < world.store.lost_until_ms {
        Some(Shut::Lost)
    } else {
        None
    }
}

/// From here on the life has no effect on anything; the driver buries it when this call has returned.
fn die(world: &mut World, life: Life) {
    world.bury(life);
    world.dying.push(life);
}

fn land(world: &mut World, life: Life, name: &str, bytes: &[u8]) {
    world.store.entries.insert(name.to_owned(), bytes.to_vec());
    if !name.starts_with("session/") {
        return;
    }
    let Some(new) = Stands::read(bytes) else {
        world.violate(format_args!("a record was written that is none"));
        return;
    };
    if !world.holds(life, "record") {
        world.violate(format_args!("a record was written without the record lock"));
    }
    world.note(format_args!(
        "life {} wrote {} {}.{} inflight {} {:?}",
        life.0,
        new.kind,
        new.epoch,
        new.number,
        new.inflight.is_some(),
        new.refresh_token()
    ));
    if let Some(token) = new.refresh_token()
        && let Some(exchange) = world.server.exchange_mut(token)
    {
        exchange.saved = true;
    }
    world.check_landing(&new);
    if let Some(old) = world.store.stands.take() {
        judge(world, &old, &new);
    }
    world.store.stands = Some(new);
}

/// What no write may do to the record that it replaces.
fn judge(world: &mut World, old: &Stands, new: &Stands) {
    if new.epoch < old.epoch {
        world.violate(format_args!(
            "the stored epoch fell from {} to {}",
            old.epoch, new.epoch
        ));
    } else if new.name() < old.name() {
        world.violate(format_args!(
            "the stored generation fell from {:?} to {:?}",
            old.name(),
            new.name()
        ));
    }
    let same_token = old.refresh_token() == new.refresh_token();
    if old.name() == new.name() && (old.kind != new.kind || !same_token) {
        world.violate(format_args!(
            "one generation name, two contents: {:?}",
            new.name()
        ));
    }
    if new.is_session() || !old.is_session() {
        return;
    }
    let Some(token) = old.refresh_token() else { return };
    if new.is_signed_out() {
        if world.signed_out_ever == 0 {
            world.violate(format_args!("signed out, and nobody asked for it"));
        }
    } else if !world
        .server
        .family(token)
        .is_some_and(|family| family.ended_rightly())
    {
        let token = token.to_owned();
        world.note(format_args!("LOST {token}: {:?}", new.reason));
        world.lost.insert(token);
    }
}
