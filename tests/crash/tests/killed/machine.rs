//! A server, the place where one app keeps its session, and the app's processes.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokencast_backend::{Backend, Config, RunningBackend, Stats};
use tokencast_crash_tests::{Errand, Order, Place, Report, Rotation};

/// A process that says nothing for so long hangs.
const HANGS: Duration = Duration::from_secs(120);

/// Which storage the app uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    SealedFile,
    SecretService,
}

pub(crate) struct Machine {
    pub(crate) server: RunningBackend,
    pub(crate) order: Order,
    pub(crate) home: TempDir,
}

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) reports: Vec<Report>,
    pub(crate) stderr: String,
}

/// A process at work.
pub(crate) struct Running {
    pub(crate) child: Child,
    reports: Receiver<Report>,
    stderr: thread::JoinHandle<String>,
}

impl Machine {
    pub(crate) fn new(store: Store) -> Self {
        Self::with(store, Rotation::Idempotent)
    }

    pub(crate) fn with(store: Store, rotation: Rotation) -> Self {
        let config = Config {
            idempotency: rotation == Rotation::Idempotent,
            ..Config::for_tests()
        };
        Self::with_config(store, rotation, config)
    }

    pub(crate) fn with_config(store: Store, rotation: Rotation, config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let server = runtime
            .block_on(Backend::start(config))
            .expect("the backend starts");
        let home = tempfile::tempdir().unwrap();
        let place = match store {
            Store::SealedFile => Place::File(home.path().join("data")),
            Store::SecretService => {
                // A missing service is a failure that names its cure, not a test that is left out.
                assert!(
                    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some(),
                    "there is no session bus: run `cargo xtask test core`, which installs and starts a Secret Service"
                );
                let unique = home.path().file_name().unwrap().to_string_lossy().into_owned();
                Place::SecretService(format!("dev.tokencast.crash{unique}"))
            }
        };
        let order = Order {
            server: server.url().into(),
            place,
            locks: home.path().join("locks"),
            rotation,
            persist_access_token: false,
            user: ("ada".into(), "lovelace".into()),
            log: None,
            errand: Errand::SignIn,
        };
        Self { server, order, home }
    }

    /// With its files in `folder`.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.order.place = Place::File(folder.join("data"));
        self
    }

    pub(crate) fn signed_in(self) -> Self {
        let ended = self.run(Errand::SignIn);
        assert_eq!(ended.reports, [Report::Done], "{}", ended.stderr);
        self
    }

    pub(crate) fn start(&self, errand: Errand) -> Running {
        let order = Order {
            errand,
            ..self.order.clone()
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_crash-child"))
            .arg(serde_json::to_string(&order).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let (sender, reports) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || pass_on(stdout, &sender));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Running {
            child,
            reports,
            stderr,
        }
    }

    pub(crate) fn run(&self, errand: Errand) -> Ended {
        self.start(errand).ended()
    }

    /// The next process of the app: it restores the session and refreshes it. The new generation's number.
    pub(crate) fn refreshed(&self) -> u64 {
        let ended = self.run(Errand::Refresh { death: None });
        ended.number().unwrap_or_else(|| panic!("no token: {ended:?}"))
    }

    /// Returns when the server holds back so many answers.
    pub(crate) fn wait_until_held(&self, answers: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.server.wait_until_held(answers));
    }

    /// The server saw no theft, ended no family and refused no token.
    pub(crate) fn assert_nothing_lost(&self) -> Stats {
        let stats = self.server.stats();
        assert_eq!(
            (
                stats.reuse_detected,
                stats.revocations,
                stats.refresh_rejected,
                stats.logins
            ),
            (0, 0, 0, 1),
            "{stats:?}"
        );
        stats
    }
}

impl Running {
    /// The next report; `None` when the process has ended.
    pub(crate) fn next(&self) -> Option<Report> {
        match self.reports.recv_timeout(HANGS) {
            Ok(report) => Some(report),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the child hangs"),
        }
    }

    /// Waits for one report, whatever comes before.
    pub(crate) fn until(&self, fits: impl Fn(&Report) -> bool) {
        loop {
            match self.next() {
                Some(report) if fits(&report) => return,
                Some(_) => {}
                None => panic!("the child ended too early"),
            }
        }
    }

    /// Forgets what was said so far.
    pub(crate) fn drain(&self) {
        self.reports.try_iter().for_each(drop);
    }

    /// SIGKILL, from outside.
    pub(crate) fn killed(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended()
    }

    pub(crate) fn ended(mut self) -> Ended {
        let mut reports = Vec::new();
        while let Some(report) = self.next() {
            reports.push(report);
        }
        Ended {
            status: self.child.wait().unwrap(),
            reports,
            stderr: self.stderr.join().unwrap(),
        }
    }
}

impl Ended {
    /// Whether the kernel ended it: SIGKILL, or SIGXFSZ in the middle of a file's write.
    pub(crate) fn was_killed(&self) -> bool {
        matches!(self.status.signal(), Some(9 | 25))
    }

    /// The number of the last new generation.
    pub(crate) fn number(&self) -> Option<u64> {
        self.numbers().pop()
    }

    /// The numbers of all new generations.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let number = |report: &Report| match report {
            Report::Token { number, .. } => Some(*number),
            _ => None,
        };
        self.reports.iter().filter_map(number).collect()
    }

    pub(crate) fn lost(&self) -> bool {
        self.reports
            .iter()
            .any(|report| matches!(report, Report::Lost(_)))
    }
}

/// Whether `cargo xtask test --long` runs this.
pub(crate) fn long() -> bool {
    std::env::var_os("TOKENCAST_LONG").is_some()
}

/// Shows figures past the test runner's capture: they are what these tests are run for.
pub(crate) fn show(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

pub(crate) fn random_below(most: Duration) -> Duration {
    let drawn = RandomState::new().hash_one(0) % 1_000;
    most * u32::try_from(drawn).unwrap() / 1_000
}

fn pass_on(stdout: ChildStdout, sender: &mpsc::Sender<Report>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { return };
        // A process killed in the middle of a line says half of it.
        if let Ok(report) = serde_json::from_str(&line)
            && sender.send(report).is_err()
        {
            return;
        }
    }
}
