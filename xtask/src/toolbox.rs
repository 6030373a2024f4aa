//! Starting other programs: each on a leash, in the repository, with the caches named, its output shown as it comes.

use std::cell::Cell;
use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::curtain::Curtain;
use crate::folders::Folders;
use crate::kept::{Kept, MARK_VARIABLE};
use crate::leash;
use crate::tally::{Counter, Runner, Tally};

/// After so long without output a line says that the program still runs.
const SILENCE: Duration = Duration::from_secs(60);
/// After so many of them tests hang, and are ended as failed. No test is silent for so long; a download may be.
const SILENCES: u32 = 10;
/// How long to wait for the last output of a program that has ended but left its output open to another.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What every part works with.
#[derive(Debug)]
pub(crate) struct Toolbox {
    pub(crate) folders: Folders,
    /// Whether to run what takes long: tests see it as `TOKENCAST_LONG=1`.
    pub(crate) long: bool,
    /// The part that runs now, shown before each program.
    pub(crate) now: Cell<&'static str>,
    /// What the parts of this run say, when it is one of tests.
    pub(crate) kept: Option<Kept>,
    started: Instant,
    pub(crate) apt_is_fresh: Cell<bool>,
}

impl Toolbox {
    pub(crate) fn open() -> Result<Toolbox> {
        Ok(Toolbox {
            folders: Folders::find()?,
            long: false,
            now: Cell::new("xtask"),
            kept: None,
            started: Instant::now(),
            apt_is_fresh: Cell::new(false),
        })
    }

    /// A program to be run in the repository.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Task<'_> {
        let Folders {
            repository,
            cache,
            target,
        } = &self.folders;
        let mut command = Command::new(program);
        command
            .current_dir(repository)
            .env("TOKENCAST_CACHE", cache)
            .env("CARGO_TARGET_DIR", target)
            .env("npm_config_cache", cache.join("npm"));
        forget_the_cargo_around_us(&mut command);
        if let Some(kept) = &self.kept {
            command.env(MARK_VARIABLE, kept.mark());
        }
        if self.long {
            command.env("TOKENCAST_LONG", "1");
        }
        Task {
            toolbox: self,
            command,
            wrapper: 0,
        }
    }

    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Task<'_> {
        self.program("cargo").args(arguments)
    }

    /// Minutes and seconds since xtask started.
    pub(crate) fn clock(&self) -> String {
        clock(self.started.elapsed())
    }
}

pub(crate) fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// `cargo run` describes xtask in variables. Build scripts that look at some of them would run again each time that
/// xtask and a person call cargo by turns, and libraries would be found in folders that nobody named.
fn forget_the_cargo_around_us(command: &mut Command) {
    let describes = |name: &str| {
        let starts = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        starts.iter().any(|start| name.starts_with(start)) || name == "OUT_DIR"
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes) {
            command.env_remove(name);
        }
    }
    let Some(paths) = env::var_os("LD_LIBRARY_PATH") else {
        return;
    };
    let own_build = env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.to_owned()));
    let is_the_users = |folder: &PathBuf| {
        let added = own_build.as_ref().is_some_and(|build| folder.starts_with(build));
        !added
            && !folder
                .iter()
                .any(|part| part == "toolchains" || part == "rustlib")
    };
    let kept: Vec<_> = env::split_paths(&paths).filter(is_the_users).collect();
    match env::join_paths(&kept) {
        Ok(kept) if !kept.is_empty() => command.env("LD_LIBRARY_PATH", kept),
        _ => command.env_remove("LD_LIBRARY_PATH"),
    };
}

/// A program about to be started.
#[derive(Debug)]
#[must_use]
pub(crate) struct Task<'a> {
    toolbox: &'a Toolbox,
    command: Command,
    /// So many arguments at the beginning only lead into a sandbox and are not worth showing.
    wrapper: usize,
}

