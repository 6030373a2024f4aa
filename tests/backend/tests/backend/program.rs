//! The program: its one line on stdout, its flags, its end.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Client, http};

pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokencast-backend"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn ready(child: &mut Child) -> (Client, BufReader<ChildStdout>) {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    let url = line.trim_end().strip_prefix("ready ").unwrap().to_owned();
    (Client { http: http(), url }, stdout)
}

#[tokio::test]
async fn the_program_prints_ready_and_its_url_and_nothing_else() {
    let mut child = program(&[
        "--log",
        "--test-faults",
        "--access-ttl",
        "30s",
        "--stop-with-stdin",
    ])
    .stdin(Stdio::piped())
    .spawn()
    .unwrap();
    let (client, mut stdout) = ready(&mut child).await;
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(answer.json["expires_in"], 30);
    let tokens = answer.tokens();
    assert_eq!(client.get("/test/stats", "").await.json["logins"], 1);

    drop(child.stdin.take());
    let (mut out, mut err) = (String::new(), String::new());
    stdout.read_to_string(&mut out).await.unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .await
        .unwrap();
    assert!(child.wait().await.unwrap().success());
    assert_eq!(out, "");
    assert!(err.contains("signed in"), "{err}");
    for secret in [tokens.access.as_str(), tokens.refresh.as_str(), "lovelace"] {
        assert!(!err.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn at_sigterm_a_request_under_way_is_answered_and_the_program_ends_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = program(&["--test-faults"]).spawn().unwrap();
        let (client, _stdout) = ready(&mut child).await;
        let tokens = client.sign_in().await;
        // Carried out at once, and answered later than the signal comes.
        let late = json!({ "route": "refresh", "fault": { "kind": "delay_answer", "ms": 1_000 } });
        client.switch("faults", late).await;
        let (slow, token) = (client.clone(), tokens.refresh.clone());
        let slow = tokio::spawn(async move { slow.try_refresh(&token, Some("key-1")).await });
        while client.get("/test/stats", "").await.json["exchanges"] != 1 {
            assert!(!slow.is_finished(), "it was refused");
        }

        let id = i32::try_from(child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
        let answer = slow.await.unwrap().unwrap();
        assert!(answer.tokens().refresh != tokens.refresh);
        assert_eq!(child.wait().await.unwrap().code(), Some(0));
        assert!(
            client.try_refresh(&tokens.refresh, None).await.is_err(),
            "nobody listens"
        );
    }
}

#[tokio::test]
async fn killed_and_started_again_on_the_same_database_it_knows_its_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("backend.db").display());
    let arguments = ["--database-url", url.as_str(), "--user", "grace:hopper"];
    let mut child = program(&arguments).spawn().unwrap();
    let (client, _stdout) = ready(&mut child).await;
    let tokens = client.login("grace", "hopper").await.tokens();
    child.kill().await.unwrap();

    let mut child = program(&arguments).spawn().unwrap();
    let (client, _stdout) = ready(&mut child).await;
    assert_eq!(client.refresh(&tokens.refresh, Some("key-1")).await.status, 200);
    assert_eq!(
        client.login("ada", "lovelace").await.status,
        401,
        "the demo user was not asked for"
    );
}

#[tokio::test]
async fn a_wrong_flag_ends_with_an_error_and_no_line_on_stdout() {
    for arguments in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "nowhere"],
        &["--moon"],
        &["--scheme", "magic"],
        &["--access-ttl", "0"],
        &["--cors-origin", "http://a/path"],
        &["--database-url", "postgres://u:s3cret@h/d"],
        &["--user", "s3cret"],
    ] {
        let output = program(arguments).output().await.unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(2), &b""[..]),
            "{arguments:?}"
        );
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.starts_with("tokencast-backend: ") && !told.contains("s3cret"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn the_temporary_database_goes_with_the_program_and_with_a_failed_start() {
    let folder = tempfile::tempdir().unwrap();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut child = program(&["--stop-with-stdin"])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (client, _stdout) = ready(&mut child).await;
    client.sign_in().await;
    assert_eq!(left(), 1);

    let taken = client.url.strip_prefix("http://").unwrap();
    let failed = program(&["--listen", taken])
        .env("TMPDIR", folder.path())
        .output()
        .await
        .unwrap();
    assert_eq!((failed.status.code(), left()), (Some(2), 1));

    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
    assert_eq!(left(), 0);
}
