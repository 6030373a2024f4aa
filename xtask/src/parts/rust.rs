//! The parts that are Rust alone.

use anyhow::Result;

use crate::bindings;
use crate::needs;
use crate::postgres::{self, Postgres};
use crate::secret_service::{self, SecretService};
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};

pub(super) fn set_up_core(toolbox: &Toolbox) -> Result<()> {
    postgres::set_up(toolbox)?;
    needs::install(toolbox, secret_service::NEEDS)
}

/// Among others the doctests, which are README's Rust lines, `tests/architecture`, and `tests/stories`, which want a
/// PostgreSQL.
pub(super) fn test_core(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let keyring = SecretService::start(toolbox)?;
    let postgres = Postgres::start(toolbox)?;
    let core = test(
        toolbox,
        &[
            "tokencast",
            "tokencast-devhost",
            "tokencast-crash-tests",
            "tokencast-fault-proxy",
            "tokencast-secret-search",
            "xtask",
        ],
    );
    *tally += postgres.visible_to(keyring.visible_to(core)).count(Runner::Cargo);
    Ok(())
}

pub(super) fn test_bindings(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += test(toolbox, &["tokencast-ffi"]).count(Runner::Cargo);
    bindings::compare(toolbox, tally)
}

pub(super) fn check_demo(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += toolbox
        .cargo(["demo", "--", "--check", "--all-schemes"])
        .count(Runner::ExitCode);
    Ok(())
}

pub(super) fn test_conformance(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += test(toolbox, &["tokencast-conformance"]).count(Runner::Cargo);
    Ok(())
}

pub(super) fn test_simulation(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += test(toolbox, &["tokencast-simulation"]).count(Runner::Cargo);
    // A core of its own, in which defences can be taken out.
    let taken_out = ["--features", "danger-switches", "--test", "defences"];
    *tally += test_with(toolbox, &["tokencast-simulation"], &taken_out).count(Runner::Cargo);
    Ok(())
}

pub(super) fn test<'a>(toolbox: &'a Toolbox, packages: &[&str]) -> Task<'a> {
    test_with(toolbox, packages, &[])
}

fn test_with<'a>(toolbox: &'a Toolbox, packages: &[&str], options: &[&str]) -> Task<'a> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    toolbox
        .cargo(["test", "--no-fail-fast"])
        .args(packages)
        .args(options)
        .args(["--", "--show-output"]) // kept, and searched for tokens
}
