use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::needs::{self, Need};
use crate::readme;
use crate::screenless;
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};

const NEEDS: &[Need] = &[
    Need {
        program: "npm",
        package: "npm",
    },
    screenless::CHROMIUM,
];

/// `npm ci` throws all modules away, so it runs only when the lock file is another than the installed one.
pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    needs::install(toolbox, NEEDS)?;
    let lock = toolbox.folders.in_repository("bindings/web/package-lock.json");
    let installed = toolbox
        .folders
        .in_repository("bindings/web/node_modules/.installed-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("{} cannot be read", lock.display()))?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    npm(toolbox, &["ci", "--no-audit", "--no-fund"]).succeeds()?;
    Ok(fs::write(installed, wanted)?)
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += npm(toolbox, &["run", "typecheck"]).count(Runner::ExitCode);
    // The built script is committed, so that Rust builds need no Node.
    *tally += npm(toolbox, &["run", "stale"]).count(Runner::ExitCode);
    // The browser tests bring the development host and a backend themselves; build them before their clock runs.
    toolbox
        .cargo([
            "build",
            "--package",
            "tokencast-devhost",
            "--package",
            "tokencast-backend",
        ])
        .succeeds()?;
    *tally += npm(toolbox, &["test"])
        .env("TOKENCAST_CHROMIUM", screenless::chromium()?)
        .env(
            "TOKENCAST_BACKEND_PROGRAM",
            toolbox.folders.built("tokencast-backend"),
        )
        .count(Runner::Node);
    readme::extract(&toolbox.folders, &readme::TYPESCRIPT)?;
    *tally += npm(toolbox, &["exec", "--", "tsc", "--project", "readme"]).count(Runner::ExitCode);
    Ok(())
}

/// Where the client is measured beside axios with axios-auth-refresh: the file with both of them bundled.
pub(super) fn peer_bundle(toolbox: &Toolbox) -> Result<PathBuf> {
    set_up(toolbox)?;
    let file = toolbox
        .folders
        .in_repository("bindings/web/node_modules/.peer.js");
    npm(toolbox, &["run", "peer", "--"]).arg(&file).succeeds()?;
    Ok(file)
}

fn npm<'a>(toolbox: &'a Toolbox, arguments: &[&str]) -> Task<'a> {
    toolbox
        .program("npm")
        .args(arguments)
        .in_folder(toolbox.folders.in_repository("bindings/web"))
}
