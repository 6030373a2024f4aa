//! P6: one refresh whose record lives in the Secret Service. Floor: the bare POST, three bare reads and two bare
//! writes of an entry of the same size.

use std::sync::Arc;
use std::time::Instant;

use tokencast::storage;

use crate::bare_keyring::BareEntry;
use crate::measure::{Row, in_turns, micros};
use crate::rig::{self, MovedClock, Weighed};
use crate::server::{bare_client, bare_post, serve_fixed_bytes};

const TURNS: usize = 150;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let url = runtime.block_on(serve_fixed_bytes());
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let application = format!("dev.tokencast.bench.{}", std::process::id());
    let (store, size) = Weighed::new(storage::keyring(application.as_str()));
    let clock = Arc::new(MovedClock::default());
    let builder = rig::builder(&url)
        .storage(store)
        .state_dir(folder.path())
        .clock(clock.clone());
    let session = runtime.block_on(rig::adopted(builder))?;
    let client = bare_client();
    let entry = BareEntry::connect(&application, size.get())?;
    entry.write()?;

    let floor = || {
        let start = Instant::now();
        entry.read()?;
        entry.write()?;
        entry.read()?;
        let posted = runtime.block_on(bare_post(&client, &url));
        posted.map_err(|error| error.without_url().to_string())?;
        entry.read()?;
        entry.write()?;
        Ok::<_, String>(start.elapsed())
    };
    let ours = || {
        clock.expire();
        let start = Instant::now();
        let token = runtime.block_on(session.access_token());
        let time = start.elapsed();
        token.map_err(|error| error.to_string())?;
        Ok(time)
    };
    let medians = in_turns(TURNS, floor, ours)?;
    let act = "one refresh, Secret Service; floor: POST, 3 reads, 2 writes";
    Ok(vec![Row::new("P6", act, medians, micros, "us", Some(1.1))])
}
