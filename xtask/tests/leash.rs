//! Nothing that xtask starts may outlive it.
#![cfg(target_os = "linux")] // a process is looked for in /proc

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// Starts a shell on a leash; it prints one line with the number of a process.
fn leash(script: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["leash", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xtask starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("the shell prints");
    (child, line.trim().to_owned())
}

fn ends(process: &str) -> bool {
    let started = Instant::now();
    while started.elapsed() < DEADLINE {
        // A zombie is a process that has ended and that nobody asked about yet.
        let status =
            std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).unwrap_or_default();
        if status.is_empty() || status.contains(") Z ") {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn the_pipes_end_ends_the_command_and_what_it_started() {
    let (mut child, grandchild) = leash("sleep 1000 & echo $!; wait");
    assert!(Path::new("/proc").join(&grandchild).exists());
    drop(child.stdin.take());
    assert!(ends(&grandchild));
    assert!(!child.wait().expect("it can be waited for").success());
}

#[test]
fn a_command_that_ignores_the_polite_signal_is_ended_too() {
    let (mut child, stubborn) = leash("trap '' TERM; echo $$; while :; do sleep 1; done");
    drop(child.stdin.take());
    assert!(ends(&stubborn));
    assert!(!child.wait().expect("it can be waited for").success());
}

#[test]
fn what_a_command_leaves_behind_ends_with_it() {
    let (mut child, left_behind) = leash("sleep 1000 >/dev/null & echo $!");
    let _held = child.stdin.take(); // `wait` would close it
    assert!(child.wait().expect("it can be waited for").success());
    assert!(ends(&left_behind));
}

#[test]
fn the_commands_own_exit_code_comes_through() {
    let (mut child, _) = leash("echo; exit 7");
    let _held = child.stdin.take();
    assert_eq!(child.wait().expect("it can be waited for").code(), Some(7));
}
