//! Many seeds, on all cores.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::Report;
use crate::run::run;

/// Progress is told after so many seeds.
const TELL_EVERY: u64 = 2_000;

/// Plays `seeds` seeds from `first` on; `progress` hears how many were begun. Each seed is alone on its thread; the sum
/// does not depend on who ran it.
pub fn sweep(first: u64, seeds: u64, progress: impl Fn(u64) + Sync) -> Report {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut whole = Report::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut part = Report::default();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= seeds {
                            return part;
                        }
                        if at > 0 && at.is_multiple_of(TELL_EVERY) {
                            progress(at);
                        }
                        part.add(&run(first.wrapping_add(at), false));
                    }
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => whole.merge(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    whole
}
