//! Every world that can be reached, breadth first, and the shortest way to each kind of loss.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};
use std::fmt::Write;
use std::hash::{BuildHasherDefault, Hasher};

use super::super::Plan;
use super::cast::Cast;
use super::faults::Happened;
use super::moves::{Move, Moves};
use super::world::{Variant, World};

/// What a search saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) worlds: usize,
    pub(super) moves: usize,
    /// States of the real flight.
    pub(super) flights: usize,
    pub(super) most_exchanges: u8,
    /// The smallest sets of faults that lose, each with its shortest story.
    pub(super) losses: BTreeMap<Happened, String>,
}

impl Seen {
    pub(super) fn kinds(&self) -> Vec<Happened> {
        self.losses.keys().copied().collect()
    }
}

/// Visits all worlds of a variant.
pub(super) fn explore(variant: &Variant) -> Seen {
    let mut cast = Cast::new(plan(variant));
    let first = World::first(variant);
    let mut worlds = vec![first];
    let mut came_by: Vec<(u32, Option<Move>)> = vec![(0, None)];
    let mut numbers: HashMap<World, (), BuildHasherDefault<Mixer>> = HashMap::default();
    numbers.insert(first, ());
    let mut losses: BTreeMap<Happened, u32> = BTreeMap::new();
    let mut count = 0;
    let mut most_exchanges = 0;
    let mut moves = Moves {
        variant,
        cast: &mut cast,
        found: Vec::new(),
    };
    let mut at = 0;
    while at < worlds.len() {
        let world = worlds[at];
        let number = u32::try_from(at).expect("fewer worlds than numbers");
        at += 1;
        most_exchanges = most_exchanges.max(world.server.exchanges());
        if world.lost() {
            losses.entry(world.happened).or_insert(number);
            continue;
        }
        moves.from(&world);
        // With nothing to come but further faults, the world is at rest.
        let at_rest = moves.found.iter().all(|(step, _)| step.is_a_new_fault());
        if at_rest && world.stuck(variant) {
            losses.entry(world.happened).or_insert(number);
        }
        count += moves.found.len();
        for (step, next) in moves.found.drain(..) {
            if let Entry::Vacant(vacant) = numbers.entry(next) {
                vacant.insert(());
                worlds.push(next);
                came_by.push((number, Some(step)));
            }
        }
    }
    let smallest: Vec<Happened> = losses
        .keys()
        .copied()
        .filter(|set| !losses.keys().any(|other| other != set && set.includes(*other)))
        .collect();
    Seen {
        worlds: worlds.len(),
        moves: count,
        flights: cast.flights(),
        most_exchanges,
        losses: smallest
            .into_iter()
            .map(|set| (set, story(losses[&set], &worlds, &came_by)))
            .collect(),
    }
}

fn plan(variant: &Variant) -> Plan {
    let profile = crate::profile::ServerProfile::rotation("https://api.example.com").unwrap();
    let header = variant.rules.contract.then_some("Idempotency-Key");
    Plan {
        releases_unsaved: variant.releases_unsaved,
        ..Plan::new(&profile.with_idempotency_key(header), true)
    }
}

fn story(last: u32, worlds: &[World], came_by: &[(u32, Option<Move>)]) -> String {
    let mut steps = Vec::new();
    let mut at = last;
    while let (before, Some(step)) = came_by[at as usize] {
        steps.push(step);
        at = before;
    }
    let mut text = String::new();
    for (number, step) in steps.iter().rev().enumerate() {
        let _ = writeln!(text, "{:3} {step:?}", number + 1);
    }
    let _ = writeln!(text, "    {:?}", worlds[last as usize]);
    text
}

/// A quick hash: the keys are the model's own.
#[derive(Default)]
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}
