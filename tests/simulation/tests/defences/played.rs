//! Seeds of the simulation without one defence: each is played until one is not clean, which it is with all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokencast::defence::Defence;
use tokencast_simulation::{Outcome, Plan, play_with, run};

use crate::shown_by;

/// So many seeds are played at most for a defence that the simulation must find. With `TOKENCAST_LONG=1` the others
/// get them too, for the table.
const MOST_SEEDS: u64 = 1000;

/// What came of one defence: the seed that was not clean, and what was seen.
type Found = Option<(u64, String)>;

#[test]
fn the_simulation_finds_what_it_is_said_to_find() {
    let long = std::env::var_os("TOKENCAST_LONG").is_some_and(|value| value == "1");
    let sought: Vec<Defence> = Defence::ALL
        .iter()
        .copied()
        .filter(|defence| long || shown_by(*defence).is_played())
        .collect();
    let found = find_all(&sought);
    let mut missed = Vec::new();
    for (defence, found) in found {
        match found {
            Some((seed, seen)) => eprintln!("| {defence:?} | seed {seed} | {seen} |"),
            None if shown_by(defence).is_played() => missed.push(defence),
            None => eprintln!("| {defence:?} | no seed of {MOST_SEEDS} | |"),
        }
    }
    assert!(missed.is_empty(), "no seed misses {missed:?}");
}

/// Each story that [`shown_by`] names is there, and is about that defence.
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
        let Some(name) = shown_by(*defence).story() else {
            continue;
        };
        let (_, story) = told.split_once(&format!("async fn {name}()")).expect(name);
        let story = story.split("async fn").next().unwrap_or_default();
        assert!(
            story.contains(&format!("Defence::{defence:?},")),
            "{name}: {defence:?}"
        );
    }
}

/// In the order of `sought`; one thread for each core.
fn find_all(sought: &[Defence]) -> Vec<(Defence, Found)> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<(usize, Found)> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            while let at = next.fetch_add(1, Ordering::Relaxed)
                && let Some(defence) = sought.get(at)
            {
                mine.push((at, find(*defence)));
            }
            mine
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    found.sort_by_key(|(at, _)| *at);
    sought
        .iter()
        .copied()
        .zip(found.into_iter().map(|(_, found)| found))
        .collect()
}

/// The first seed that is not clean without the defence and is with it. (That all of them are is the claim of the
/// test target `seeds`.)
fn find(defence: Defence) -> Found {
    let without =
        Arc::new(move |builder: tokencast::session::AuthSessionBuilder| builder.danger_without(defence));
    (1..=MOST_SEEDS).find_map(|seed| {
        let outcome = play_with(&Plan::of(seed), false, without.clone());
        (!outcome.is_clean() && run(seed, false).is_clean()).then(|| (seed, seen(&outcome)))
    })
}

fn seen(outcome: &Outcome) -> String {
    match outcome.violations.first() {
        Some(violation) => violation.clone(),
        None => "a session is lost".into(),
    }
}
