use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::backend::Backend;
use crate::needs::{self, Need};
use crate::tally::{Runner, Tally};
use crate::toolbox::Toolbox;
use crate::{bindings, readme, stamp};

const NEEDS: &[Need] = &[Need {
    program: "python3",
    package: "python3",
}];
const PYTEST: &str = "pytest==8.4.2";

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    environment(toolbox).map(|_| ())
}

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let python = environment(toolbox)?.join("bin/python");
    let library = bindings::build_library(toolbox)?;
    let backend = Backend::start(toolbox)?;
    *tally += toolbox
        .program(&python)
        .args(["-m", "pytest", "-p", "no:cacheprovider", "-rA", "tests"])
        .in_folder(toolbox.folders.in_repository("bindings/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TOKENCAST_LIB_DIR", library)
        .env("TOKENCAST_BACKEND", &backend.url)
        .count(Runner::Pytest);
    let files = readme::extract(&toolbox.folders, &readme::PYTHON)?;
    for file in files {
        let compile = "import sys; compile(open(sys.argv[1]).read(), 'README.md', 'exec')";
        *tally += toolbox
            .program(&python)
            .args(["-c", compile])
            .arg(file)
            .count(Runner::ExitCode);
    }
    Ok(())
}

fn environment(toolbox: &Toolbox) -> Result<PathBuf> {
    environment_with(toolbox, PYTEST)
}

/// A virtual environment with this package, given as `name==version`.
pub(super) fn environment_with(toolbox: &Toolbox, package: &str) -> Result<PathBuf> {
    needs::install(toolbox, NEEDS)?;
    let version = toolbox
        .program("python3")
        .args(["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"])
        .output()?;
    let name = format!("python-{}-{}", version.trim(), package.replace("==", "-"));
    stamp::ensure(&toolbox.folders.cache, &name, |folder| {
        make(toolbox, folder, package)
    })
}

fn make(toolbox: &Toolbox, folder: &Path, package: &str) -> Result<()> {
    // Debian keeps the part of venv that brings pip in a package of its own.
    if toolbox
        .program("python3")
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_err()
    {
        needs::install_packages(toolbox, &["python3-venv"])?;
    }
    toolbox
        .program("python3")
        .args(["-m", "venv"])
        .arg(folder)
        .succeeds()?;
    toolbox
        .program(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            package,
        ])
        .succeeds()
        .with_context(|| format!("{package} comes from the Python package index"))
}
