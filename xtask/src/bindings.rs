//! The generated bindings: made from the built library by the workspace's own bindgen, committed, compared.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::tally::Tally;
use crate::toolbox::Toolbox;

/// The library that the hosts load.
const LIBRARY: &str = "libtokencast_ffi.so";
const MENDED_BY: &str = "cargo xtask bindings";

struct Language {
    /// As the bindgen calls it.
    name: &'static str,
    /// What the bindgen writes, and where it is committed.
    files: &'static [(&'static str, &'static str)],
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "kotlin",
        files: &[(
            "dev/tokencast/ffi/tokencast.kt",
            "bindings/kotlin/ffi/src/main/kotlin/dev/tokencast/ffi/tokencast.kt",
        )],
    },
    Language {
        name: "swift",
        files: &[
            ("tokencast.swift", "bindings/swift/tokencast.swift"),
            ("tokencastFFI.h", "bindings/swift/tokencastFFI.h"),
            ("tokencastFFI.modulemap", "bindings/swift/tokencastFFI.modulemap"),
        ],
    },
    Language {
        name: "python",
        files: &[("tokencast.py", "bindings/python/tokencast.py")],
    },
];

/// Builds the library and answers the folder it lies in.
pub(crate) fn build_library(toolbox: &Toolbox) -> Result<PathBuf> {
    toolbox
        .cargo(["build", "--quiet", "--package", "tokencast-ffi"])
        .succeeds()?;
    let library = toolbox.folders.built(LIBRARY);
    ensure!(library.exists(), "the build left no {}", library.display());
    Ok(toolbox.folders.builds())
}

/// Replaces the committed bindings.
pub(crate) fn write(toolbox: &Toolbox) -> Result<()> {
    toolbox.now.set("bindings");
    for (language, made) in generate(toolbox)? {
        for (from, to) in language.files {
            let to = toolbox.folders.in_repository(to);
            fs::create_dir_all(to.parent().context("a committed file lies in a folder")?)?;
            fs::write(&to, read_made(made.path(), from)?)?;
            println!("wrote {}", to.display());
        }
    }
    Ok(())
}

/// One test for each committed file.
pub(crate) fn compare(toolbox: &Toolbox) -> Result<Tally> {
    let mut tally = Tally::default();
    for (language, made) in generate(toolbox)? {
        for (from, to) in language.files {
            let fresh = read_made(made.path(), from)?;
            let committed = fs::read(toolbox.folders.in_repository(to)).unwrap_or_default();
            tally += if committed == fresh {
                println!("{to} is what the library generates");
                Tally::ONE_PASSED
            } else {
                eprintln!("{to} is stale; `{MENDED_BY}` mends it");
                Tally::ONE_FAILED
            };
        }
    }
    Ok(tally)
}

fn generate(toolbox: &Toolbox) -> Result<Vec<(&'static Language, tempfile::TempDir)>> {
    let library = build_library(toolbox)?.join(LIBRARY);
    toolbox
        .cargo(["build", "--quiet", "--package", "tokencast-bindgen"])
        .succeeds()?;
    let mut all = Vec::new();
    for language in LANGUAGES {
        let folder = tempfile::Builder::new().prefix("tokencast-").tempdir()?;
        toolbox
            .program(toolbox.folders.built("tokencast-bindgen"))
            .arg("generate")
            .arg(&library)
            .args(["--language", language.name, "--no-format", "--out-dir"])
            .arg(folder.path())
            .succeeds()?;
        all.push((language, folder));
    }
    Ok(all)
}

fn read_made(folder: &Path, file: &str) -> Result<Vec<u8>> {
    fs::read(folder.join(file)).with_context(|| format!("the bindgen wrote no {file}"))
}
