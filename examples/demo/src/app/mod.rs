//! The app process: what a mobile app has of Tokencast (a session, its storage, its pages), and a line to the
//! launcher in place of a user interface. It ends when that line does.

mod clock;
mod storage;
#[cfg(feature = "webview")]
mod webviews;
mod window;

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokencast::error::SessionError;
use tokencast::pages::PagePolicy;
use tokencast::session::AuthSession;
use tokencast::state::{SessionEvent, SessionState, Transition};
use tokencast::time::{BootTime, Clock as _};
use tokencast::token::Credentials;
use tokencast_devhost::{DevHost, Passed};
use tokio::sync::mpsc;

use crate::control::{Line, Order, Outcome, PageSeen, Report, Said, Setup, Snapshot, State, StorageUsed};
use crate::scheme;
pub(crate) use clock::MovedClock;
use storage::Traced;
use window::Window;

/// After the launcher is gone, the process lives this long at most.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// So many of the newest transitions are told.
const HISTORY: usize = 8;

pub(crate) fn run() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return cannot_start(format!("no runtime: {error}")),
    };
    let lines = read_lines();
    let code = runtime.block_on(live(lines));
    // A storage call that hangs must not hold the process.
    runtime.shutdown_background();
    code
}

async fn live(mut lines: mpsc::UnboundedReceiver<String>) -> ExitCode {
    let Some(first) = lines.recv().await else {
        return ExitCode::SUCCESS;
    };
    let setup: Setup = match serde_json::from_str(&first) {
        Ok(setup) => setup,
        Err(_) => {
            return cannot_start("this process is started by the demo's launcher: run `cargo demo`".into());
        }
    };
    let mut app = match App::start(setup).await {
        Ok(app) => app,
        Err(why) => return cannot_start(why),
    };
    app.serve(lines).await;
    app.storage.forget();
    ExitCode::SUCCESS
}

struct App {
    session: AuthSession,
    host: DevHost,
    clock: Arc<MovedClock>,
    storage: Arc<Traced>,
    /// For a page that the server renders.
    window: Window,
    /// The end of the token that was seen last.
    token_ends: Option<BootTime>,
    /// The pages that it shows itself.
    #[cfg(feature = "webview")]
    _webviews: Option<webviews::Webviews>,
}

impl App {
    async fn start(setup: Setup) -> Result<Self, String> {
        let clock = Arc::new(MovedClock::ahead_by(setup.clock_ahead_ms));
        let (storage, used) = storage::open(setup.storage, &setup.folder)?;
        let profile = scheme::profile(setup.scheme, &setup.api).map_err(|error| error.to_string())?;
        let session = AuthSession::builder(profile)
            .shared_storage(storage.clone())
            .key_wrapper(Arc::new(setup.key))
            .entry(setup.entry)
            .state_dir(setup.folder.join("locks"))
            .clock(clock.clone())
            .build()
            .map_err(|error| error.to_string())?;
        let policy = PagePolicy::new(setup.origins)
            .map_err(|error| error.to_string())?
            .allow_loopback_http();
        let host = DevHost::start(&session, policy.clone())
            .await
            .map_err(|error| error.to_string())?;
        let window = Window::open(&session, &setup.api)?;
        session.restored().await;
        #[cfg(feature = "webview")]
        let webviews = match &setup.webviews[..] {
            [] => None,
            urls => Some(webviews::show(urls, &session, policy).await?),
        };
        let app = Self {
            session,
            host,
            clock,
            storage,
            window,
            token_ends: None,
            #[cfg(feature = "webview")]
            _webviews: webviews,
        };
        app.announce(used);
        Ok(app)
    }

    fn announce(&self, storage: StorageUsed) {
        let address = self.host.address();
        say(&Report::Ready {
            storage,
            bridge: format!("ws://{address}"),
        });
    }

    async fn serve(&mut self, mut lines: mpsc::UnboundedReceiver<String>) {
        let (told, mut events) = mpsc::unbounded_channel();
        let _keep = self.session.subscribe(move |event| {
            // The receiver lives as long as this subscription.
            let _ = told.send(event.clone());
        });
        let mut pages = self.host.watch();
        let mut traffic = self.host.overhear();
        loop {
            tokio::select! {
                // In the order in which it happened: a page has a token after it was sent.
                biased;
                // Whoever is too slow for it misses some; it ends with the host, which lives longer.
                Ok(passed) = traffic.recv() => {
                    say(&Report::Said(said(passed)));
                    continue;
                }
                line = lines.recv() => match line {
                    Some(line) => self.obey(&line),
                    None => return,
                },
                Some(event) = events.recv() => self.on_event(&event),
                Ok(()) = pages.changed() => {}
            }
            say(&Report::Now(self.snapshot()));
        }
    }

    fn obey(&mut self, line: &str) {
        let Ok(Line { id, order }) = serde_json::from_str(line) else {
            return say(&Report::Event {
                text: "a line of the launcher was not understood".into(),
            });
        };
        match order {
            Order::Advance { ms } => {
                self.clock.advance(ms);
                say(&Report::Now(self.snapshot()));
                done(id, Ok::<_, String>(None));
            }
            Order::Invite { url } => {
                let address = self.host.page_url(&url);
                done(id, address.map(Some));
            }
            Order::SignIn { username, password } => {
                let session = self.session.clone();
                tokio::spawn(async move {
                    let signed_in = session.sign_in(Credentials::password(username, password)).await;
                    done(id, signed_in.map(|()| None));
                });
            }
            Order::Renew => {
                let session = self.session.clone();
                tokio::spawn(async move {
                    let told = access_token(&session).await;
                    done(id, Ok::<_, String>(Some(told)));
                });
            }
            Order::Load { path } => {
                let loaded = self.window.load(&path);
                tokio::spawn(async move {
                    let loaded = loaded.await.and_then(|page| Ok(serde_json::to_string(&page)?));
                    done(id, loaded.map(Some));
                });
            }
            // Everything is told after every order.
            Order::Report => {
                say(&Report::Now(self.snapshot()));
                done(id, Ok::<_, String>(None));
            }
            Order::SignOut => {
                let session = self.session.clone();
                tokio::spawn(async move {
                    let signed_out = session.sign_out().await;
                    done(id, signed_out.map(|()| None));
                });
            }
        }
    }

