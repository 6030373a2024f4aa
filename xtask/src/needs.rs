//! Programs from the system's package manager.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::toolbox::Toolbox;

/// A program, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Installs what is missing when we may; otherwise fails with the command to type.
pub(crate) fn install(toolbox: &Toolbox, needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs
        .iter()
        .filter(|need| !is_on_path(need.program))
        .map(|need| need.package)
        .collect();
    install_packages(toolbox, &missing)
}

pub(crate) fn install_packages(toolbox: &Toolbox, packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !is_on_path("apt-get") {
        bail!(
            "these packages are missing: sudo apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
    }
    // Another apt may be at work: wait for it.
    let apt = || {
        toolbox
            .program("apt-get")
            .args(["-o", "DPkg::Lock::Timeout=300", "-qq"])
            .env("DEBIAN_FRONTEND", "noninteractive")
    };
    if !toolbox.apt_is_fresh.replace(true) {
        apt().arg("update").succeeds()?;
    }
    apt()
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages)
        .succeeds()
}

fn is_on_path(program: &str) -> bool {
    on_path(program).is_some()
}

/// Where the program would be started from.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| {
            file.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_only_if_it_can_be_run() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-program-has-this-name"));
        assert!(!is_on_path(""));
    }
}
