//! What tests with a browser or a window need on a machine without a screen.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::needs::{self, Need};

pub(crate) const CHROMIUM: Need = Need {
    program: "chromium",
    package: "chromium",
};
/// A display that nobody sees.
pub(crate) const DISPLAY: [Need; 2] = [
    Need {
        program: "xvfb-run",
        package: "xvfb",
    },
    Need {
        program: "xauth",
        package: "xauth",
    },
];

/// Drawing without a graphics card; WebKit's own sandbox cannot be had in a container.
pub(crate) const DRAWING: [(&str, &str); 5] = [
    ("GDK_BACKEND", "x11"),
    ("GSK_RENDERER", "cairo"),
    ("LIBGL_ALWAYS_SOFTWARE", "1"),
    ("GTK_A11Y", "none"),
    ("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1"),
];

/// The Chromium that a person named, else the one on the path.
pub(crate) fn chromium() -> Result<PathBuf> {
    env::var_os("TOKENCAST_CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| needs::on_path(CHROMIUM.program))
        .context("there is no chromium on the path")
}