    fn on_event(&mut self, event: &SessionEvent) {
        if let SessionEvent::AccessTokenChanged(token) = event {
            self.token_ends = Some(token.expires_at());
        }
        if let Some(text) = self.describe(event) {
            say(&Report::Event { text });
        }
    }

    fn describe(&self, event: &SessionEvent) -> Option<String> {
        let now = self.clock.boot();
        let text = match event {
            SessionEvent::AccessTokenChanged(token) => {
                let left = token.remaining(now).as_millis().div_ceil(1000);
                format!(
                    "new access token, generation {}, good for {left} s",
                    token.generation()
                )
            }
            SessionEvent::StateChanged(told) => {
                let (state, reason, account) = named(told);
                let state = match state {
                    State::Restoring => "the stored session is being read",
                    State::Locked => "the storage cannot be read now",
                    State::SignedOut => "nobody is signed in",
                    State::Active => "signed in",
                    State::SignInRequired => "the session is over",
                };
                let account = account.filter(|_| matches!(told, SessionState::Active { .. }));
                let account = account.map(|account| format!(" as {account}"));
                let reason = reason.map(|reason| format!(": {reason}"));
                format!(
                    "{state}{}{}",
                    account.unwrap_or_default(),
                    reason.unwrap_or_default()
                )
            }
            SessionEvent::RefreshFailed { error, retry_at } => {
                let retry = retry_at.map(|at| format!("; next attempt in {} ms", now.until(at).as_millis()));
                format!("a refresh failed: {error}{}", retry.unwrap_or_default())
            }
            SessionEvent::StorageDegraded { error } => format!("a save failed: {error}"),
            _ => return None,
        };
        Some(text)
    }

    fn snapshot(&self) -> Snapshot {
        let told = self.session.state();
        let (state, reason, account) = named(&told);
        let code = match &told {
            SessionState::SignInRequired { reason, .. } => Some(reason.code().to_owned()),
            _ => None,
        };
        let history = self.session.history();
        let history = history.iter().skip(history.len().saturating_sub(HISTORY));
        let pages = self.host.pages().into_iter().map(|page| PageSeen {
            connection: page.page.get(),
            origin: page.origin.to_string(),
            generation: page.generation,
        });
        let left = self.token_ends.filter(|_| state == State::Active);
        Snapshot {
            state,
            reason,
            code,
            account,
            generation: self.session.generation(),
            left_ms: left.map(|ends| {
                let left = self.clock.boot().until(ends);
                u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
            }),
            pages: pages.collect(),
            history: history.map(undated).collect(),
        }
    }
}

fn said(passed: Passed) -> Said {
    Said {
        origin: passed.origin.to_string(),
        by_page: passed.by_page,
        kind: passed.kind.to_owned(),
        why: passed.why.map(str::to_owned),
        generation: passed.generation,
    }
}

/// What a caller is told who needs an access token, and tries again as it is told.
async fn access_token(session: &AuthSession) -> String {
    const TRIES: usize = 30;
    let mut tries = 0;
    loop {
        tries += 1;
        match session.access_token().await {
            Ok(token) => return format!("served: generation {}", token.generation()),
            Err(SessionError::TryAgain { after, .. }) if tries < TRIES => tokio::time::sleep(after).await,
            Err(error) => return error.to_string(),
        }
    }
}

/// A line of the history. The demo moves its clocks, so the date would only confuse.
fn undated(transition: &Transition) -> String {
    let line = transition.to_string();
    match line.split_once("GMT: ") {
        Some((_, text)) => text.to_owned(),
        None => line,
    }
}

fn named(state: &SessionState) -> (State, Option<String>, Option<String>) {
    match state {
        SessionState::Restoring => (State::Restoring, None, None),
        SessionState::Locked { cause } => (State::Locked, Some(cause.to_string()), None),
        SessionState::Active { account } => (State::Active, None, account.clone()),
        SessionState::SignInRequired { reason, account, .. } => {
            (State::SignInRequired, Some(reason.to_string()), account.clone())
        }
        // A state of a later version is shown as one without a session.
        SessionState::SignedOut | _ => (State::SignedOut, None, None),
    }
}

/// Hands on the lines of standard input from a thread of their own. At its end the process ends, too.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                return;
            }
        }
        drop(sender);
        thread::sleep(LAST_WORDS);
        std::process::exit(1);
    });
    lines
}

fn done(id: u64, result: Result<Option<String>, impl ToString>) {
    let outcome = match result {
        Ok(answer) => Outcome::Done { answer },
        Err(error) => Outcome::Failed {
            why: error.to_string(),
        },
    };
    say(&Report::Done { id, outcome });
}

fn cannot_start(why: String) -> ExitCode {
    say(&Report::CannotStart { why });
    ExitCode::FAILURE
}

fn say(report: &Report) {
    // Reports hold text and numbers only, so they always serialize.
    let Ok(text) = serde_json::to_string(report) else {
        return;
    };
    // A launcher that does not listen is gone, and standard input says so as well.
    let _ = writeln!(io::stdout().lock(), "{text}");
}
