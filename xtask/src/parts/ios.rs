//! The iOS library's webview glue, unmodified, in WebKitGTK; and what only Apple has, type-checked against stubs.

use std::ffi::OsString;

use anyhow::Result;

use crate::kept::MARK_VARIABLE;
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;
use crate::{bindings, screenless, swift_root};

/// The tests start backends of their own: their pages' origins are known only to them.
pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    bindings::build_library(toolbox)?;
    toolbox
        .cargo(["build", "--package", "tokencast-backend"])
        .succeeds()?;
    *tally += swift_root::command(toolbox, &[])?
        .args(["bash", "ios/Scripts/typecheck"])
        .count(Runner::ExitCode);
    let mut variables: Vec<(&str, OsString)> = vec![("TOKENCAST_WEBKITGTK", "1".into())];
    variables.extend(
        screenless::DRAWING
            .iter()
            .map(|(name, value)| (*name, (*value).into())),
    );
    if let Some(kept) = &toolbox.kept {
        variables.push((MARK_VARIABLE, kept.mark().into()));
    }
    let ios = toolbox.folders.in_repository("ios");
    // A build of its own: with a module `WebKit` the package is another.
    let builds = swift_root::build_folder(toolbox).join("webviews");
    let swift = |command: &[&str]| {
        let task = swift_root::command(toolbox, &variables)?.args(command);
        let task = task.arg("--package-path").arg(&ios);
        Ok::<_, anyhow::Error>(task.arg("--scratch-path").arg(&builds))
    };
    // Built apart: a display of its own is not kept waiting.
    swift(&["swift", "build", "--build-tests"])?.succeeds()?;
    let tests = swift(&["xvfb-run", "-a", "swift", "test", "--skip-build"])?;
    // Swift Testing ends with a crash where WebKit is.
    *tally += tests
        .args(["--disable-swift-testing", "--filter", "WebViewTests"])
        .count(Runner::Swift);
    Ok(())
}
