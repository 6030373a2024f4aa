//! The Android library, in the part `kotlin`: compiled against the real framework classes and run under Robolectric.

use std::path::Path;

use anyhow::Result;

use crate::backend::Backend;
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;

/// Two Androids, each in a JVM of its own, with the native library and the backend that the part has built and started.
pub(super) fn run(toolbox: &Toolbox, library: &Path, backend: &Backend, tally: &mut Tally) -> Result<()> {
    let maven = toolbox
        .program("mvn")
        .args(["--batch-mode", "--no-transfer-progress", "--file"])
        .arg(toolbox.folders.in_repository("android/pom.xml"))
        // What the JVM's modules are tested by has run: here they are compiled only.
        .args([
            "-Dkotlin.compiler.daemon=false",
            "-Dstyle.color=never",
            "-Dmaven.test.skip=true",
            "verify",
        ])
        .env("TOKENCAST_LIB_DIR", library)
        .env("TOKENCAST_BACKEND", &backend.url);
    *tally += maven.count(Runner::Maven);
    Ok(())
}
