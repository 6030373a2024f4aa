//! P1: a token that is there. Floor: one `ArcSwap::load_full` and one read of the same clock.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokencast::time::{Clock, SystemClock};

use crate::measure::{Row, in_turns, nanos_each, timed};
use crate::{peer, rig};

const READS: u32 = 200_000;
const TURNS: usize = 31;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let session = runtime.block_on(rig::session("http://127.0.0.1:1", None, Arc::new(SystemClock)));
    let slot = Arc::new(ArcSwap::from_pointee(7_u64));
    // Through the trait object, as a session holds it.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut rows: Vec<_> = [1, 8]
        .map(|threads| {
            let (slot, clock, session) = (slot.clone(), clock.clone(), session.clone());
            let floor = move || {
                black_box(slot.load_full());
                black_box(clock.boot());
            };
            let ours = move || {
                black_box(session.current_token());
            };
            let medians = in_turns::<Infallible>(
                TURNS,
                || Ok(on_threads(threads, floor.clone())),
                || Ok(on_threads(threads, ours.clone())),
            );
            let medians = medians.unwrap_or_else(|never| match never {});
            let act = format!("cached read, {threads} thread(s); floor: load_full and the clock");
            Row::new(
                if threads == 1 { "P1" } else { "P1-8" },
                &act,
                medians,
                nanos_each(READS),
                "ns",
                Some(1.1),
            )
        })
        .into();
    rows.push(peer::measure(&runtime)?);
    Ok(rows)
}

/// The time that all threads need for `READS` acts each.
fn on_threads(threads: usize, act: impl Fn() + Clone + Send + 'static) -> Duration {
    if threads == 1 {
        return timed(|| (0..READS).for_each(|_| act())).0;
    }
    let start = Arc::new(Barrier::new(threads + 1));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (start, act) = (start.clone(), act.clone());
            std::thread::spawn(move || {
                start.wait();
                (0..READS).for_each(|_| act());
            })
        })
        .collect();
    start.wait();
    timed(|| {
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("no act panics"))
    })
    .0
}
