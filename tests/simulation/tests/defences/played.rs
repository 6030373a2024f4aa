use std::sync::Arc;
use tokencast::defence::Defence;
use tokencast_simulation::{Plan, play_with};

#[test]
fn explore() {
    let most: u64 = std::env::var("SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(300);
    let only = std::env::var("ONLY").ok();
    for defence in Defence::ALL {
        if only
            .as_ref()
            .is_some_and(|only| !only.split(',').any(|o| o == format!("{defence:?}")))
        {
            continue;
        }
        let started = std::time::Instant::now();
        let mut found = None;
        for seed in 1..=most {
            let outcome = play_with(
                &Plan::of(seed),
                false,
                Arc::new(|builder| builder.danger_without(*defence)),
            );
            if !outcome.is_clean() {
                found = Some((seed, outcome));
                break;
            }
        }
        match found {
            Some((seed, o)) => eprintln!(
                "{defence:?} | {seed} | {} | lost {} | {:?}",
                o.contract,
                o.lost_by_client,
                o.violations.first()
            ),
            None => eprintln!("{defence:?} | NOT in {most} | {:?}", started.elapsed()),
        }
    }
}
