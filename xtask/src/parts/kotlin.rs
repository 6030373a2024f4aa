use std::path::PathBuf;

use anyhow::Result;

use super::android;
use crate::backend::Backend;
use crate::needs::{self, Need};
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};
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
    readme::extract(&toolbox.folders, &readme::KOTLIN)?; // a module of the build compiles it
    let maven = android::maven(toolbox)?
        .args(["clean", "verify"])
        .env("TOKENCAST_LIB_DIR", &library)
        .env("TOKENCAST_NATIVES", natives(toolbox)?)
        .env("TOKENCAST_BACKEND", &backend.url);
    *tally += maven.count(Runner::Maven);
    Ok(())
}

/// Builds the programs of P2, runs them and says where their rows are.
pub(crate) fn bench(toolbox: &Toolbox) -> Result<PathBuf> {
    needs::install(toolbox, NEEDS)?;
    toolbox
        .cargo(["build", "--quiet", "--release", "--package", "tokencast-ffi"])
        .succeeds()?;
    maven(toolbox, "bindings/kotlin/pom.xml")
        .args([
            "--quiet",
            "-Pbench",
            "-Dmaven.test.skip=true",
            "--projects",
            "bench",
            "--also-make",
            "package",
        ])
        .succeeds()?;
    let built = toolbox.folders.in_repository("bindings/kotlin/bench/target");
    let dependencies = std::fs::read_to_string(built.join("classpath"))?;
    let library = toolbox.folders.target.join("release");
    let rows = toolbox.folders.target.join("rows-P2.jsonl");
    toolbox
        .program("java")
        .arg("-cp")
        .arg(format!(
            "{}:{}",
            built.join("classes").display(),
            dependencies.trim()
        ))
        .arg(format!("-Djna.library.path={}", library.display()))
        .arg("dev.tokencast.bench.RowsKt")
        .arg(&rows)
        .succeeds()?;
    Ok(rows)
}

/// The library as a release lays it out: a folder for each platform, by JNA's names. Here it is this machine's alone.
fn natives(toolbox: &Toolbox) -> Result<PathBuf> {
    let folder = toolbox.folders.target.join("natives");
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "x86-64",
        other => other,
    };
    let platform = folder.join(format!("linux-{architecture}"));
    std::fs::create_dir_all(&platform)?;
    std::fs::copy(
        toolbox.folders.built(bindings::LIBRARY),
        platform.join(bindings::LIBRARY),
    )?;
    Ok(folder)
}

/// Maven over the modules of one of our POMs.
pub(super) fn maven<'a>(toolbox: &'a Toolbox, pom: &str) -> Task<'a> {
    toolbox
        .program("mvn")
        .args(["--batch-mode", "--no-transfer-progress", "--file"])
        .arg(toolbox.folders.in_repository(pom))
        // The compiler's daemon would outlive us with half a gigabyte of memory.
        .args(["-Dkotlin.compiler.daemon=false", "-Dstyle.color=never"])
}
