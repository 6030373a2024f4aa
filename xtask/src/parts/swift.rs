use std::path::PathBuf;

use anyhow::Result;

use crate::backend::Backend;
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};
use crate::{bindings, readme, swift_root};

/// What people wrote. The generated file keeps its generator's form, and stubs have Apple's names.
const SOURCES: [&str; 9] = [
    "ios/Package.swift",
    "ios/Sources/Tokencast",
    "ios/Sources/TokencastTesting",
    "ios/Benchmarks",
    "ios/Sample",
    "ios/Scripts",
    "ios/Tests/TokencastTests",
    "ios/Tests/TokencastTestingTests",
    "ios/Tests/WebViewTests",
];

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    swift_root::ensure(toolbox).map(|_| ())
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    bindings::build_library(toolbox)?;
    let backend = Backend::start(toolbox)?;
    *tally += lint(toolbox)?.count(Runner::ExitCode);
    readme::extract(&toolbox.folders, &readme::SWIFT)?; // the build compiles it among the tests
    // All under the thread sanitizer: another build for the tests that it has nothing to say of would take longer than they do
    // with it, and code without it runs in the webviews' build.
    *tally += swift_root::command(toolbox, &[("TOKENCAST_BACKEND", backend.url.clone().into())])?
        .args(["swift", "test", "--package-path"])
        .arg(toolbox.folders.in_repository("ios"))
        .arg("--scratch-path")
        .arg(swift_root::build_folder(toolbox).join("thread"))
        .args(["--sanitize=thread", "-Xswiftc", "-DTHREAD_SANITIZER"])
        .args(["-Xswiftc", "-warnings-as-errors", "--disable-xctest"])
        .count(Runner::Swift);
    super::ios::run(toolbox, tally)
}

/// Runs the Swift side of P3, optimised, with an optimised library, and says in which file its rows are.
pub(crate) fn bench(toolbox: &Toolbox) -> Result<PathBuf> {
    set_up(toolbox)?;
    toolbox
        .cargo(["build", "--quiet", "--release", "--package", "tokencast-ffi"])
        .succeeds()?;
    let library = toolbox.folders.target.join("release");
    // Linked with another library than the tests: SwiftPM would build all of it anew, back and forth.
    let rows = swift_root::command(toolbox, &[("TOKENCAST_LIB_DIR", library.into())])?
        .args([
            "swift",
            "run",
            "--quiet",
            "--configuration",
            "release",
            "--package-path",
        ])
        .arg(toolbox.folders.in_repository("ios"))
        .arg("--scratch-path")
        .arg(swift_root::build_folder(toolbox).join("release"))
        .arg("CachedRead")
        .output()?;
    let file = toolbox.folders.target.join("rows-P3.jsonl");
    std::fs::write(&file, rows)?;
    Ok(file)
}

fn lint(toolbox: &Toolbox) -> Result<Task<'_>> {
    Ok(swift_root::command(toolbox, &[])?
        .args(["swift", "format", "lint", "--strict", "--recursive"])
        .args(SOURCES.map(|path| toolbox.folders.in_repository(path))))
}
