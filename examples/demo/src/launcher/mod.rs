//! The launcher: runs everything but the app itself, and the dashboard to play with it.

mod board;
mod dashboard;
mod door;
mod guard;
mod outsider;
mod played;
mod process;
mod sites;
mod stage;
mod tap;
mod told;
mod wire;

use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokencast_backend::Scheme;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub(crate) use door::{Door, Invitation};
pub(crate) use played::{Arrow, Played};
pub(crate) use process::Record;
pub(crate) use stage::{Attempt, Audience, Counted, Look, Options, Stage, Target};
pub(crate) use tap::Text;

use crate::cli::StorageChoice;
use crate::control::random_name;
use crate::scheme;
use crate::step::Step;
use dashboard::{Browser, Dashboard};

/// How long a step that is being performed may take when the demo is to end.
const LAST_STEP: Duration = Duration::from_secs(10);

/// Runs the demo until it is interrupted.
pub(crate) fn run(storage: StorageChoice, scheme: Scheme, webview: bool) -> Result<()> {
    runtime()?.block_on(async {
        // Before anything is started that would have to be ended.
        let interrupted = interruption()?;
        play(storage, scheme, webview, interrupted).await
    })
}

pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// Resolves when the user or the system wants the program to end.
pub(crate) fn interruption() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without a handler the system ends the program itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

async fn play(
    storage: StorageChoice,
    scheme: Scheme,
    webview: bool,
    interrupted: impl Future<Output = ()>,
) -> Result<()> {
    tokio::pin!(interrupted);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("no port for the dashboard")?;
    let origin = format!("http://{}", listener.local_addr()?);
    let key = random_name::<16>().map_err(|_| anyhow!("the system gave no random bytes"))?;
    let options = Options {
        storage,
        scheme: Some(scheme),
        dashboard: Some(origin.clone()),
        webview,
        record: Record::default(),
    };
    let mut stage = tokio::select! {
        stage = Stage::open(options) => stage?,
        () = &mut interrupted => return Ok(()),
    };
    let browser = Browser::new(stage.board(), stage.door());
    // A demo begins with somebody signed in.
    let begun = stage.perform(Step::SignIn, &browser).await;
    let storage = stage.board().scene().app.storage.map(|used| used.words);
    let (board, door, tap) = (stage.board(), stage.door(), stage.tap());
    let stage = Arc::new(Mutex::new(Some(stage)));
    let shown = async {
        begun?;
        greet(&format!("{origin}/{key}/"), scheme, &storage.unwrap_or_default())?;
        dashboard::serve(
            listener,
            &key,
            Dashboard::new(&origin, stage.clone(), board, door, tap, browser),
        )
        .await
    };
    let outcome = tokio::select! {
        outcome = shown => outcome,
        () = &mut interrupted => Ok(()),
    };
    let stage = timeout(LAST_STEP, async { stage.lock().await.take() }).await;
    if let Ok(Some(stage)) = stage {
        stage.close().await?;
    }
    outcome
}

fn greet(address: &str, scheme: Scheme, storage: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Tokencast: one refresh feeds every open page.

  Open this address in a browser of this machine:

      {address}

  Then let the token expire, and let all pages call the API: four calls meet a 401, the
  app exchanges its refresh token once, and every page goes on with the new access token.

  The server's scheme is {scheme}: {}.
  The app keeps its session in {storage}.
  Ctrl-C ends everything.",
        scheme::shown(scheme).line
    )?;
    out.flush()
}
