//! The Android library, in the part `kotlin`: compiled against the real framework classes and run under Robolectric. With it
//! the JavaFX example, which needs a display as well.

use anyhow::Result;

use super::kotlin;
use crate::toolbox::{Task, Toolbox};
use crate::{needs, screenless};

/// What JavaFX loads, and its packages.
const LIBRARIES: &[(&str, &str)] = &[("libgtk-3.so.0", "libgtk-3-0"), ("libXtst.so.6", "libxtst6")];

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    // A browser for the script that is injected into pages, and a display for the JavaFX window.
    needs::install(toolbox, &[screenless::CHROMIUM])?;
    needs::install(toolbox, &screenless::DISPLAY)?;
    let loadable = toolbox.program("/sbin/ldconfig").arg("-p").output()?;
    let missing = LIBRARIES
        .iter()
        .filter(|(library, _)| !loadable.contains(library));
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    needs::install_packages(toolbox, &packages)
}

/// Maven over the JVM's modules, Android's and the JavaFX example: what they stand on is compiled once.
pub(super) fn maven(toolbox: &Toolbox) -> Result<Task<'_>> {
    Ok(kotlin::maven(toolbox, "android/pom.xml").env("TOKENCAST_CHROMIUM", screenless::chromium()?))
}
