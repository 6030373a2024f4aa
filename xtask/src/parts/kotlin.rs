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
    needs::install(toolbox, NEEDS)
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let library = bindings::build_library(toolbox)?;
    let backend = Backend::start(toolbox)?;
    readme::extract(&toolbox.folders, &readme::KOTLIN)?; // the build compiles it among the tests
    let maven = toolbox
        .program("mvn")
        .args(["--batch-mode", "--no-transfer-progress", "--file"])
        .arg(toolbox.folders.in_repository("bindings/kotlin/pom.xml"))
        // The compiler's daemon would outlive us with half a gigabyte of memory.
        .args([
            "-Dkotlin.compiler.daemon=false",
            "-Dstyle.color=never",
            "clean",
            "verify",
        ])
        .arg(format!("-Djna.library.path={}", library.display()))
        .env("TOKENCAST_LIB_DIR", &library)
        .env("TOKENCAST_BACKEND", &backend.url);
    *tally += maven.count(Runner::Maven);
    android::run(toolbox, &library, &backend, tally)
}
