//! P5: one refresh with a store in memory, against a server of fixed bytes on a warm connection. Floor: the same
//! POST by bare reqwest.

use std::sync::Arc;
use std::time::Instant;

use crate::measure::{Row, in_turns, micros};
use crate::rig::{self, MovedClock};
use crate::server::{bare_client, bare_post, serve_fixed_bytes};

const TURNS: usize = 2_000;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let url = runtime.block_on(serve_fixed_bytes());
    let clock = Arc::new(MovedClock::default());
    let session = runtime.block_on(rig::session(&url, None, clock.clone()));
    let client = bare_client();

    let floor = || {
        runtime.block_on(async {
            let start = Instant::now();
            bare_post(&client, &url).await?;
            Ok::<_, reqwest::Error>(start.elapsed())
        })
    };
    let ours = || {
        runtime.block_on(async {
            clock.expire();
            let start = Instant::now();
            let token = session.access_token().await;
            let time = start.elapsed();
            assert!(token.is_ok(), "the server always answers");
            Ok(time)
        })
    };
    let medians = in_turns(TURNS, floor, ours).map_err(|error| error.without_url().to_string())?;
    let act = "one refresh, memory storage; floor: the bare POST";
    Ok(vec![Row::new("P5", act, medians, micros, "us", Some(1.3))])
}
