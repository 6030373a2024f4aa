//! A copy of the Rust toolchain to which standard libraries for phones are added, and what C needs beside it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::target::{MIN_IOS, Platform, Target};
use crate::needs::{self, Need};
use crate::stamp;
use crate::toolbox::{Task, Toolbox};

/// The compiler whose standard library is at hand.
pub(super) const RUST: &str = "1.95.0";
/// The last number grows when what is inside changes.
const NAME: &str = "mobile-1.95.0-1";
const HOST: &str = "x86_64-unknown-linux-gnu";

const NEEDS: &[Need] = &[
    Need {
        program: "clang-19",
        package: "clang-19",
    },
    Need {
        program: "llvm-ar-19",
        package: "llvm-19",
    },
];

pub(crate) struct Toolchain<'a> {
    pub(super) toolbox: &'a Toolbox,
    folder: PathBuf,
}

impl<'a> Toolchain<'a> {
    pub(super) fn ensure(toolbox: &'a Toolbox) -> Result<Self> {
        needs::install(toolbox, NEEDS)?;
        let folder = stamp::ensure(&toolbox.folders.cache, NAME, |folder| make(toolbox, folder))?;
        Ok(Self { toolbox, folder })
    }

    /// Its root, as rustc calls it.
    pub(super) fn sysroot(&self) -> PathBuf {
        self.folder.join("rust")
    }

    /// Rust's own linkers for other systems: `ld.lld`, `ld64.lld`.
    pub(super) fn linker(&self, name: &str) -> PathBuf {
        self.sysroot()
            .join("lib/rustlib")
            .join(HOST)
            .join("bin/gcc-ld")
            .join(name)
    }

    /// What is made beside the toolchain.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Cargo for one of the targets.
    pub(crate) fn cargo(&self, target: Target, arguments: &[&str]) -> Task<'a> {
        let name = target.variable();
        let mut task = self
            .program("cargo")
            .args(arguments)
            .args(["--target", target.name]);
        task = task
            .env(&format!("CC_{name}"), "clang-19")
            .env(&format!("AR_{name}"), "llvm-ar-19")
            .env(&format!("CFLAGS_{name}"), self.c_flags(target));
        match target.platform {
            Platform::Ios => task
                .env("SDKROOT", self.beside("empty-sdk"))
                .env("IPHONEOS_DEPLOYMENT_TARGET", MIN_IOS),
            Platform::Android => {
                let name = name.to_uppercase();
                task.env(&format!("CARGO_TARGET_{name}_LINKER"), "clang-19").env(
                    &format!("CARGO_TARGET_{name}_RUSTFLAGS"),
                    super::android::link_flags(self, target),
                )
            }
        }
    }

    /// A program of the toolchain, which finds its own before any other.
    pub(super) fn program(&self, name: &str) -> Task<'a> {
        let bin = self.sysroot().join("bin");
        let mut path = bin.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        self.toolbox
            .program(bin.join(name))
            .env("PATH", path)
            .env("RUSTC", bin.join("rustc"))
            .without_env("RUSTUP_TOOLCHAIN")
            .without_env("RUSTC_WRAPPER")
            .without_env("CARGO")
    }

    /// ring compiles C and assembler, and asks for no header of the system but one of Apple's.
    fn c_flags(&self, target: Target) -> String {
        let mut flags = format!(
            "--target={} -nostdlibinc -DRING_CORE_NOSTDLIBINC=1",
            target.triple()
        );
        if target.platform == Platform::Ios {
            flags += &format!(" -isystem {}", self.beside("apple-include").display());
        }
        if target.name.starts_with("x86_64") {
            flags += " -D__MM_MALLOC_H"; // clang's own header would include one of the system
        }
        flags
    }
}

fn make(toolbox: &Toolbox, folder: &Path) -> Result<()> {
    let sysroot = toolbox.program("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = Path::new(sysroot.trim());
    let version = toolbox
        .program(sysroot.join("bin/rustc"))
        .arg("--version")
        .output()?;
    ensure!(
        version.starts_with(&format!("rustc {RUST} ")),
        "phones' targets need rustc {RUST}, whose library sources are at hand; this is {}",
        version.trim()
    );
    fs::create_dir_all(folder)?;
    let copy = folder.join("rust");
    // Hard links where the file system allows, so that it costs nothing.
    let linked = toolbox.program("cp").arg("-al").arg(sysroot).arg(&copy).output();
    if linked.is_err() {
        let _ = fs::remove_dir_all(&copy);
        toolbox
            .program("cp")
            .arg("-a")
            .arg(sysroot)
            .arg(&copy)
            .succeeds()?;
    }
    let sources = copy.join("lib/rustlib/src/rust");
    if !sources.join("library/std/Cargo.toml").exists() {
        fs::create_dir_all(&sources)?;
        let archive = library_sources(toolbox)?;
        toolbox
            .program("tar")
            .arg("xJf")
            .arg(archive)
            .arg("-C")
            .arg(&sources)
            .succeeds()?;
    }
    fs::create_dir_all(folder.join("empty-sdk"))?;
    let apple = folder.join("apple-include");
    fs::create_dir_all(&apple)?;
    fs::write(apple.join("TargetConditionals.h"), TARGET_CONDITIONALS)?;
    Ok(())
}

/// What ring asks of Apple's header.
const TARGET_CONDITIONALS: &str = "#pragma once\n#define TARGET_OS_MAC 1\n#define TARGET_OS_OSX 0\n\
                                   #define TARGET_OS_IPHONE 1\n#define TARGET_OS_IOS 1\n";

/// The sources of the standard library: `$TOKENCAST_RUST_LIBRARY`, else where the project's tools lie beside a clone.
fn library_sources(toolbox: &Toolbox) -> Result<PathBuf> {
    let name = format!("rust-library-{RUST}.tar.xz");
    let given = std::env::var_os("TOKENCAST_RUST_LIBRARY").map(PathBuf::from);
    let places = match given {
        Some(given) => vec![given],
        None => beside(&clones(toolbox), &Path::new("shared/tools").join(&name)),
    };
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return found.canonicalize().context("its path cannot be read");
    }
    bail!(
        "{name} is missing, looked for at {places:?}: name the standard library's sources in TOKENCAST_RUST_LIBRARY, an \
         archive with the folder `library` of rustc {RUST} in it; or add them with `rustup component add rust-src`"
    )
}

/// This clone, and where on this machine it was cloned from.
fn clones(toolbox: &Toolbox) -> Vec<PathBuf> {
    let here = toolbox.folders.repository.clone();
    let origin = toolbox
        .program("git")
        .args(["remote", "get-url", "origin"])
        .output();
    let origin = origin.map(|url| url.trim().trim_start_matches("file://").to_owned());
    let origin = origin
        .into_iter()
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    std::iter::once(here).chain(origin).collect()
}

/// A file beside each of the folders, or beside one that holds it.
fn beside(folders: &[PathBuf], file: &Path) -> Vec<PathBuf> {
    let around = folders.iter().flat_map(|folder| folder.ancestors().skip(1));
    around.map(|folder| folder.join(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_looked_for_beside_a_clone_and_further_out() {
        let places = beside(&["/a/b/clone".into()], Path::new("shared/x"));
        assert_eq!(
            places,
            ["/a/b/shared/x", "/a/shared/x", "/shared/x"].map(PathBuf::from)
        );
    }
}
