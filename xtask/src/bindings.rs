//! The generated bindings: made from the built library by the workspace's own bindgen, committed, compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::tally::Tally;
use crate::toolbox::Toolbox;

/// The library that the hosts load.
pub(crate) const LIBRARY: &str = "libtokencast_ffi.so";
const MENDED_BY: &str = "cargo xtask bindings";

/// A language as the bindgen calls it, and where its files are committed.
struct Language {
    name: &'static str,
    places: &'static [Place],
}

/// All generated files with this extension go to this folder, keeping their path or taking the name.
struct Place {
    extension: &'static str,
    folder: &'static str,
    name: Option<&'static str>,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "kotlin",
        places: &[Place {
            extension: "kt",
            folder: "bindings/kotlin/ffi/src/main/kotlin",
            name: None,
        }],
    },
    Language {
        name: "swift",
        places: &[
            Place {
                extension: "swift",
                folder: "bindings/swift",
                name: None,
            },
            // SwiftPM wants the header in a folder of its own, with the map under this name.
            Place {
                extension: "h",
                folder: "bindings/swift/headers",
                name: None,
            },
            Place {
                extension: "modulemap",
                folder: "bindings/swift/headers",
                name: Some("module.modulemap"),
            },
        ],
    },
    Language {
        name: "python",
        places: &[Place {
            extension: "py",
            folder: "bindings/python/tokencast",
            name: Some("_generated.py"),
        }],
    },
];

/// Builds the library and answers the folder it lies in.
pub(crate) fn build_library(toolbox: &Toolbox) -> Result<PathBuf> {
    toolbox
        .cargo(["build", "--package", "tokencast-ffi"])
        .succeeds()?;
    let library = toolbox.folders.built(LIBRARY);
    ensure!(library.exists(), "the build left no {}", library.display());
    Ok(toolbox.folders.builds())
}

/// Replaces the committed bindings.
pub(crate) fn write(toolbox: &Toolbox) -> Result<()> {
    toolbox.now.set("bindings");
    for (committed, fresh) in generate(toolbox)? {
        let file = toolbox.folders.in_repository(&committed);
        fs::create_dir_all(file.parent().context("a committed file lies in a folder")?)?;
        fs::write(file, fresh)?;
        println!("wrote {committed}");
    }
    Ok(())
}

/// One test for each committed file.
pub(crate) fn compare(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    for (committed, fresh) in generate(toolbox)? {
        let found = fs::read(toolbox.folders.in_repository(&committed)).unwrap_or_default();
        *tally += if found == fresh {
            println!("{committed} is what the library generates");
            Tally::ONE_PASSED
        } else {
            eprintln!("{committed} is stale; `{MENDED_BY}` mends it");
            Tally::ONE_FAILED
        };
    }
    Ok(())
}

/// What the bindings should be now, by their path in the repository.
fn generate(toolbox: &Toolbox) -> Result<BTreeMap<String, Vec<u8>>> {
    let library = build_library(toolbox)?.join(LIBRARY);
    toolbox
        .cargo(["build", "--package", "tokencast-bindgen"])
        .succeeds()?;
    let mut all = BTreeMap::new();
    for language in LANGUAGES {
        let folder = tempfile::Builder::new().prefix("tokencast-").tempdir()?;
        toolbox
            .program(toolbox.folders.built("tokencast-bindgen"))
            .arg("generate")
            .arg(&library)
            .args(["--language", language.name, "--no-format", "--out-dir"])
            .arg(folder.path())
            .succeeds()?;
        let before = all.len();
        collect(folder.path(), Path::new(""), language, &mut all)?;
        ensure!(
            all.len() >= before + language.places.len(),
            "the bindgen left out files of {}",
            language.name
        );
    }
    Ok(all)
}

fn collect(
    root: &Path,
    inside: &Path,
    language: &Language,
    all: &mut BTreeMap<String, Vec<u8>>,
) -> Result<()> {
    for entry in fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, language, all)?;
            continue;
        }
        let committed = committed_path(language, &path)
            .with_context(|| format!("no place is known for the generated {}", path.display()))?;
        all.insert(committed, fs::read(entry.path())?);
    }
    Ok(())
}

fn committed_path(language: &Language, generated: &Path) -> Option<String> {
    let extension = generated.extension()?.to_str()?;
    let place = language
        .places
        .iter()
        .find(|place| place.extension == extension)?;
    let name = place.name.or(generated.to_str())?;
    Some(format!("{}/{name}", place.folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generated_file_has_its_place_by_its_kind() {
        let swift = &LANGUAGES[1];
        let place = |name: &str| committed_path(swift, Path::new(name));
        assert_eq!(
            place("TokencastFFI.swift").as_deref(),
            Some("bindings/swift/TokencastFFI.swift")
        );
        assert_eq!(
            place("CTokencast.modulemap").as_deref(),
            Some("bindings/swift/headers/module.modulemap")
        );
        assert_eq!(place("tokencast.txt"), None);
        let kotlin = committed_path(&LANGUAGES[0], Path::new("dev/tokencast/tokencast.kt"));
        assert_eq!(
            kotlin.as_deref(),
            Some("bindings/kotlin/ffi/src/main/kotlin/dev/tokencast/tokencast.kt")
        );
    }
}
