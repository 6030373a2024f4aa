//! What a run is made of: its seed, the faults that are planned, the users' acts that are left out.

use std::collections::BTreeSet;
use std::fmt;

use crate::chance::Chance;
use crate::fault::{Fault, FlightStep};

pub(crate) const LEAST_STEPS: u64 = 200;
pub(crate) const LEAST_FAULTS: u64 = 5;

/// A run, told in full. [`Plan::of`] is what a seed plans; the other methods take things out of it, and whatever is
/// left is drawn as the seed draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) faults: Vec<(u64, Fault, FlightStep)>,
    pub(crate) without_acts: BTreeSet<u64>,
    pub(crate) steps: u64,
    /// The run goes on until so many faults have struck.
    pub(crate) least_faults: u64,
}

impl Plan {
    /// What the seed plans: at least 200 steps and 5 faults.
    pub fn of(seed: u64) -> Self {
        // Drawn apart from the run, so that the faults can change and the rest stays.
        let mut chance = Chance::new(!seed);
        let mut at = 15;
        let faults = (0..chance.between(LEAST_FAULTS, LEAST_FAULTS + 3)).map(|_| {
            at += chance.between(5, 45);
            loop {
                let (fault, step) = (chance.pick(Fault::ALL), chance.pick(FlightStep::ALL));
                if fault.impossible_in(step).is_none() {
                    return (at, fault, step);
                }
            }
        });
        Self {
            seed,
            faults: faults.collect(),
            without_acts: BTreeSet::new(),
            steps: LEAST_STEPS,
            least_faults: LEAST_FAULTS,
        }
    }

    /// With these faults, each from its step on, and no others.
    pub fn only(mut self, faults: &[(u64, Fault, FlightStep)]) -> Self {
        self.faults = faults.to_vec();
        self.least_faults = 0;
        self
    }

    /// Without the users' acts of these numbers.
    pub fn without_acts(mut self, acts: &[u64]) -> Self {
        self.without_acts = acts.iter().copied().collect();
        self
    }

    /// Falls quiet after so many steps.
    pub fn until(mut self, steps: u64) -> Self {
        self.steps = steps;
        self.least_faults = 0;
        self
    }

    /// The faults that are planned: from which step on, which one, in which step of a flight.
    pub fn faults(&self) -> &[(u64, Fault, FlightStep)] {
        &self.faults
    }
}

/// As it can be pasted into a test.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan::of({})", self.seed)?;
        if self.least_faults == 0 {
            let faults = self.faults.iter();
            let faults = faults
                .map(|(at, fault, step)| format!("({at}, Fault::{fault:?}, FlightStep::{step:?})"))
                .collect::<Vec<_>>();
            write!(f, ".only(&[{}])", faults.join(", "))?;
        }
        if !self.without_acts.is_empty() {
            write!(
                f,
                ".without_acts(&{:?})",
                self.without_acts.iter().collect::<Vec<_>>()
            )?;
        }
        if self.steps != LEAST_STEPS {
            write!(f, ".until({})", self.steps)?;
        }
        Ok(())
    }
}
