//! The build folder serves one clone at a time. Cargo tells the workspace's own crates by their place in it: what another
//! clone built passes for this one's as long as it is newer than the files here, with that clone's code and paths in it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::toolbox::Toolbox;

/// In the build folder, the clone that built there last.
const TENANT: &str = "built-for";

/// Throws away what another clone built of the workspace's own crates. Their dependencies stay.
pub(crate) fn move_in(toolbox: &Toolbox) -> Result<()> {
    let (target, repository) = (&toolbox.folders.target, &toolbox.folders.repository);
    if is_ours(target, repository) {
        return Ok(());
    }
    let profiles: [(&str, &[&str]); 2] = [
        ("debug", &["clean", "--workspace"]),
        ("release", &["clean", "--workspace", "--release"]),
    ];
    for (folder, clean) in profiles {
        if target.join(folder).exists() {
            toolbox.cargo(clean.iter().copied()).succeeds()?;
        }
    }
    fs::create_dir_all(target)?;
    let tenant = target.join(TENANT);
    fs::write(&tenant, repository.as_os_str().as_encoded_bytes())
        .with_context(|| format!("{} cannot be written", tenant.display()))
}

/// What nobody marked may be anybody's.
fn is_ours(target: &Path, repository: &Path) -> bool {
    fs::read(target.join(TENANT)).is_ok_and(|tenant| tenant == repository.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clone_that_built_last_finds_its_own() -> Result<()> {
        let target = tempfile::tempdir()?;
        let (one, other) = (Path::new("/clones/one"), Path::new("/clones/other"));
        assert!(!is_ours(target.path(), one));
        fs::write(target.path().join(TENANT), "/clones/one")?;
        assert!(is_ours(target.path(), one) && !is_ours(target.path(), other));
        Ok(())
    }
}
