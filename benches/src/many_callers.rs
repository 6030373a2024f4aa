//! P4: 10,000 callers during one refresh. Floor: a tokio watch with 10,000 receivers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::measure::{Row, in_turns, micros};
use crate::rig::{self, Gate, MovedClock};

const CALLERS: usize = 10_000;
const TURNS: usize = 15;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let gate = Gate(Arc::new(watch::Sender::new(true)));
    let clock = Arc::new(MovedClock::default());
    let session = runtime.block_on(rig::session(
        "http://127.0.0.1:1",
        Some(gate.clone()),
        clock.clone(),
    ));

    let floor = || {
        runtime.block_on(async {
            let news = watch::Sender::new(0_u64);
            let waiting: Vec<_> = (0..CALLERS)
                .map(|_| {
                    let mut news = news.subscribe();
                    tokio::spawn(async move { news.changed().await.is_ok() })
                })
                .collect();
            settle().await;
            let start = Instant::now();
            news.send_replace(1);
            for caller in waiting {
                let _ = caller.await;
            }
            Ok::<_, Infallible>(start.elapsed())
        })
    };
    let ours = || {
        runtime.block_on(async {
            clock.expire();
            gate.0.send_replace(false);
            let waiting: Vec<_> = (0..CALLERS)
                .map(|_| {
                    let session = session.clone();
                    tokio::spawn(async move { session.access_token().await.is_ok() })
                })
                .collect();
            settle().await;
            let start = Instant::now();
            gate.0.send_replace(true);
            for caller in waiting {
                assert!(caller.await.unwrap_or(false), "every caller gets a token");
            }
            Ok::<_, Infallible>(start.elapsed())
        })
    };
    let medians = in_turns(TURNS, floor, ours).unwrap_or_else(|never| match never {});
    let act = "10,000 callers of one refresh; floor: a watch";
    Ok(vec![Row::new("P4", act, medians, micros, "us", Some(2.0))])
}

/// Lets every spawned task reach its waiting.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}
