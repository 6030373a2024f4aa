//! What came of one seed, and of many.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fault::{Fault, FlightStep};

/// What came of one seed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The seed that plays it again.
    pub seed: u64,
    /// Polls, jobs and moves of time.
    pub steps: u64,
    /// How often which fault struck in which step.
    pub struck: BTreeMap<(Fault, FlightStep), u64>,
    /// Sign-ins that succeeded.
    pub sessions: u64,
    /// Whether the server kept the idempotency contract.
    pub contract: bool,
    /// How many processes shared the entry.
    pub processes: usize,
    /// Sessions lost by the client's doing: with the contract any that nobody ended.
    pub lost_by_client: u64,
    /// Sessions that no client of plain rotation could have kept.
    pub lost_by_server: u64,
    /// Invariants that were broken.
    pub violations: Vec<String>,
    /// What the users did, acts that were left out included.
    pub acts: u64,
    /// The fingerprint of the whole run.
    pub hash: u64,
    /// The run's lines, when asked for.
    pub trace: Vec<String>,
}

impl Outcome {
    /// Whether all was as it must be.
    pub fn is_clean(&self) -> bool {
        self.failure().is_none()
    }

    /// What was wrong first.
    pub fn failure(&self) -> Option<String> {
        let lost = (self.lost_by_client > 0).then(|| "a session was lost".to_owned());
        self.violations.first().cloned().or(lost)
    }
}

/// The sum of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    seeds: u64,
    steps: u64,
    faults: u64,
    sessions: u64,
    lost_by_client: u64,
    lost_by_server: u64,
    violations: u64,
    /// The fewest steps and faults of a seed.
    least: Option<(u64, u64)>,
    struck: BTreeMap<(Fault, FlightStep), u64>,
    /// The first seeds that were not clean, with what was wrong.
    failed: Vec<(u64, String)>,
}

/// So many failed seeds are named.
const MOST_NAMED: usize = 20;

impl Report {
    /// Adds one seed.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.sessions += outcome.sessions;
        self.lost_by_client += outcome.lost_by_client;
        self.lost_by_server += outcome.lost_by_server;
        self.violations += outcome.violations.len() as u64;
        let faults = outcome.struck.values().sum();
        self.at_least((outcome.steps, faults));
        for (pair, times) in &outcome.struck {
            self.faults += times;
            *self.struck.entry(*pair).or_default() += times;
        }
        if let Some(what) = outcome.failure() {
            self.failed.push((outcome.seed, what));
            self.failed.sort();
            self.failed.truncate(MOST_NAMED);
        }
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.faults += other.faults;
        self.sessions += other.sessions;
        self.lost_by_client += other.lost_by_client;
        self.lost_by_server += other.lost_by_server;
        self.violations += other.violations;
        if let Some(least) = other.least {
            self.at_least(least);
        }
        for (pair, times) in other.struck {
            *self.struck.entry(pair).or_default() += times;
        }
        self.failed.extend(other.failed);
        self.failed.sort();
        self.failed.truncate(MOST_NAMED);
    }

    /// The fewest steps and the fewest faults of a seed.
    pub fn least(&self) -> (u64, u64) {
        self.least.unwrap_or_default()
    }

    fn at_least(&mut self, (steps, faults): (u64, u64)) {
        let (fewest_steps, fewest_faults) = self.least.unwrap_or((steps, faults));
        self.least = Some((fewest_steps.min(steps), fewest_faults.min(faults)));
    }

    /// Whether every seed was clean.
    pub fn is_clean(&self) -> bool {
        self.lost_by_client == 0 && self.violations == 0
    }

    /// The seeds that were not clean, and what was wrong first.
    pub fn failed(&self) -> &[(u64, String)] {
        &self.failed
    }

    /// The possible pairs that no seed met.
    pub fn unmet(&self) -> Vec<(Fault, FlightStep)> {
        let all = Fault::ALL
            .iter()
            .flat_map(|fault| FlightStep::ALL.iter().map(|step| (*fault, *step)));
        all.filter(|(fault, step)| fault.impossible_in(*step).is_none())
            .filter(|pair| !self.struck.contains_key(pair))
            .collect()
    }

    /// One object: the sums, and a table of each fault and step: a count, or why it cannot be.
    pub fn to_json(&self) -> Value {
        let rows = Fault::ALL.iter().map(|fault| {
            let cells = FlightStep::ALL.iter().map(|step| {
                let cell = match fault.impossible_in(*step) {
                    Some(reason) => json!(reason),
                    None => json!(self.struck.get(&(*fault, *step)).copied().unwrap_or(0)),
                };
                (format!("{step:?}"), cell)
            });
            (format!("{fault:?}"), Value::Object(cells.collect()))
        });
        json!({
            "seeds": self.seeds,
            "steps": self.steps,
            "faults": self.faults,
            "sessions": self.sessions,
            "lost_by_client": self.lost_by_client,
            "lost_by_server": self.lost_by_server,
            "violations": self.violations,
            "failed": self.failed.iter().map(|(seed, what)| json!({"seed": seed, "what": what})).collect::<Vec<_>>(),
            "table": Value::Object(rows.collect()),
        })
    }
}
