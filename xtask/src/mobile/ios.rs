//! An image for iOS without Xcode: linked against stubs that promise what the library imports, to see how large it gets and
//! what it imports. It never runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::target::MIN_IOS;
use super::{Target, Toolchain};

/// The frameworks that the library may need, and how the names of each begin.
const FRAMEWORKS: [(&str, &[&str]); 2] = [
    ("CoreFoundation", &["_CF", "_kCF"]),
    ("Security", &["_Sec", "_kSec", "_SSL", "_kSSL"]),
];
/// What is exported, and with it all that is reached from there.
const EXPORTS: &[&str] = &["_ffi_", "_uniffi_", "_UNIFFI"];

/// The static library of a package, linked into a dynamic one, as an app's linker would: only what is used, stripped.
pub(crate) fn link(
    toolchain: &Toolchain<'_>,
    target: Target,
    package: &str,
    profile: &str,
) -> Result<PathBuf> {
    toolchain
        .cargo(target, &["rustc", "--lib", "--crate-type", "staticlib"])
        .args(["--package", package, "--profile", profile])
        .succeeds()?;
    let library = package.replace('-', "_");
    let folder = if profile == "dev" { "debug" } else { profile };
    let built = toolchain.toolbox.folders.target.join(target.name).join(folder);
    let archive = built.join(format!("lib{library}.a"));
    let work = built.join(format!("{library}.image"));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    image(toolchain, target, &archive, &work.join(&library)).with_context(|| target.name)
}

fn image(toolchain: &Toolchain<'_>, target: Target, archive: &Path, image: &Path) -> Result<PathBuf> {
    let tool = |name: &str| toolchain.toolbox.program(name);
    let symbols = |kind: &str| -> Result<BTreeSet<String>> {
        let listed = tool("llvm-nm-19")
            .args(["--quiet", "--no-llvm-bc", kind, "--format=just-symbols"])
            .arg(archive)
            .output()?;
        Ok(names(&listed))
    };
    let (defined, undefined) = (symbols("--defined-only")?, symbols("--undefined-only")?);
    let exports: Vec<_> = defined
        .iter()
        .filter(|name| EXPORTS.iter().any(|start| name.starts_with(start)))
        .collect();
    ensure!(!exports.is_empty(), "{} exports nothing", archive.display());
    let imports: BTreeSet<_> = undefined.difference(&defined).map(String::as_str).collect();
    let folder = image.parent().context("an image lies in a folder")?;
    let stubs = Stubs::write(folder, &imports)?;
    let list = folder.join("exports");
    fs::write(
        &list,
        exports.iter().map(|name| format!("{name}\n")).collect::<String>(),
    )?;
    let platform = if target.is_simulator() {
        "ios-simulator"
    } else {
        "ios"
    };
    let mut linker = toolchain
        .toolbox
        .program(toolchain.linker("ld64.lld"))
        .args(["-arch", "arm64", "-platform_version", platform, MIN_IOS, "18.0"])
        .args(["-dylib", "-dead_strip", "-install_name"])
        .arg(format!("@rpath/{}", file_name(image)))
        .arg("-exported_symbols_list")
        .arg(&list);
    for name in &exports {
        linker = linker.args(["-u", name]);
    }
    linker = linker.arg(format!("-L{}", stubs.display())).arg("-lSystem");
    linker = linker.arg(format!("-F{}", stubs.display()));
    for (framework, _) in FRAMEWORKS {
        linker = linker.args(["-framework", framework]);
    }
    linker.arg(archive).arg("-o").arg(image).output()?;
    tool("llvm-strip-19").arg("-x").arg(image).output()?;
    Ok(image.to_owned())
}

/// What stands in for Apple's libraries.
struct Stubs;

impl Stubs {
    fn write(folder: &Path, imports: &BTreeSet<&str>) -> Result<PathBuf> {
        let stubs = folder.join("stubs");
        fs::create_dir_all(&stubs)?;
        let mut left = imports.clone();
        for (framework, starts) in FRAMEWORKS {
            let its: Vec<_> = imports
                .iter()
                .copied()
                .filter(|name| starts.iter().any(|start| name.starts_with(start)))
                .collect();
            for name in &its {
                left.remove(name);
            }
            let place = stubs.join(format!("{framework}.framework"));
            fs::create_dir_all(&place)?;
            let installed = format!("/System/Library/Frameworks/{framework}.framework/{framework}");
            fs::write(place.join(format!("{framework}.tbd")), stub(&installed, &its))?;
        }
        let mut system: Vec<_> = left.into_iter().collect();
        system.push("dyld_stub_binder");
        fs::write(
            stubs.join("libSystem.tbd"),
            stub("/usr/lib/libSystem.B.dylib", &system),
        )?;
        Ok(stubs)
    }
}

/// A text-based stub, version 4.
fn stub(installed: &str, names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    format!(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ arm64-ios, arm64-ios-simulator ]\ninstall-name: '{installed}'\n\
         exports:\n  - targets: [ arm64-ios, arm64-ios-simulator ]\n    symbols: [ {} ]\n...\n",
        names.join(", ")
    )
}

fn names(listed: &str) -> BTreeSet<String> {
    let lines = listed.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with('_'))
        .map(str::to_owned)
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_import_stands_in_the_stub_of_its_library() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let imports = BTreeSet::from(["_CFRelease", "_SecItemAdd", "_kSecClass", "_write"]);
        let stubs = Stubs::write(folder.path(), &imports)?;
        let read = |file: &str| fs::read_to_string(stubs.join(file));
        assert!(read("CoreFoundation.framework/CoreFoundation.tbd")?.contains("symbols: [ '_CFRelease' ]"));
        assert!(read("Security.framework/Security.tbd")?.contains("[ '_SecItemAdd', '_kSecClass' ]"));
        assert!(read("libSystem.tbd")?.contains("[ '_write', 'dyld_stub_binder' ]"));
        Ok(())
    }
}
