//! No token, key or password in anything that a process says or stores, at trace level.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tokencast_backend::{Config, Fault, FaultKind, NewUser, Route};
use tokencast_crash_tests::{Errand, Place, Report, Rotation};

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

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    let secret = b"r3fr3sh+t0ken";
    for text in [
        "x r3fr3sh+t0ken x".to_owned(),
        STANDARD_NO_PAD.encode(secret),
        STANDARD_NO_PAD.encode("{\"t\":\"r3fr3sh+t0ken\"}"),
        URL_SAFE_NO_PAD.encode("..r3fr3sh+t0ken.."),
        "hex 723366723373682b74306b656e".to_owned(),
        "form=r3fr3sh%2Bt0ken&".to_owned(),
        format!("{secret:?}"),
    ] {
        assert!(holds(text.as_bytes(), secret), "{text}");
    }
    assert!(!holds(b"r3fr3sh+t0ke", secret));
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
    let secrets: Vec<Vec<u8>> = list.lines().map(from_hex).collect();
    assert!(secrets.len() >= 10, "{} secrets", secrets.len());
    let mut files = Vec::new();
    files_below(machine.home.path(), &mut files);
    let mut bytes = 0;
    let mut found: Vec<String> = Vec::new();
    for file in &files {
        let content = fs::read(file).unwrap();
        bytes += content.len();
        if secrets.iter().any(|secret| holds(&content, secret)) {
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
            secrets.len(),
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

/// Whether `content` holds the secret as it is, percent-encoded, as hex, as a list of bytes, or inside base64.
fn holds(content: &[u8], secret: &[u8]) -> bool {
    forms(secret)
        .iter()
        .any(|form| content.windows(form.len()).any(|window| window == form))
}

fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let percent = |byte: &u8| match byte {
        b if b.is_ascii_alphanumeric() || b"-._~".contains(b) => char::from(*b).to_string(),
        b => format!("%{b:02X}"),
    };
    let decimal = format!("{bytes:?}");
    let text_forms: [String; 3] = [
        bytes.iter().map(percent).collect(),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        decimal.trim_matches(['[', ']']).to_owned(),
    ];
    let mut forms = vec![bytes.to_owned()];
    forms.extend(text_forms.map(String::into_bytes));
    // Base64 depends on where in a group of three the secret starts; the characters shared with its neighbours go.
    for lead in 0..3 {
        let mut shifted = vec![0; lead];
        shifted.extend_from_slice(bytes);
        let whole = shifted.len() / 3 * 4;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            let first = if lead == 0 { 0 } else { 4 };
            forms.push(text.as_bytes()[first..whole].to_owned());
        }
    }
    forms
}
