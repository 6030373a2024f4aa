//! No token, key or password in anything that a process says or stores, at trace level.

use std::fs;
use std::path::{Path, PathBuf};

use tokencast_backend::{Config, Fault, FaultKind, NewUser, Route};
use tokencast_crash_tests::{Errand, Place, Report, Rotation};
use tokencast_secret_search::Search;

use crate::machine::{Machine, Store, show};

const PASSWORD: &str = "m4rked-passw0rd-of-ada";

#[test]
fn no_secret_is_said_or_stored_in_clear_with_a_sealed_file() {
    let found = everything(Store::SealedFile, false);
    assert_eq!(found, Vec::<String>::new());
}

/// What the keyring itself keeps is its own affair; what is said, and the folder of the locks, is searched.
#[test]
fn no_secret_is_said_with_the_secret_service() {
    let found = everything(Store::SecretService, false);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_planted_token_is_found_by_the_same_search() {
    let found = everything(Store::SealedFile, true);
    assert_eq!(found, ["trace.log"]);
}

/// Runs a process through everything that could print a secret; the names of the files that hold one.
fn everything(store: Store, plant: bool) -> Vec<String> {
    let config = Config {
        users: vec![NewUser::new("ada", PASSWORD)],
        ..Config::for_tests()
    };
    let mut machine = Machine::with_config(store, Rotation::Idempotent, config);
    machine.order.user.1 = PASSWORD.into();
    let said = machine.home.path().join("said");
    fs::create_dir(&said).unwrap();
    machine.order.log = Some(said.join("trace.log"));
    // Not among what is searched.
    let elsewhere = tempfile::tempdir().unwrap();
    let list = elsewhere.path().join("secrets");
    for fault in [
        FaultKind::DropAfterCommit {},
        FaultKind::CutBody {},
        FaultKind::garbage_json(),
        FaultKind::html(502, true),
        FaultKind::field("expires_in", "n0t-a-number"),
        FaultKind::too_many_requests(1),
        FaultKind::DropBeforeCommit {},
    ] {
        machine.server.arm(Fault::once(Route::Refresh, fault)).unwrap();
    }
    let ended = machine.run(Errand::Everything {
        secrets: list.clone(),
        plant,
    });
    assert!(
        ended.status.success(),
        "{:?} {}",
        ended.status,
        ended.reports.len()
    );
    assert_eq!(ended.reports.last(), Some(&Report::Done));
    assert!(machine.server.stats().faults >= 5, "{:?}", machine.server.stats());
    fs::write(said.join("stderr"), &ended.stderr).unwrap();
    fs::write(said.join("stdout"), format!("{:?}", ended.reports)).unwrap();
    assert!(ended.stderr.contains("a listener panics"), "the panic was told");
    if let Place::File(data) = &machine.order.place {
        assert!(fs::read_dir(data).unwrap().count() > 0, "the storage is searched");
    }

    let list = fs::read_to_string(&list).unwrap();
    let search = Search::of(list.lines().map(from_hex));
    assert!(search.secrets() >= 10, "{search:?}");
    let mut files = Vec::new();
    files_below(machine.home.path(), &mut files);
    let mut bytes = 0;
    let mut found: Vec<String> = Vec::new();
    for file in &files {
        let content = fs::read(file).unwrap();
        bytes += content.len();
        if search.find(&content).is_some() {
            found.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    let trace = fs::read_to_string(said.join("trace.log")).unwrap();
    // Of this process itself, of reqwest (which logs through the log crate), of the Secret Service's client.
    let voices = match store {
        Store::SealedFile => vec![" TRACE crash_child", " reqwest::"],
        Store::SecretService => vec![" TRACE crash_child", " reqwest::", " TRACE zbus::"],
    };
    for voice in voices {
        assert!(trace.contains(voice), "the log lacks{voice}");
    }
    let trace = trace.len();
    if !plant {
        show(&format!(
            "{store:?}: {} secrets searched in {} files ({bytes} bytes, {trace} of them trace log): {} found",
            search.secrets(),
            files.len(),
            found.len()
        ));
    }
    found
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn from_hex(line: &str) -> Vec<u8> {
    let pairs = line.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
