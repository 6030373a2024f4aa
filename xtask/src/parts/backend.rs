//! The reference backend: its own tests beside a PostgreSQL, and its description against what it does.

use std::path::PathBuf;

use anyhow::Result;

use super::{python, rust};
use crate::backend::Backend;
use crate::postgres::{self, Postgres};
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;

const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const DESCRIBED: [&str; 8] = [
    "exchange-once",
    "access-only",
    "per-user",
    "salted",
    "single-device",
    "rotation",
    "cookie",
    "oauth2",
];

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    postgres::set_up(toolbox)?;
    environment(toolbox).map(|_| ())
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let postgres = Postgres::start(toolbox)?;
    *tally += postgres
        .visible_to(rust::test(toolbox, &["tokencast-backend"]))
        .count(Runner::Cargo);
    drop(postgres);

    let python = environment(toolbox)?.join("bin/python");
    for scheme in DESCRIBED {
        let backend = Backend::start_with(toolbox, &["--scheme", scheme])?;
        *tally += toolbox
            .program(&python)
            .arg(
                toolbox
                    .folders
                    .in_repository("tests/backend/check_description.py"),
            )
            .arg(&backend.url)
            // schemathesis leaves its replays where it was started.
            .in_folder(toolbox.folders.builds())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .count(Runner::ExitCode);
    }
    Ok(())
}

fn environment(toolbox: &Toolbox) -> Result<PathBuf> {
    python::environment_with(toolbox, SCHEMATHESIS)
}
