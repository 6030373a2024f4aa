use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::needs::{self, Need};
use crate::tally::{Runner, Tally};
use crate::toolbox::{Task, Toolbox};

const NEEDS: &[Need] = &[
    Need {
        program: "chromium",
        package: "chromium",
    },
    Need {
        program: "xvfb-run",
        package: "xvfb",
    },
    Need {
        program: "xauth",
        package: "xauth",
    },
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
    let chromium = env::var_os("TOKENCAST_CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| needs::on_path("chromium"));
    let tests = toolbox
        .program("xvfb-run")
        .args(["-a", "cargo", "test", "--no-fail-fast"])
        .env(
            "TOKENCAST_CHROMIUM",
            chromium.context("there is no chromium on the path")?,
        );
    let tests = SCREENLESS
        .iter()
        .fold(tests, |tests, (name, value)| tests.env(name, value));
    *tally += with_webkit(tests)
        .args(["--", "--show-output"]) // kept, and searched for tokens
        .count(Runner::Cargo);
    Ok(())
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

/// Drawing without a graphics card; WebKit's own sandbox cannot be had in a container.
const SCREENLESS: [(&str, &str); 5] = [
    ("GDK_BACKEND", "x11"),
    ("GSK_RENDERER", "cairo"),
    ("LIBGL_ALWAYS_SOFTWARE", "1"),
    ("GTK_A11Y", "none"),
    ("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1"),
];
