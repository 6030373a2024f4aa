//! The Android library, in the part `kotlin`: compiled against the real framework classes and run under Robolectric.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::kotlin;
use crate::needs::{self, Need};
use crate::toolbox::{Task, Toolbox};

/// Runs the script that is injected into pages.
pub(super) const NEED: Need = Need {
    program: "chromium",
    package: "chromium",
};

/// Maven over the JVM's modules and then Android's: what both stand on is compiled once.
pub(super) fn maven(toolbox: &Toolbox) -> Task<'_> {
    kotlin::maven(toolbox, "android/pom.xml").env("TOKENCAST_CHROMIUM", browser())
}

/// Where there is none the tests say so.
fn browser() -> OsString {
    env::var_os("TOKENCAST_CHROMIUM")
        .or_else(|| needs::on_path(NEED.program).map(PathBuf::into_os_string))
        .unwrap_or_else(|| NEED.program.into())
}
