//! The standard library of a target, built once from its sources and laid where a downloaded one would lie.

use std::fs;

use anyhow::{Context as _, Result};

use super::{Target, Toolchain};

const MANIFEST: &str = "[package]\nname = \"mkstd\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
                        [profile.release]\nopt-level = 3\n[workspace]\n";

/// Builds it unless it is there: about 90 seconds on two cores.
pub(super) fn ensure(toolchain: &Toolchain<'_>, target: Target) -> Result<()> {
    let library = toolchain
        .sysroot()
        .join("lib/rustlib")
        .join(target.name)
        .join("lib");
    let stamp = library.join(".ready");
    let is_installed = || {
        fs::read_dir(&library).is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
        })
    };
    if stamp.exists() || is_installed() {
        return Ok(());
    }
    let work = toolchain.beside("mkstd");
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("src/lib.rs"), "")?;
    fs::write(work.join("Cargo.toml"), MANIFEST)?;
    // panic_abort has to be compiled for what its name says, whatever the profile has.
    let wrapper = work.join("wrapper");
    fs::write(
        &wrapper,
        "#!/bin/sh\ncase \" $* \" in *\" --crate-name panic_abort \"*) exec \"$@\" -Cpanic=abort ;; esac\nexec \"$@\"\n",
    )?;
    fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    toolchain
        .cargo(target, &["build", "--quiet", "--release"])
        .arg("-Zbuild-std=std,panic_abort,test")
        .in_folder(&work)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", &wrapper)
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", work.join("target"))
        .succeeds()?;
    let made = work.join("target").join(target.name).join("release/deps");
    let unfinished = library.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished)?;
    for file in fs::read_dir(&made).with_context(|| format!("{} is missing", made.display()))? {
        let path = file?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libmkstd") {
            fs::copy(&path, unfinished.join(name))?;
        }
    }
    fs::write(unfinished.join(".ready"), "")?;
    let _ = fs::remove_dir_all(&library);
    fs::rename(&unfinished, &library)?;
    Ok(())
}
