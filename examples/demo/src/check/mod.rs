//! The script and the stories without a browser: the same steps as the dashboard's buttons, through the same app process, bridge and
//! server. Only the pages are played by this program.

mod hostile;
mod page;
mod script;
mod stories;
mod transcript;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::join_all;
use tokencast_backend::Scheme;
use tokio::sync::{Mutex, MutexGuard};

use crate::cli::{Schemes, StorageChoice};
use crate::launcher::{self, Attempt, Audience, Door, Look, Options, Record, Stage, Text};
use crate::scheme;
use crate::step::Call;
use page::{Answer, Page};
use transcript::Transcript;

/// Only what hangs needs so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays the usual scheme's script and the schemes' stories, and prints a transcript. Whether every step did what it
/// says.
pub(crate) fn run(storage: StorageChoice, schemes: Schemes) -> Result<bool> {
    launcher::runtime()?.block_on(async {
        let interrupted = launcher::interruption()?;
        tokio::pin!(interrupted);
        let mut transcript = Transcript::new(io::stdout().lock());
        let schemes: Vec<_> = match schemes {
            Schemes::One(scheme) => vec![scheme],
            Schemes::All => Scheme::all().collect(),
        };
        for scheme in schemes {
            if !check(storage, scheme, &mut interrupted, &mut transcript).await? {
                break;
            }
        }
        Ok(transcript.end()?)
    })
}

/// A server of the scheme, an app and pages of its own. False when it was interrupted.
async fn check(
    storage: StorageChoice,
    scheme: Scheme,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    transcript: &mut Transcript<impl Write>,
) -> Result<bool> {
    transcript.scheme(scheme)?;
    let record = Record::kept();
    let options = Options {
        storage,
        scheme: Some(scheme),
        dashboard: None,
        webview: false,
        record: record.clone(),
    };
    let mut stage = Stage::open(options).await?;
    let players = Players::new(stage.api());
    let (folder, board) = (stage.folder().to_owned(), stage.board());
    let played = async {
        if scheme == scheme::USUAL {
            script::play(&mut stage, &players, &record, transcript).await?;
        } else {
            stories::buttons(&mut stage, &players, transcript).await?;
        }
        stories::play(&mut stage, &players, &record, transcript).await
    };
    let (played, goes_on) = tokio::select! {
        played = played => (played, true),
        () = interrupted => (Err(anyhow::anyhow!("interrupted")), false),
    };
    if let Err(error) = played {
        transcript.broke(&error)?;
    }
    transcript.step("the end")?;
    let pid = board.scene().app.pid;
    let ended = stage.close().await?;
    transcript.expect("the app ended when its launcher hung up", ended)?;
    transcript.expect("no process is left", !is_running(pid))?;
    transcript.expect("the temporary folder is gone", !folder.exists())?;
    Ok(goes_on)
}

/// The four pages, played.
struct Players {
    api: String,
    pages: Mutex<Vec<Page>>,
    /// How many there are.
    open: AtomicUsize,
    answers: StdMutex<Vec<Result<Answer>>>,
    /// Every access token that a page ever held.
    tokens: StdMutex<BTreeSet<String>>,
}

impl Players {
    fn new(api: &str) -> Self {
        Self {
            api: api.to_owned(),
            pages: Mutex::default(),
            open: AtomicUsize::default(),
            answers: StdMutex::default(),
            tokens: StdMutex::default(),
        }
    }

    async fn pages(&self) -> MutexGuard<'_, Vec<Page>> {
        self.pages.lock().await
    }

    /// The answers to the last call.
    fn answers(&self) -> Result<Vec<Answer>> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *answers).into_iter().collect()
    }

    /// Whether every page holds a token, and all of the same generation.
    async fn generation(&self) -> Result<page::Gen> {
        let pages = self.pages().await;
        let first = pages.first().and_then(Page::generation);
        let first = first.context("a page without a token")?.clone();
        for page in &*pages {
            if page.generation() != Some(&first) {
                bail!("the page {} holds another token than the first", page.name);
            }
        }
        Ok(first)
    }

    fn note(&self, pages: &[Page]) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.extend(pages.iter().filter_map(Page::token).map(str::to_owned));
    }

    /// Every access token that a page ever held, for a search.
    fn tokens(&self) -> BTreeSet<String> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Audience for Players {
    fn size(&self) -> u64 {
        self.open.load(Ordering::Relaxed) as u64
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    async fn look(&self, secrets: &[Text]) -> Result<Vec<Look>> {
        let mut pages = self.pages().await;
        let looks = join_all(pages.iter_mut().map(|page| page.look(secrets))).await;
        looks.into_iter().collect()
    }

    async fn call(&self, call: Call) {
        let mut pages = self.pages().await;
        let answers = join_all(pages.iter_mut().map(|page| page.call(call))).await;
        self.note(&pages);
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }

    async fn open(&self, door: &Door) -> Result<()> {
        let invitations = door.invite().await?;
        let opened = join_all(invitations.iter().map(|it| Page::open(it, &self.api))).await;
        let mut pages = self.pages().await;
        *pages = opened.into_iter().collect::<Result<_>>()?;
        self.open.store(pages.len(), Ordering::Relaxed);
        self.note(&pages);
        Ok(())
    }

    async fn open_another(&self, door: &Door) -> Result<()> {
        let invitation = door.invite_another().await?;
        let opened = Page::open(&invitation, &self.api).await?;
        let mut pages = self.pages().await;
        // The one before, if it is open, is closed.
        pages.retain(|page| page.name != opened.name);
        pages.push(opened);
        self.open.store(pages.len(), Ordering::Relaxed);
        self.note(&pages);
        Ok(())
    }

    async fn attack(&self, door: &Door) -> Result<Vec<Attempt>> {
        hostile::attack(&door.invite_hostile().await?, &self.api).await
    }
}

/// Whether the process exists. Where that cannot be seen, it does not.
fn is_running(pid: Option<u32>) -> bool {
    pid.is_some_and(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())
}
