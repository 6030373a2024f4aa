//! Every process that xtask starts, starts on a leash: `xtask leash COMMAND…` runs the command in a process group of
//! its own and ends the whole group as soon as its standard input closes.
//!
//! xtask holds the other end of that pipe, so nothing outlives it, however it ends: by itself, by Ctrl-C or by
//! SIGKILL. A signal handler could not promise the last one.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a group may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// The command that runs `command` on a leash. Its standard input must be a pipe that the caller keeps open.
pub(crate) fn put_on(command: &Command) -> std::io::Result<Command> {
    // Through /proc also a program that was rebuilt meanwhile finds the file it was started from.
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe()?
    };
    let mut leashed = Command::new(program);
    leashed
        .arg("leash")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => leashed.env(name, value),
            None => leashed.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        leashed.current_dir(folder);
    }
    // Ctrl-C reaches xtask alone; the rest follows from its end.
    leashed.stdin(Stdio::piped()).process_group(0);
    Ok(leashed)
}

/// The leash itself: runs until the command ends or the pipe closes.
pub(crate) fn hold(command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else {
        return ExitCode::from(2);
    };
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("xtask: {} cannot be started: {error}", program.to_string_lossy());
            return ExitCode::from(127);
        }
    };
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    thread::spawn(move || {
        let mut nothing = [0; 1];
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        end(group, Signal::TERM);
        thread::sleep(GRACE);
        end(group, Signal::KILL);
    });
    let status = child.wait();
    end(group, Signal::KILL); // what the command left behind in its group
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => ExitCode::from(code as u8),
            (None, signal) => ExitCode::from(128_u8.saturating_add(signal.unwrap_or(0) as u8)),
        },
        Err(_) => ExitCode::FAILURE,
    }
}

/// An already empty group is no error here.
fn end(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}
