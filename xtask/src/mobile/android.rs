//! Linking for Android without an NDK: against stand-ins that hold the names which bionic has at the oldest API level, and
//! no others. What asks for a newer one does not link.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Target, Toolchain};

/// What `libc.so` of API level 24 has, of what Rust and its libraries may ask. To add one, look up since when bionic has it.
const LIBC: &str = include_str!("libc-24.txt");
const LIBM: &str = include_str!("libm-24.txt");
const LIBDL: &str = "dl_iterate_phdr dlsym dladdr";
/// The unwinder is linked in by the NDK.
const UNWINDER: &str = include_str!("unwinder.txt");

/// The shared library of a package, as a phone loads it. Fails where it needs what the oldest Android does not have, where a
/// page of 16 KiB could not hold its segments, and where its code would have to be changed while it is loaded.
pub(crate) fn link(
    toolchain: &Toolchain<'_>,
    target: Target,
    package: &str,
    profile: &str,
) -> Result<PathBuf> {
    let library = package.replace('-', "_");
    toolchain
        .cargo(target, &["rustc", "--lib", "--crate-type", "cdylib"])
        .args(["--package", package, "--profile", profile])
        .args(["--", &format!("-Clink-arg=-Wl,-soname,lib{library}.so")])
        .succeeds()?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let built = toolchain.toolbox.folders.target.join(target.name).join(folder);
    let file = built.join(format!("lib{library}.so"));
    judge(toolchain, &file).with_context(|| target.name)?;
    Ok(file)
}

fn judge(toolchain: &Toolchain<'_>, file: &Path) -> Result<()> {
    let read = |what: &str| {
        toolchain
            .toolbox
            .program("llvm-readelf-19")
            .arg(what)
            .arg("--wide")
            .arg(file)
            .output()
    };
    let segments = read("--program-headers")?;
    let aligned = loads(&segments);
    ensure!(!aligned.is_empty(), "{} has no segment to load", file.display());
    ensure!(
        aligned.iter().all(|align| *align == "0x4000"),
        "a segment is not aligned to 16 KiB: {aligned:?}"
    );
    let dynamic = read("--dynamic-table")?;
    ensure!(!dynamic.contains("TEXTREL"), "there are text relocations");
    Ok(())
}

/// The alignment of each segment that is loaded.
fn loads(program_headers: &str) -> Vec<&str> {
    let loads = program_headers
        .lines()
        .filter(|line| line.trim_start().starts_with("LOAD "));
    loads.filter_map(|line| line.split_whitespace().last()).collect()
}

pub(super) fn link_flags(toolchain: &Toolchain<'_>, target: Target) -> String {
    [
        format!("--target={}", target.triple()),
        format!("-fuse-ld={}", toolchain.linker("ld.lld").display()),
        "-nostdlib".into(),
        format!("-L{}", stand_ins(toolchain, target).display()),
        "-Wl,-z,defs".into(),
        "-Wl,-z,max-page-size=16384".into(),
        "-Wl,--hash-style=gnu".into(),
        "-Wl,--pack-dyn-relocs=android".into(),
    ]
    .map(|argument| format!("-Clink-arg={argument}"))
    .join(" ")
}

fn stand_ins(toolchain: &Toolchain<'_>, target: Target) -> PathBuf {
    toolchain.beside("android").join(target.name)
}

/// Makes the stand-ins, each time: the lists may have changed, and it takes no second.
pub(super) fn ensure_stand_ins(toolchain: &Toolchain<'_>, target: Target) -> Result<()> {
    let folder = stand_ins(toolchain, target);
    fs::create_dir_all(&folder)?;
    let compile = |source: &str, output: &str, flags: &[&str]| -> Result<()> {
        let c = folder.join(format!("{output}.c"));
        fs::write(&c, source)?;
        toolchain
            .toolbox
            .program("clang-19")
            .arg(format!("--target={}", target.triple()))
            .arg(format!("-fuse-ld={}", toolchain.linker("ld.lld").display()))
            .args(["-nostdlib", "-ffreestanding", "-fno-builtin", "-w"])
            .args(flags)
            .arg(c)
            .arg("-o")
            .arg(folder.join(output))
            .output()
            .map(drop)
    };
    for (library, names) in [("libc", LIBC), ("libm", LIBM), ("libdl", LIBDL), ("liblog", "")] {
        let file = format!("{library}.so");
        let soname = format!("-Wl,-soname,{file}");
        compile(&functions(names, ""), &file, &["-shared", &soname])?;
    }
    let hidden = "__attribute__((visibility(\"hidden\"))) ";
    compile(&functions(UNWINDER, hidden), "unwind.o", &["-fPIC", "-c"])?;
    let archive = folder.join("libunwind.a");
    let _ = fs::remove_file(&archive);
    toolchain
        .toolbox
        .program("llvm-ar-19")
        .arg("crs")
        .arg(archive)
        .arg(folder.join("unwind.o"))
        .output()
        .map(drop)
}

/// C that has these names and does nothing.
fn functions(names: &str, attribute: &str) -> String {
    let functions = names.split_whitespace();
    functions
        .map(|name| format!("{attribute}long {name}(void) {{ return 0; }}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alignment_of_what_is_loaded_is_read() {
        let headers = "Program Headers:\n  Type Offset … Align\n  PHDR 0x40 R 0x8\n  LOAD 0x0 0x0 R 0x4000\n  LOAD 0x1 0x1 R E 0x1000\n";
        assert_eq!(loads(headers), ["0x4000", "0x1000"]);
    }

    #[test]
    fn a_newer_name_of_bionic_is_in_no_list() {
        // Since API level 28, 30 and 34 (bionic/docs/status.md).
        for newer in [
            "getentropy",
            "getrandom",
            "syncfs",
            "pthread_cond_clockwait",
            "copy_file_range",
            "close_range",
        ] {
            assert!(!LIBC.split_whitespace().any(|name| name == newer), "{newer}");
        }
    }
}