impl Task<'_> {
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What was given so far is a wrapper around the command to come.
    pub(crate) fn wraps(mut self) -> Self {
        self.wrapper = self.command.get_args().count();
        self
    }

    pub(crate) fn in_folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Names the program when it cannot be started or does not exit with zero.
    pub(crate) fn succeeds(self) -> Result<()> {
        let shown = self.to_string();
        let status = self.run(None, |_| true)?;
        if !status.success() {
            bail!("`{shown}` failed ({status})");
        }
        Ok(())
    }

    /// Runs it to its end and counts the tests it ran. That it cannot be started is one failed test.
    pub(crate) fn count(self, runner: Runner) -> Tally {
        let mut counter = Counter::new(runner);
        let mut curtain = Curtain::for_runner(runner);
        let outcome = self.run(Some(SILENCES), |line| {
            counter.read(line);
            curtain.shows(line)
        });
        match outcome {
            Ok(status) => counter.finish(status.success()),
            Err(error) => {
                eprintln!("{error:#}");
                counter.finish(false)
            }
        }
    }

    /// Runs it to its end, silently, for what it prints.
    pub(crate) fn output(self) -> Result<String> {
        let shown = self.to_string();
        let mut leashed = leash::put_on(&self.command)?;
        let mut child = leashed
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{shown}` cannot be started"))?;
        let _held = child.stdin.take(); // `wait` would close it, and the leash would pull
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("`{shown}` failed ({})", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed what is not UTF-8"))
    }

    /// Starts it to run beside the next ones, until the [`Service`] is dropped. `ready` picks, from a line it prints,
    /// what makes it usable.
    pub(crate) fn serve(
        self,
        deadline: Duration,
        ready: fn(&str) -> Option<&str>,
    ) -> Result<(Service, String)> {
        let shown = self.to_string();
        self.announce();
        let mut leashed = leash::put_on(&self.command)?;
        if let Some(kept) = &self.toolbox.kept {
            leashed.stderr(kept.file_of(&format!("{}-services", self.toolbox.now.get()))?);
        }
        let mut child = leashed
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{shown}` cannot be started"))?;
        let output = child.stdout.take();
        let service = Service { child };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Read to the end also when nobody listens any more: a full pipe would stop the service.
            for line in output
                .into_iter()
                .flat_map(|output| BufReader::new(output).lines())
                .map_while(Result::ok)
            {
                if let Some(word) = ready(&line) {
                    let _ = sender.send(word.to_owned());
                }
            }
        });
        match receiver.recv_timeout(deadline) {
            Ok(word) => Ok((service, word)),
            Err(RecvTimeoutError::Timeout) => bail!("`{shown}` was not ready after {} s", deadline.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("`{shown}` ended before it was ready"),
        }
    }

    /// Starts it to run beside the next ones; nothing is read from it.
    pub(crate) fn serve_silently(self) -> Result<Service> {
        let shown = self.to_string();
        self.announce();
        let child = leash::put_on(&self.command)?
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("`{shown}` cannot be started"))?;
        Ok(Service { child })
    }

    fn announce(&self) {
        println!("[{} {}] {self}", self.toolbox.now.get(), self.toolbox.clock());
    }

    /// Keeps both outputs in the order they come, and shows the lines for which `read` says so.
    fn run(self, limit: Option<u32>, mut read: impl FnMut(&str) -> bool) -> Result<ExitStatus> {
        self.announce();
        let started = Instant::now();
        let kept = self.toolbox.kept.as_ref();
        let mut said = kept
            .map(|kept| kept.file_of(self.toolbox.now.get()))
            .transpose()?;
        let (output, inlet) = io::pipe()?;
        let mut leashed = leash::put_on(&self.command)?;
        let mut child = leashed
            .stdout(inlet.try_clone()?)
            .stderr(inlet)
            .spawn()
            .with_context(|| format!("`{self}` cannot be started"))?;
        drop(leashed); // it holds ends of the pipe
        let mut held = child.stdin.take();

        let (sender, receiver) = mpsc::channel();
        let lines = sender.clone();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
                if lines.send(Seen::Line(std::mem::take(&mut line))).is_err() {
                    return;
                }
            }
            let _ = lines.send(Seen::OutputClosed);
        });
        thread::spawn(move || sender.send(Seen::Ended(child.wait())));

        let mut status = None;
        let mut closed = false;
        let mut patience = SILENCE;
        let mut silences = 0;
        loop {
            match receiver.recv_timeout(patience) {
                Ok(Seen::Line(line)) => {
                    silences = 0;
                    if let Some(said) = &mut said {
                        said.write_all(&line)?;
                    }
                    if read(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])) {
                        let mut terminal = io::stdout().lock();
                        terminal.write_all(&line)?;
                        terminal.flush()?;
                    }
                }
                Ok(Seen::OutputClosed) => closed = true,
                Ok(Seen::Ended(ended)) => {
                    status = Some(ended?);
                    patience = LAST_WORDS;
                }
                Err(_) if status.is_some() => closed = true,
                Err(_) => {
                    silences += 1;
                    let (now, so_far) = (self.toolbox.now.get(), clock(started.elapsed()));
                    println!("[{now} {}] … for {so_far}", self.toolbox.clock());
                    if limit.is_some_and(|limit| silences == limit) {
                        println!("[{now} {}] it hangs: ended", self.toolbox.clock());
                        drop(held.take()); // pulls the leash
                    }
                }
            }
            if let (true, Some(status)) = (closed, status) {
                return Ok(status);
            }
        }
    }
}

enum Seen {
    Line(Vec<u8>),
    OutputClosed,
    Ended(io::Result<ExitStatus>),
}

impl std::fmt::Display for Task<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.command.get_program().to_string_lossy())?;
        if self.wrapper > 0 {
            f.write_str(" …")?;
        }
        for argument in self.command.get_args().skip(self.wrapper) {
            write!(f, " {}", argument.to_string_lossy())?;
        }
        Ok(())
    }
}

/// A program that runs beside the others; dropping this ends it and all that it started.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take()); // pulls the leash
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_shows_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_secs(5)), "00:05");
        assert_eq!(clock(Duration::from_secs(3_725)), "62:05");
    }
}
