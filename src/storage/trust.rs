//! What may be believed of a store at the start. "Not found" is also what a phone before its first unlock and a
//! keyring that was never unlocked answer: it means "no session" only when the canary, an entry of the same
//! making, reads back, and when it is the one that the app's own marker knows.

use std::sync::atomic::Ordering;

use zeroize::Zeroizing;

use super::marker::{Marking, Noted};
use super::{Opened, ReadOutcome, Secrecy, Vault, WriteOutcome};
use crate::error::{Failure, LockedCause, StorageFailure};
use crate::record::Record;
use crate::token::StoreId;

const CANARY: &str = "canary";
/// Launches in a row without the platform's key, after which it is lost.
const KEYLESS_LAUNCHES: u32 = 3;

/// What a start finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirstLook {
    /// This stands there; `Absent` is proven.
    Opened(Opened),
    /// Nothing stands there, or so it says: prove it under the locks.
    Doubted,
    /// Nothing stands there, and there was a record once.
    Gone,
    /// A session that its user signed out: only the tombstone could not be written.
    SignedOut(Record),
    /// A session of an earlier installation.
    Stale(Record),
}

impl Vault {
    /// The record, seen in the light of the app's own notes. Changes nothing.
    pub(crate) fn first_look(&self) -> FirstLook {
        let record = match self.open() {
            Opened::Found(record) if !record.is_tombstone() => record,
            Opened::Absent if self.storage.secrecy() != Secrecy::Volatile => return FirstLook::Doubted,
            opened => return FirstLook::Opened(opened),
        };
        let Some(marker) = &self.marker else {
            return FirstLook::Opened(Opened::Found(record));
        };
        let (signed_out, marking) = match (marker.signed_out(), marker.read()) {
            (Ok(signed_out), Ok(marking)) => (signed_out, marking),
            (Err(cause), _) | (_, Err(cause)) => return unavailable(cause),
        };
        let keyless = matches!(&marking, Marking::Noted(noted) if noted.keyless_launches > 0);
        self.was_keyless.store(keyless, Ordering::Relaxed);
        if signed_out.is_some_and(|epoch| record.generation.epoch <= epoch) {
            return FirstLook::SignedOut(record);
        }
        let installed_as = match &marking {
            Marking::Missing => Some(""),
            Marking::Noted(noted) => Some(noted.install_id.as_str()),
            Marking::Damaged => None,
        };
        // A record without an id was written where there was no marker: it is nobody else's.
        let stale = !record.install_id.is_empty() && installed_as.is_some_and(|id| id != record.install_id);
        if stale {
            return FirstLook::Stale(record);
        }
        FirstLook::Opened(Opened::Found(record))
    }

    /// Looks once more, and settles a doubt. Under the record lock and the canary's.
    pub(crate) fn prove(&self) -> FirstLook {
        match self.first_look() {
            FirstLook::Doubted => {}
            seen => return seen,
        }
        self.prove_absence()
    }

    /// Settles the doubt about an entry that was not found. Under the canary's lock.
    pub(super) fn prove_absence(&self) -> FirstLook {
        let known = match self.noted() {
            Ok(noted) => noted,
            Err(cause) => return unavailable(cause),
        };
        let canary = match (self.canary(), &known) {
            (Ok(Some(found)), noted) if fits(noted.as_ref(), &found) => found,
            (Ok(None), noted) if noted.as_ref().is_none_or(|noted| noted.canary.is_none()) => {
                match self.release_canary() {
                    Ok(written) => written,
                    Err(failure) => return refused(failure),
                }
            }
            // Another store than the one this installation knows, or one that hides what it holds.
            (Ok(_), _) => return unavailable(LockedCause::Unavailable),
            (Err(failure), _) => return refused(failure),
        };
        let mut noted = known.unwrap_or_default();
        if noted.canary.as_ref() != Some(&canary) {
            noted.canary = Some(canary);
            if let Err(cause) = self.note(&mut noted) {
                return unavailable(cause);
            }
        }
        self.absent(&noted)
    }

    /// As [`prove`](Self::prove) for a process that writes nothing: only what is there already can prove it.
    pub(crate) fn prove_by_reading(&self) -> FirstLook {
        match (self.canary(), self.noted()) {
            (Ok(Some(found)), Ok(Some(noted))) if noted.canary.as_ref() == Some(&found) => {
                self.absent(&noted)
            }
            (Err(failure), _) => refused(failure),
            (_, Err(cause)) => unavailable(cause),
            _ => unavailable(LockedCause::Unavailable),
        }
    }

    /// Whether the store keeps what it is given. Under the canary's lock.
    pub(crate) fn prove_working(&self) -> Result<(), Failure> {
        match self.canary()? {
            Some(_) => Ok(()),
            None => self.release_canary().map(drop),
        }
    }

