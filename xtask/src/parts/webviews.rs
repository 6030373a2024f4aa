use anyhow::Result;

use super::web;
use crate::needs::{self, Need};
use crate::screenless;
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};

const NEEDS: &[Need] = &[
    screenless::CHROMIUM,
    screenless::DISPLAY[0],
    screenless::DISPLAY[1],
    Need {
        program: "pkg-config",
        package: "pkg-config",
    },
];
const WEBKIT: &str = "libwebkitgtk-6.0-dev";

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    needs::install(toolbox, NEEDS)?;
    // A library: no program shows that it is there.
    let finds = ["--exists", "--print-errors", "webkitgtk-6.0"];
    if toolbox.program("pkg-config").args(finds).output().is_ok() {
        return Ok(());
    }
    needs::install_packages(toolbox, &[WEBKIT])
}

/// `lint` sees the packages without WebKitGTK, which not every machine has.
pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    *tally += with_webkit(toolbox.cargo(["clippy", "--all-targets"]))
        .args([
            "--package",
            "tokencast-demo",
            "--features",
            "tokencast-demo/webview",
        ])
        .args(["--", "-D", "warnings"])
        .count(Runner::ExitCode);
    with_webkit(toolbox.cargo(["test", "--no-run"])).succeeds()?;
    let tests = screenless(toolbox, &["test", "--no-fail-fast"])?;
    *tally += with_webkit(tests)
        .args(["--", "--show-output"]) // kept, and searched for tokens
        .count(Runner::Cargo);
    Ok(())
}

/// The benchmarks with the rows that have pages, and what these need. The caller adds what to measure.
pub(crate) fn bench(toolbox: &Toolbox) -> Result<Task<'_>> {
    set_up(toolbox)?;
    let peer = web::peer_bundle(toolbox)?;
    let package = [
        "--package",
        "tokencast-bench",
        "--features",
        "tokencast-bench/webkit",
    ];
    let optimised = ["--quiet", "--release"];
    // Built apart: a display of its own is not kept waiting.
    toolbox
        .cargo(["build"])
        .args(optimised)
        .args(package)
        .succeeds()?;
    Ok(screenless(toolbox, &["run"])?
        .args(optimised)
        .args(package)
        .env("TOKENCAST_PEER_BUNDLE", peer))
}

/// Cargo on a display of its own, which nobody sees, and where it finds Chromium.
fn screenless<'a>(toolbox: &'a Toolbox, arguments: &[&str]) -> Result<Task<'a>> {
    let task = toolbox
        .program("xvfb-run")
        .args(["-a", "cargo"])
        .args(arguments)
        .env("TOKENCAST_CHROMIUM", screenless::chromium()?);
    let screenless = |task: Task<'a>, (name, value): &(&str, &str)| task.env(name, value);
    Ok(screenless::DRAWING.iter().fold(task, screenless))
}

fn with_webkit(task: Task<'_>) -> Task<'_> {
    let packages = [
        "tokencast-chromium",
        "tokencast-webkitgtk",
        "tokencast-webviews",
        "tokencast-threats",
        "tokencast-demo",
    ];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    task.args(packages)
        .args(["--features", "tokencast-webkitgtk/webkit"])
        .args(["--features", "tokencast-webviews/webkit"])
        .args(["--features", "tokencast-threats/webkit"])
        .args(["--features", "tokencast-demo/browser"])
}
