//! The parts that are Rust alone.

use anyhow::Result;

use crate::bindings;
use crate::needs;
use crate::secret_service::{self, SecretService};
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;

pub(super) fn set_up_core(toolbox: &Toolbox) -> Result<()> {
    needs::install(toolbox, secret_service::NEEDS)
}

/// Among others the doctests, which are README's Rust lines, and `tests/architecture.rs`.
pub(super) fn test_core(toolbox: &Toolbox) -> Result<Tally> {
    let keyring = SecretService::start(toolbox)?;
    let packages = [
        "--package",
        "tokencast",
        "--package",
        "tokencast-devhost",
        "--package",
        "xtask",
    ];
    let tests = toolbox.cargo(["test", "--no-fail-fast"]).args(packages);
    Ok(keyring.visible_to(tests).count(Runner::Cargo))
}

pub(super) fn test_backend(toolbox: &Toolbox) -> Result<Tally> {
    Ok(toolbox
        .cargo(["test", "--no-fail-fast", "--package", "tokencast-backend"])
        .count(Runner::Cargo))
}

pub(super) fn test_bindings(toolbox: &Toolbox) -> Result<Tally> {
    let mut tally = toolbox
        .cargo(["test", "--no-fail-fast", "--package", "tokencast-ffi"])
        .count(Runner::Cargo);
    tally += bindings::compare(toolbox)?;
    Ok(tally)
}

pub(super) fn check_demo(toolbox: &Toolbox) -> Result<Tally> {
    Ok(toolbox.cargo(["demo", "--", "--check"]).count(Runner::ExitCode))
}
