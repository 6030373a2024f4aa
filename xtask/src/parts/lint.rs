use anyhow::Result;

use crate::licences;
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += toolbox.cargo(["fmt", "--all", "--check"]).count(Runner::ExitCode);
    let strict = ["--", "-D", "warnings"];
    *tally += toolbox
        .cargo(["clippy", "--workspace", "--all-targets"])
        .args(strict)
        .count(Runner::ExitCode);
    if toolbox.long {
        let thin = ["clippy", "--package", "tokencast", "--no-default-features"];
        *tally += toolbox.cargo(thin).args(strict).count(Runner::ExitCode);
    }
    *tally += licences::check(toolbox)?;
    Ok(())
}
