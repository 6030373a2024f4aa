//! The app process as the launcher holds it: started, told what to do, killed.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::board::{Board, Who};
use crate::cli::APP_PROCESS;
use crate::control::{Line, Order, Outcome, Report, Setup};

/// Only an app that hangs needs so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an app may take to end on its own.
const FAREWELL: Duration = Duration::from_secs(8);

/// A running app process. Dropped, it is killed.
pub(crate) struct AppProcess {
    child: Child,
    orders: Orders,
}

/// The way to tell the app what to do. Cheap to clone; it fails when the app is gone.
#[derive(Clone)]
pub(crate) struct Orders(Arc<Shared>);

struct Shared {
    next: AtomicU64,
    lines: Mutex<Option<mpsc::UnboundedSender<String>>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
}

impl AppProcess {
    /// Starts the app and waits until its session is restored.
    pub(crate) async fn start(setup: &Setup, board: &Board, record: &Record) -> Result<Self> {
        let mut child = command()?
            .arg(APP_PROCESS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the app process does not start")?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the app process has no pipes");
        };
        let (lines, queue) = mpsc::unbounded_channel();
        lines.send(serde_json::to_string(setup)?)?;
        tokio::spawn(write(stdin, queue));
        let orders = Orders(Arc::new(Shared {
            next: AtomicU64::new(1),
            lines: Mutex::new(Some(lines)),
            waiting: Mutex::default(),
        }));
        let pid = child.id();
        board.change(|scene| {
            scene.app.pid = pid;
            scene.app.runs += 1;
        });
        let (ready, started) = oneshot::channel();
        tokio::spawn(listen(
            stdout,
            orders.clone(),
            board.clone(),
            record.clone(),
            ready,
        ));
        match timeout(PATIENCE, started).await {
            Ok(Ok(Ok(()))) => Ok(Self { child, orders }),
            Ok(Ok(Err(why))) => Err(anyhow!("the app cannot start: {why}")),
            Ok(Err(_)) => Err(anyhow!("the app process ended before it was ready")),
            Err(_) => Err(anyhow!("the app was not ready in time")),
        }
    }

    pub(crate) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Kills the app (SIGKILL on Unix) and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("the app could not be killed")
    }

    /// Lets the app end: its standard input closes. Whether it ended on its own.
    pub(crate) async fn end(mut self) -> bool {
        self.orders.hang_up();
        let ended = matches!(timeout(FAREWELL, self.child.wait()).await, Ok(Ok(status)) if status.success());
        if !ended {
            // It is gone, or killed when dropped.
            let _ = self.child.kill().await;
        }
        ended
    }
}

impl Orders {
    /// Gives an order and waits until it is carried out.
    pub(crate) async fn give(&self, order: Order) -> Result<Option<String>> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let text = serde_json::to_string(&Line { id, order })?;
        let (answer, answered) = oneshot::channel();
        self.waiting().insert(id, answer);
        let sent = match &*self.lines() {
            Some(lines) => lines.send(text).is_ok(),
            None => false,
        };
        if !sent {
            self.waiting().remove(&id);
            bail!("the app is not running");
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(Outcome::Done { answer })) => Ok(answer),
            Ok(Ok(Outcome::Failed { why })) => Err(anyhow!(why)),
            Ok(Err(_)) => Err(anyhow!("the app ended meanwhile")),
            Err(_) => Err(anyhow!("the app did not answer in time")),
        }
    }

    fn hang_up(&self) {
        *self.lines() = None;
    }

    fn settle(&self, id: u64, outcome: Outcome) {
        if let Some(answer) = self.waiting().remove(&id) {
            // Whoever asked may have given up.
            let _ = answer.send(outcome);
        }
    }

    /// The app is gone: nobody waits any more.
    fn end(&self) {
        self.hang_up();
        self.waiting().clear();
    }

    fn lines(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<String>>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Outcome>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything an app wrote, when somebody wants to look through it afterwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Option<Arc<Mutex<String>>>);

impl Record {
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).contains(text))
    }

    fn add(&self, line: &str) {
        if let Some(kept) = &self.0 {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_str(line);
            kept.push('\n');
        }
    }
}

/// This program again. Not by its path where that can be helped: a build meanwhile would put another program there.
fn command() -> Result<Command> {
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().context("the demo does not find itself")?
    };
    let mut command = Command::new(program);
    // Ctrl-C is for the launcher; the app ends with its standard input.
    #[cfg(unix)]
    command.process_group(0).arg0("tokencast-demo");
    Ok(command)
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::UnboundedReceiver<String>) {
    while let Some(mut line) = queue.recv().await {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).await.is_err() {
            // The app is gone; the end of its output says so.
            return;
        }
    }
}

async fn listen(
    stdout: ChildStdout,
    orders: Orders,
    board: Board,
    record: Record,
    ready: oneshot::Sender<Result<(), String>>,
) {
    let mut ready = Some(ready);
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        record.add(&line);
        let mut settle = |result| {
            if let Some(ready) = ready.take() {
                // Whoever started the app may have given up.
                let _ = ready.send(result);
            }
        };
        match serde_json::from_str(&line) {
            Ok(Report::Now(now)) => board.app_says(now),
            Ok(Report::Said(said)) => board.passed(said.into()),
            Ok(Report::Event { text }) => board.event(Who::App, text),
            Ok(Report::Done { id, outcome }) => orders.settle(id, outcome),
            Ok(Report::CannotStart { why }) => settle(Err(why)),
            Ok(Report::Ready { storage, bridge }) => {
                board.change(|scene| {
                    scene.app.storage = Some(storage);
                    scene.app.bridge = Some(bridge);
                });
                settle(Ok(()));
            }
            Err(_) => board.event(Who::App, "wrote a line that is no report"),
        }
    }
    orders.end();
    board.event(Who::App, "the process is gone");
    board.app_says(Default::default());
    board.change(|scene| {
        scene.app.pid = None;
        scene.app.bridge = None;
    });
}
