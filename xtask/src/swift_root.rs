//! Swift on a machine without Swift: a Debian 13 root in the cache, entered with bubblewrap.
//!
//! It also holds WebKitGTK, because the iOS sources run against it on Linux: a root made without it would have to be
//! made again.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use anyhow::Result;

use crate::needs::{self, Need};
use crate::stamp;
use crate::toolbox::{Task, Toolbox};

/// The last number grows when the list of packages changes.
const NAME: &str = "swift-root-6.0.3-webkit-1";
const SUITE: &str = "trixie";
const PACKAGES: &str = "ca-certificates,tzdata,git,swiftlang,libc6-dev,libstdc++-14-dev,\
                        libwebkitgtk-6.0-dev,xvfb,xauth,pkg-config,dbus-x11,fonts-dejavu-core";

const NEEDS: &[Need] = &[
    Need {
        program: "mmdebstrap",
        package: "mmdebstrap",
    },
    Need {
        program: "bwrap",
        package: "bubblewrap",
    },
];

/// Makes the root unless it is there: one to three minutes, 0.6 GB to download, 2.7 GB on disk.
pub(crate) fn ensure(toolbox: &Toolbox) -> Result<PathBuf> {
    needs::install(toolbox, NEEDS)?;
    stamp::ensure(&toolbox.folders.cache, NAME, |folder| {
        toolbox
            .program("mmdebstrap")
            .args([
                "--variant=minbase",
                "--aptopt=Acquire::Check-Valid-Until \"false\"",
                "--aptopt=Acquire::Retries \"3\"",
            ])
            .arg(format!("--include={PACKAGES}"))
            .arg(SUITE)
            .arg(folder)
            .args(mirror(toolbox))
            .succeeds()
    })
}

/// A command to run inside. It sees the repository, cargo's builds and SwiftPM's build folder at their own paths, an
/// empty `/tmp`, the host's loopback interface, and no variable but those given here.
pub(crate) fn command<'a>(toolbox: &'a Toolbox, variables: &[(&str, OsString)]) -> Result<Task<'a>> {
    let root = ensure(toolbox)?;
    let mut task = toolbox.program("bwrap").arg("--bind").arg(root).arg("/");
    task = task.args([
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--ro-bind",
        "/sys",
        "/sys",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run",
    ]);
    let builds = build_folder(toolbox);
    std::fs::create_dir_all(&builds)?;
    std::fs::create_dir_all(&toolbox.folders.target)?;
    for folder in [&toolbox.folders.repository, &toolbox.folders.target, &builds] {
        task = task.arg("--bind").arg(folder).arg(folder);
    }
    let repository = &toolbox.folders.repository;
    let here = std::env::current_dir()
        .ok()
        .filter(|folder| folder.starts_with(repository));
    task = task.arg("--chdir").arg(here.as_ref().unwrap_or(repository));
    task = task.args(["--die-with-parent", "--clearenv"]);
    let fixed = [
        ("HOME", "/tmp"),
        ("PATH", "/usr/bin:/usr/sbin:/bin"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("TERM", "dumb"),
    ];
    for (name, value) in fixed {
        task = task.args(["--setenv", name, value]);
    }
    task = task
        .arg("--setenv")
        .arg("TOKENCAST_LIB_DIR")
        .arg(toolbox.folders.builds());
    for (name, value) in variables {
        task = task.args(["--setenv", name]).arg(value);
    }
    Ok(task.wraps())
}

/// Where SwiftPM builds: outside the clone, and not shared by two clones, whose paths it remembers.
pub(crate) fn build_folder(toolbox: &Toolbox) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    toolbox.folders.repository.hash(&mut hasher);
    toolbox
        .folders
        .cache
        .join(format!("swift-build-6.0.3-{:08x}", hasher.finish() as u32))
}

/// `cargo xtask swift COMMAND…`
pub(crate) fn enter(toolbox: &Toolbox, arguments: &[OsString]) -> Result<bool> {
    toolbox.now.set("swift");
    command(toolbox, &[])?.args(arguments).succeeds().map(|()| true)
}

/// The mirror that the host's own apt uses for Debian. Empty when apt knows none; mmdebstrap then has its own idea.
fn mirror(toolbox: &Toolbox) -> Option<String> {
    let known = toolbox
        .program("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()
        .ok()?;
    known.lines().find_map(debian_mirror).map(str::to_owned)
}

fn debian_mirror(target: &str) -> Option<&str> {
    target
        .strip_prefix("Debian|Debian|")
        .filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debians_main_archive_is_taken_for_a_mirror() {
        assert_eq!(
            debian_mirror("Debian|Debian|http://mirror.example/debian/"),
            Some("http://mirror.example/debian/")
        );
        assert_eq!(
            debian_mirror("Debian|Debian-Security|http://mirror.example/debian-security/"),
            None
        );
        assert_eq!(
            debian_mirror("Node Source|Node Source|http://node.example/"),
            None
        );
        assert_eq!(debian_mirror("Debian|Debian|"), None);
    }
}
