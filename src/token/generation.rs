use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::{NoRandomness, Random};

/// The name of a token set that reveals nothing of it.
///
/// `epoch` grows at each sign-in and sign-out and is kept when signed out; `number` grows at each accepted token
/// set and at the tombstone of a dead session. Generations are ordered by epoch, then number; they compare only
/// within one [`StoreId`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation {
    /// Grows at each sign-in and sign-out.
    pub epoch: u64,
    /// Grows at each accepted token set of the epoch.
    pub number: u64,
}

impl Generation {
    /// The generation named by the two.
    pub const fn new(epoch: u64, number: u64) -> Self {
        Self { epoch, number }
    }

    /// The next token set of the same epoch.
    pub const fn next(self) -> Self {
        Self {
            epoch: self.epoch,
            number: self.number.saturating_add(1),
        }
    }

    /// The first token set of the next epoch.
    pub const fn next_epoch(self) -> Self {
        Self {
            epoch: self.epoch.saturating_add(1),
            number: 1,
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

/// The random name of a storage entry, made with it. A page that outlives the app learns by another `StoreId`
/// that the generations it knows no longer compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(String);

impl StoreId {
    /// Draws a new name of 128 random bits.
    pub fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self(super::credential::hex(&bytes)))
    }

    /// The name as text, lower-case hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for StoreId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_epoch_is_newer_whatever_the_number() {
        assert!(Generation::new(2, 1) > Generation::new(1, 99));
        assert!(Generation::new(1, 2) > Generation::new(1, 1));
        assert!(Generation::new(7, 7).next_epoch() > Generation::new(7, u64::MAX));
    }
}