    /// The id that new records carry; drawn and noted before the first of them is written. Without a folder, or
    /// with one that takes nothing, records carry none and are never taken for another installation's.
    pub(crate) fn install_id(&self) -> String {
        match self.noted() {
            Ok(Some(noted)) if !noted.install_id.is_empty() => noted.install_id,
            Ok(noted) => {
                let mut noted = noted.unwrap_or_default();
                match self.note(&mut noted) {
                    Ok(()) => noted.install_id,
                    Err(_) => String::new(),
                }
            }
            Err(_) => String::new(),
        }
    }

    /// A record of `epoch` landed, the first one of this entry or of this epoch.
    pub(crate) fn note_landing(&self, epoch: u64, created: bool) {
        let Some(marker) = &self.marker else { return };
        marker.forget_sign_outs_before(epoch);
        if !created {
            return;
        }
        let Ok(Some(mut noted)) = self.noted() else { return };
        noted.had_record = true;
        // The store took a record: whatever canary it holds is the one to know from now on.
        noted.canary = self.canary().ok().flatten();
        // Not noted: an absence would be taken for that of a first start.
        let _ = self.note(&mut noted);
    }

    /// Notes a launch at which the platform's key did not serve, and says whether it is lost with that.
    pub(crate) fn note_keyless_launch(&self) -> bool {
        let Ok(noted) = self.noted() else { return false };
        let mut noted = noted.unwrap_or_default();
        noted.keyless_launches = noted.keyless_launches.saturating_add(1);
        let lost = noted.keyless_launches >= KEYLESS_LAUNCHES;
        self.note(&mut noted).is_ok() && lost
    }

    /// The key serves, and a launch before this one was noted as keyless.
    pub(crate) fn found_its_key(&self) -> bool {
        self.was_keyless.swap(false, Ordering::Relaxed)
    }

    /// The next trouble counts from the beginning.
    pub(crate) fn forget_keyless_launches(&self) {
        if let Ok(Some(mut noted)) = self.noted() {
            noted.keyless_launches = 0;
            let _ = self.note(&mut noted);
        }
    }

    /// Notes a sign-out that the store did not take.
    pub(crate) fn note_sign_out(&self, epoch: u64) -> bool {
        self.marker
            .as_ref()
            .is_some_and(|marker| marker.note_sign_out(epoch).is_ok())
    }

    fn absent(&self, noted: &Noted) -> FirstLook {
        let signed_out = self
            .marker
            .as_ref()
            .is_some_and(|marker| marker.signed_out() != Ok(None));
        if noted.had_record && !signed_out {
            return FirstLook::Gone;
        }
        FirstLook::Opened(Opened::Absent)
    }

    /// The notes; `None` at a first start, or without a folder for them.
    fn noted(&self) -> Result<Option<Noted>, LockedCause> {
        match self.marker.as_ref().map_or(Ok(Marking::Missing), |m| m.read())? {
            Marking::Noted(noted) => Ok(Some(noted)),
            Marking::Missing | Marking::Damaged => Ok(None),
        }
    }

    fn note(&self, noted: &mut Noted) -> Result<(), LockedCause> {
        let Some(marker) = &self.marker else { return Ok(()) };
        if noted.install_id.is_empty() {
            noted.install_id = self.draw().map_err(|_| LockedCause::Unavailable)?;
        }
        marker.write(noted)
    }

    fn canary(&self) -> Result<Option<String>, Failure> {
        match self.storage.read(CANARY) {
            ReadOutcome::Found(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            ReadOutcome::Absent => Ok(None),
            ReadOutcome::Unavailable(cause) => Err(Failure::Locked(cause)),
            ReadOutcome::Corrupt => Err(Failure::Locked(LockedCause::Unavailable)),
            ReadOutcome::Misconfigured { what, fix } => Err(Failure::Misconfigured { what, fix }),
        }
    }

    /// Writes a canary and reads it back.
    fn release_canary(&self) -> Result<String, Failure> {
        let canary = self.draw()?;
        match self.storage.write(CANARY, canary.as_bytes()) {
            WriteOutcome::Acknowledged | WriteOutcome::Unconfirmed => {}
            WriteOutcome::Unavailable(cause) => return Err(Failure::Locked(cause)),
            WriteOutcome::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
        }
        if self.storage.read(CANARY) == ReadOutcome::Found(Zeroizing::new(canary.clone().into_bytes())) {
            Ok(canary)
        } else {
            Err(Failure::Storage(StorageFailure::ReadBackDiffers))
        }
    }

    fn draw(&self) -> Result<String, Failure> {
        let id = StoreId::draw(&*self.random).map_err(Failure::no_randomness)?;
        Ok(id.as_str().to_owned())
    }
}

fn fits(noted: Option<&Noted>, found: &str) -> bool {
    noted
        .and_then(|noted| noted.canary.as_deref())
        .is_none_or(|known| known == found)
}

fn unavailable(cause: LockedCause) -> FirstLook {
    FirstLook::Opened(Opened::Unavailable(cause))
}

fn refused(failure: Failure) -> FirstLook {
    FirstLook::Opened(match failure {
        Failure::Locked(cause) => Opened::Unavailable(cause),
        Failure::Misconfigured { what, fix } => Opened::Misconfigured { what, fix },
        _ => Opened::Unavailable(LockedCause::Unavailable),
    })
}
