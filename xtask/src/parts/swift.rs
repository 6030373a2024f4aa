use anyhow::Result;

use crate::backend::Backend;
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;
use crate::{bindings, readme, swift_root};

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    swift_root::ensure(toolbox).map(|_| ())
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    bindings::build_library(toolbox)?;
    let backend = Backend::start(toolbox)?;
    readme::extract(&toolbox.folders, &readme::SWIFT)?; // the build compiles it among the tests
    let tests = swift_root::command(toolbox, &[("TOKENCAST_BACKEND", backend.url.clone().into())])?
        .args(["swift", "test", "--package-path"])
        .arg(toolbox.folders.in_repository("ios"))
        .arg("--scratch-path")
        .arg(swift_root::build_folder(toolbox));
    *tally += tests.count(Runner::Swift);
    super::ios::run(toolbox, tally)
}
