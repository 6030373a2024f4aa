//! The Android library, in the part `kotlin`: compiled against the real framework classes and run under Robolectric. With it
//! the JavaFX example, which needs a display as well.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use super::kotlin;
use crate::needs::{self, Need};
use crate::toolbox::{Task, Toolbox};

/// A browser for the script that is injected into pages, and a display for the JavaFX window.
const NEEDS: &[Need] = &[
    Need {
        program: BROWSER,
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
];
const BROWSER: &str = "chromium";

/// What JavaFX loads, and its packages.
const LIBRARIES: &[(&str, &str)] = &[("libgtk-3.so.0", "libgtk-3-0"), ("libXtst.so.6", "libxtst6")];

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    needs::install(toolbox, NEEDS)?;
    let loadable = toolbox.program("/sbin/ldconfig").arg("-p").output()?;
    let missing = LIBRARIES
        .iter()
        .filter(|(library, _)| !loadable.contains(library));
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    needs::install_packages(toolbox, &packages)
}

/// Maven over the JVM's modules, Android's and the JavaFX example: what they stand on is compiled once.
pub(super) fn maven(toolbox: &Toolbox) -> Task<'_> {
    kotlin::maven(toolbox, "android/pom.xml").env("TOKENCAST_CHROMIUM", browser())
}

/// Where there is none the tests say so.
fn browser() -> OsString {
    env::var_os("TOKENCAST_CHROMIUM")
        .or_else(|| needs::on_path(BROWSER).map(PathBuf::into_os_string))
        .unwrap_or_else(|| BROWSER.into())
}
