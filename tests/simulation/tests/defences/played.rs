//! Seeds of the simulation without one defence: each is played until one is not clean, which it is with all of them.

use std::fmt::Write as _;
use std::sync::Arc;

use tokencast::defence::Defence;
use tokencast_simulation::{Outcome, Plan, play_with, run};

use crate::{Shown, shown_by};

/// So many seeds are played for each, and tenfold with `TOKENCAST_LONG=1`.
const MOST_SEEDS: u64 = 400;

#[test]
fn the_simulation_finds_what_it_is_said_to_find() {
    let mut missed = String::new();
    for defence in Defence::ALL {
        match find(*defence) {
            Some((seed, seen)) => {
                let seen = what(&seen);
                eprintln!("| {defence:?} | seed {seed} | {seen} |");
                let with_all = run(seed, false);
                assert!(
                    with_all.is_clean(),
                    "seed {seed} with all: {:?}",
                    with_all.violations
                );
            }
            None if shown_by(*defence) == Shown::Played => {
                let _ = writeln!(missed, "{defence:?}"); // a string takes all
            }
            None => eprintln!("| {defence:?} | no seed of {} | |", most_seeds()),
        }
    }
    assert!(missed.is_empty(), "no seed misses these:\n{missed}");
}

/// Each story that [`shown_by`] names is there, once.
#[test]
fn every_story_that_is_named_is_told() {
    let told = [
        include_str!("stories/endings.rs"),
        include_str!("stories/exchanges.rs"),
        include_str!("stories/saves.rs"),
        include_str!("stories/tokens.rs"),
    ]
    .concat();
    for defence in Defence::ALL {
        if let Shown::Told(name) = shown_by(*defence) {
            assert!(
                told.contains(&format!("async fn {name}()")),
                "{defence:?}: {name}"
            );
            assert!(told.contains(&format!("Defence::{defence:?},")), "{defence:?}");
        }
    }
}

/// The first seed that is not clean without the defence.
fn find(defence: Defence) -> Option<(u64, Outcome)> {
    let without =
        Arc::new(move |builder: tokencast::session::AuthSessionBuilder| builder.danger_without(defence));
    (1..=most_seeds()).find_map(|seed| {
        let outcome = play_with(&Plan::of(seed), false, without.clone());
        (!outcome.is_clean()).then_some((seed, outcome))
    })
}

fn what(outcome: &Outcome) -> String {
    match outcome.violations.first() {
        Some(violation) => violation.clone(),
        None => "a session is lost".into(),
    }
}

fn most_seeds() -> u64 {
    let long = std::env::var_os("TOKENCAST_LONG").is_some_and(|value| value == "1");
    if long { MOST_SEEDS * 10 } else { MOST_SEEDS }
}
