use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Why the browser did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CdpError {
    /// It could not be started.
    #[error("chromium cannot be started, install it or name it in TOKENCAST_CHROMIUM: {0}")]
    Start(#[source] io::Error),
    /// It has ended.
    #[error("chromium is gone")]
    Gone,
    /// It refused a command: its own words.
    #[error("chromium refused {method}: {message}")]
    Refused {
        /// The command.
        method: &'static str,
        /// Its own words.
        message: String,
    },
    /// A script threw.
    #[error("the script threw {0}")]
    Thrown(String),
    /// Its answer is not that of the protocol.
    #[error("chromium's answer to {0} has another form than expected")]
    Unexpected(&'static str),
}

/// Takes the events of one tab: their name and parameters.
pub type Listener = Arc<dyn Fn(&str, &Value) + Send + Sync>;

/// Takes the answer to one command, on the thread that reads; dropped when the browser is gone.
pub(crate) type OnAnswer = Box<dyn FnOnce(Value) + Send>;

/// The connection to one browser process, which ends with it.
pub(crate) struct Pipe {
    browser: Mutex<Child>,
    /// Written by a thread: whoever reads the browser's messages must not wait for it to read ours.
    outgoing: mpsc::Sender<Vec<u8>>,
    desk: Arc<Mutex<Desk>>,
    _profile: TempDir,
}

#[derive(Default)]
struct Desk {
    last: u64,
    waiting: BTreeMap<u64, OnAnswer>,
    listeners: BTreeMap<String, Listener>,
}

/// A network that the tests do not use, and no first-run pages. The sandbox cannot be had as root.
const FLAGS: &[&str] = &[
    "--remote-debugging-pipe",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The browser reads commands from descriptor 3 and writes to 4; a shell moves ours there.
const MOVED: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;

impl Pipe {
    pub(crate) fn launch(flags: &[&str]) -> Result<Self, CdpError> {
        let program = std::env::var_os("TOKENCAST_CHROMIUM").unwrap_or_else(|| "chromium".into());
        let profile = TempDir::new().map_err(CdpError::Start)?;
        let mut folder = OsString::from("--user-data-dir=");
        folder.push(profile.path());
        let mut browser = Command::new("sh")
            .args(["-c", MOVED, "sh"])
            .arg(program)
            .args(FLAGS)
            .args(flags)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(CdpError::Start)?;
        let (Some(input), Some(output)) = (browser.stdin.take(), browser.stdout.take()) else {
            return Err(CdpError::Gone);
        };
        let (outgoing, queue) = mpsc::channel();
        let desk = Arc::new(Mutex::default());
        let weak = Arc::downgrade(&desk);
        thread::spawn(move || write(input, &queue));
        thread::spawn(move || read(output, &weak));
        Ok(Self {
            browser: Mutex::new(browser),
            outgoing,
            desk,
            _profile: profile,
        })
    }

    /// Sends a command, in the order of the calls, and waits for its answer.
    pub(crate) async fn call(
        &self,
        session: Option<&str>,
        method: &'static str,
        parameters: Value,
    ) -> Result<Value, CdpError> {
        let mut answer = self
            .send(session, method, parameters)
            .await
            .map_err(|_| CdpError::Gone)?;
        if let Some(message) = answer["error"]["message"].as_str() {
            let message = message.to_owned();
            return Err(CdpError::Refused { method, message });
        }
        Ok(answer["result"].take())
    }

    /// Sends a command; its answer may be let go.
    pub(crate) fn send(
        &self,
        session: Option<&str>,
        method: &'static str,
        parameters: Value,
    ) -> oneshot::Receiver<Value> {
        let (sender, answer) = oneshot::channel();
        let sent = move |answer| drop(sender.send(answer)); // nobody waits for some
        self.send_then(session, method, parameters, Box::new(sent));
        answer
    }

    /// Sends a command; its answer is taken as soon as it is read.
    pub(crate) fn send_then(
        &self,
        session: Option<&str>,
        method: &'static str,
        parameters: Value,
        on_answer: OnAnswer,
    ) {
        let mut desk = lock(&self.desk);
        desk.last += 1;
        let id = desk.last;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        desk.waiting.insert(id, on_answer);
        let mut text = command.to_string().into_bytes();
        text.push(0);
        // Under the lock, so that commands go out as they are numbered. A browser that is gone answers none.
        if self.outgoing.send(text).is_err() {
            desk.waiting.clear();
        }
    }

    /// Whoever listens to a tab, one at a time. Called by the thread that reads: it must not wait for an answer.
    pub(crate) fn listen(&self, session: &str, listener: Listener) {
        lock(&self.desk).listeners.insert(session.to_owned(), listener);
    }

    pub(crate) fn forget(&self, session: &str) {
        lock(&self.desk).listeners.remove(session);
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let browser = self.browser.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Its other processes end by themselves when this one is gone.
        let _ = browser.kill();
        let _ = browser.wait();
    }
}

fn write(mut input: ChildStdin, queue: &mpsc::Receiver<Vec<u8>>) {
    for text in queue {
        if input.write_all(&text).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

fn read(output: ChildStdout, desk: &Weak<Mutex<Desk>>) {
    let mut output = BufReader::new(output);
    let mut text = Vec::new();
    while output.read_until(0, &mut text).is_ok_and(|read| read > 0) {
        let message = serde_json::from_slice::<Value>(text.strip_suffix(&[0]).unwrap_or(&text));
        text.clear();
        let Some(desk) = desk.upgrade() else {
            return;
        };
        if let Ok(message) = message {
            deliver(message, &desk);
        }
    }
    if let Some(desk) = desk.upgrade() {
        let mut desk = lock(&desk);
        desk.waiting.clear();
        desk.listeners.clear();
    }
}

fn deliver(message: Value, desk: &Mutex<Desk>) {
    if let Some(id) = message["id"].as_u64() {
        let asked = lock(desk).waiting.remove(&id);
        if let Some(asked) = asked {
            asked(message);
        }
        return;
    }
    let parameters = &message["params"];
    let Some(method) = message["method"].as_str() else {
        return;
    };
    // The end of a tab is told outside of it.
    let session = match method {
        "Target.detachedFromTarget" => &parameters["sessionId"],
        _ => &message["sessionId"],
    };
    let listener = session
        .as_str()
        .and_then(|session| lock(desk).listeners.get(session).cloned());
    if let Some(listener) = listener {
        listener(method, parameters);
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
