//! Who may turn the defences' switches on: the one test that shows what is lost without them.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

use std::fs;
use std::path::{Path, PathBuf};

const FEATURE: &str = "danger-switches";

#[test]
fn only_the_simulation_can_take_a_defence_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifests = manifests(root);
    assert!(
        manifests.len() > 8,
        "the packages of the workspace: {manifests:?}"
    );
    let naming: Vec<_> = manifests
        .iter()
        .filter(|manifest| fs::read_to_string(manifest).unwrap().contains(FEATURE))
        .map(|manifest| manifest.strip_prefix(root).unwrap().to_owned())
        .collect();
    assert_eq!(
        naming,
        [Path::new("Cargo.toml"), Path::new("tests/simulation/Cargo.toml")]
    );
    for manifest in naming {
        let text = fs::read_to_string(root.join(&manifest)).unwrap();
        let default = text.lines().find(|line| line.starts_with("default ="));
        assert!(!default.unwrap_or_default().contains(FEATURE), "{manifest:?}");
        // A dependency that named it would have it on always; a feature turns it on only when it is asked for.
        let on_always = text.lines().any(|line| {
            line.contains("features = [") && line.contains(FEATURE) && !line.contains("required-")
        });
        assert!(!on_always, "{manifest:?}");
    }
}

/// The manifests of the workspace, sorted; what is built or fetched is left out.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = [".git", ".build", "node_modules", "target"]
            .iter()
            .any(|skip| name == *skip);
        if entry.file_type().unwrap().is_dir() && !skipped {
            found.extend(manifests(&path));
        } else if name == "Cargo.toml" {
            found.push(path);
        }
    }
    found.sort();
    found
}
