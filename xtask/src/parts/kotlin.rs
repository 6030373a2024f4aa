use anyhow::Result;

use super::android;
use crate::backend::Backend;
use crate::needs::{self, Need};
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;
use crate::{bindings, readme};

const NEEDS: &[Need] = &[
    Need {
        program: "javac",
        package: "openjdk-17-jdk-headless",
    },
    Need {
        program: "mvn",
        package: "maven",
    },
];

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    needs::install(toolbox, NEEDS)?;
    android::set_up(toolbox)
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let library = bindings::build_library(toolbox)?;
    let backend = Backend::start(toolbox)?;
    readme::extract(&toolbox.folders, &readme::KOTLIN)?; // the build compiles it among the tests
    let maven = android::maven(toolbox)
        .args(["clean", "verify"])
        .env("TOKENCAST_LIB_DIR", &library)
        .env("TOKENCAST_BACKEND", &backend.url);
    *tally += maven.count(Runner::Maven);
    Ok(())
}
