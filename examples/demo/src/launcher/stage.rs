//! The server, the app process and the pages' servers, and the steps that can be performed with them.

mod newcomers;
mod story;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokencast_backend::{Backend, Config, Database, NewUser, RunningBackend, Scheme, Stats};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use url::Url;

use super::board::{Board, Scene, Told, Who};
use super::door::Door;
use super::process::{AppProcess, Record};
use super::sites::{self, Site, Surroundings};
use super::tap::{Actor, Tap, Text};
use super::told;
use crate::app::MovedClock;
use crate::cli::StorageChoice;
use crate::control::{DemoKey, Order, PageSeen, Setup, State, random_name};
use crate::scheme;
use crate::step::{Call, Step};
pub(crate) use newcomers::{Attempt, Target};

/// The life of an access token.
const ACCESS_TTL: Duration = Duration::from_secs(5 * 60);
const USERNAME: &str = "ada";
const PASSWORD: &str = "lovelace";
/// Somebody else with an account.
const EVE: [&str; 2] = ["eve", "drop the pearls"];

/// Only what hangs needs so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything the demo runs. [`close`](Self::close) ends it in order; dropped, it is cut off.
pub(crate) struct Stage {
    app: Option<AppProcess>,
    setup: Setup,
    door: Door,
    backend: Arc<RunningBackend>,
    /// Everybody's way to it.
    tap: Tap,
    /// Where who is not the app finds the server.
    others_api: String,
    /// The clock of devices in this process, moved with the app's.
    clock: Arc<MovedClock>,
    board: Board,
    record: Record,
    /// Page servers and the one who counts.
    tasks: JoinSet<()>,
    /// Last: everything else may have files in it.
    folder: TempDir,
}

/// How a stage is set up.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) storage: StorageChoice,
    pub(crate) scheme: Option<Scheme>,
    /// The origin that may frame and command the pages.
    pub(crate) dashboard: Option<String>,
    /// Whether the app shows the pages in webviews of its own.
    pub(crate) webview: bool,
    pub(crate) record: Record,
}

/// Whoever plays the pages: a dashboard in a browser, or the check.
pub(crate) trait Audience: Sync {
    /// How many pages it opens.
    fn size(&self) -> u64;

    /// How long pages that do not answer are waited for.
    fn patience(&self) -> Duration;

    /// How long a story stays at a step, so that people can follow.
    fn pace(&self) -> Duration;

    /// Has every page make this call. Returns when it was asked; where the answers can be seen, after them.
    fn call(&self, call: Call) -> impl Future<Output = ()> + Send;

    /// Has a script in every page look for the session. These are its secrets, for an audience that looks with its own
    /// eyes; a browser is never told them.
    fn look(&self, secrets: &[Text]) -> impl Future<Output = Result<Vec<Look>>> + Send;

    /// Opens every page anew, as an app loads its webviews.
    fn open(&self, door: &Door) -> impl Future<Output = Result<()>> + Send;

    /// Opens the page that is opened later, anew if it is open.
    fn open_another(&self, door: &Door) -> impl Future<Output = Result<()>> + Send;

    /// Opens the hostile page, and tells what it tried.
    fn attack(&self, door: &Door) -> impl Future<Output = Result<Vec<Attempt>>> + Send;
}

/// What a script in a page found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    pub(crate) page: String,
    /// Names, never values.
    pub(crate) found: Vec<String>,
}

/// What a step changed at the server and among the pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) before: Stats,
    pub(crate) after: Stats,
    /// Whether the pages' connections are the same as before.
    pub(crate) pages_stayed: bool,
}

impl Stage {
    /// Starts the server, the pages' servers and the app.
    pub(crate) async fn open(options: Options) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tokencast-demo-")
            .tempdir()
            .context("no temporary folder")?;
        let mut sites = sites::bind().await.context("no ports for the pages")?;
        let scheme = options.scheme.unwrap_or(scheme::USUAL);
        let (_, refresh_ttl) = scheme.usual_lives();
        let backend = Backend::start(Config {
            scheme,
            refresh_ttl,
            renew_window: story::WINDOW,
            oauth_client: scheme::client(),
            database: Database::Url(database(folder.path())?),
            access_ttl: ACCESS_TTL,
            test_faults: true,
            users: vec![NewUser::new(USERNAME, PASSWORD), NewUser::new(EVE[0], EVE[1])],
            ..Config::default()
        })
        .await
        .context("the server does not start")?;
        let ours = || sites.iter().filter(|site| !site.hostile);
        let origins: Vec<_> = ours().map(|site| site.origin.clone()).collect();
        let windows = if options.webview { sites::COUNT } else { 0 };
        let webviews = ours().take(windows).map(Site::url).collect();
        backend.set_cors_origins(&origins)?;
        let backend = Arc::new(backend);
        let counter = Arc::downgrade(&backend);
        let board = Board::new(scheme, move || Some(counter.upgrade()?.stats()));
        let seen = board.clone();
        let tap = Tap::to(backend.url(), move |passing| seen.passed(passing.into()));
        let mut tasks = JoinSet::new();
        let no_port = "no port for the way to the server";
        let api = tap.listen(Actor::App, &mut tasks).await.context(no_port)?;
        let others_api = tap.listen(Actor::Other, &mut tasks).await.context(no_port)?;
        let around = Surroundings {
            api,
            dashboard: options.dashboard,
            board: board.clone(),
        };
        sites.iter_mut().for_each(|site| site.serve(&around, &mut tasks));
        tasks.spawn(count(board.clone()));
        let no_randomness = |_| anyhow!("the system gave no random bytes");
        let setup = Setup {
            api: around.api,
            scheme,
            origins,
            webviews,
            folder: folder.path().to_owned(),
            entry: format!("demo {}", random_name::<16>().map_err(no_randomness)?),
            storage: options.storage,
            key: DemoKey::draw().map_err(no_randomness)?,
            clock_ahead_ms: 0,
        };
        let mut stage = Self {
            app: None,
            setup,
            door: Door::new(&sites),
            backend,
            tap,
            others_api,
            clock: Arc::new(MovedClock::ahead_by(0)),
            board,
            record: options.record,
            tasks,
            folder,
        };
        stage.start_app().await?;
        Ok(stage)
    }

    pub(crate) fn board(&self) -> Board {
        self.board.clone()
    }

    pub(crate) fn tap(&self) -> Tap {
        self.tap.clone()
    }

    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// The server's address.
    pub(crate) fn api(&self) -> &str {
        &self.setup.api
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.setup.scheme
    }

    /// Every token that went over the wire, for a search.
    pub(crate) fn secrets(&self) -> Vec<Text> {
        self.tap.secrets()
    }

    /// What the server has counted so far.
    pub(crate) fn stats(&self) -> Stats {
        self.backend.stats()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Performs one step and tells the board what it did.
    pub(crate) async fn perform(&mut self, step: Step, audience: &impl Audience) -> Result<Counted> {
        self.board.change(|scene| {
            scene.busy = Some(step);
            scene.story = None;
        });
        self.board.event(Who::You, step.title());
        let (before, pages) = (self.backend.stats(), self.connections());
        let done = self.play(step, audience).await;
        self.backend.release();
        let counted = Counted {
            before,
            after: self.backend.stats(),
            pages_stayed: self.connections() == pages,
        };
        self.board.count();
        let told = match &done {
            Ok(()) => told::tell(step, &counted, &self.board.scene()),
            Err(error) => Told {
                step: Some(step),
                text: format!("{error:#}"),
                good: false,
            },
        };
        self.board.change(|scene| {
            scene.busy = None;
            scene.told = Some(told);
            scene.performed += 1;
        });
        done.map(|()| counted)
    }

    /// Ends everything: the app on its own, the server, the folder. Whether the app ended as it should.
    pub(crate) async fn close(mut self) -> Result<bool> {
        let ended = match self.app.take() {
            Some(app) => app.end().await,
            None => true,
        };
        let Self {
            backend,
            tasks,
            folder,
            ..
        } = self;
        drop(tasks);
        if let Some(backend) = Arc::into_inner(backend) {
            backend.shutdown().await;
        }
        folder
            .close()
            .context("the temporary folder could not be deleted")?;
        Ok(ended)
    }

    async fn play(&mut self, step: Step, audience: &impl Audience) -> Result<()> {
        match step {
            Step::SignIn => {
                // A story may have changed it.
                self.backend.create_user(USERNAME, PASSWORD).await?;
                self.sign_in(audience).await
            }
            Step::SignOut => self.sign_out(audience).await,
            Step::Expire => self.expire().await,
            Step::CallApi => self.call(Call::Me, audience).await,
            Step::AddNotes => self.call(Call::Note, audience).await,
            Step::Kill => {
                self.kill_app().await?;
                self.restart(audience).await
            }
            Step::KillMidRefresh => self.kill_mid_refresh(audience).await,
            Step::AnotherPage => self.another_page(audience).await,
            Step::RenderedPage => self.rendered_page().await,
            Step::HostilePage => self.hostile_page(audience).await,
        }
    }

    async fn sign_in(&mut self, audience: &impl Audience) -> Result<()> {
        ensure!(!self.is_active(), "somebody is signed in already");
        let order = Order::SignIn {
            username: USERNAME.into(),
            password: PASSWORD.into(),
        };
        self.door.orders()?.give(order).await?;
        let active = |scene: &Scene| scene.app.now.state == State::Active && scene.app.now.left_ms.is_some();
        ensure!(
            self.board.until(PATIENCE, active).await,
            "the app does not say that it is signed in"
        );
        // A document belongs to the sign-in it began with: pages of another one are loaded anew.
        self.door.show(sites::COUNT);
        audience.open(&self.door).await?;
        self.until_informed(audience).await;
        Ok(())
    }

    async fn sign_out(&mut self, audience: &impl Audience) -> Result<()> {
        ensure!(self.is_active(), "nobody is signed in");
        let before = self.backend.stats().revocations;
        self.door.orders()?.give(Order::SignOut).await?;
        let out = |scene: &Scene| scene.app.now.state == State::SignedOut;
        ensure!(
            self.board.until(PATIENCE, out).await,
            "the app does not say that it is signed out"
        );
        let revoked = self.until(PATIENCE, |stats| stats.revocations > before).await;
        ensure!(revoked, "the server was not told to revoke the session");
        self.board
            .until(audience.patience(), Scene::no_page_has_a_token)
            .await;
        Ok(())
    }

    /// The server's clock moves first: a page that calls in between only meets an early 401.
    async fn expire(&mut self) -> Result<()> {
        self.pass(ACCESS_TTL + Duration::from_secs(2)).await
    }

    async fn pass(&mut self, by: Duration) -> Result<()> {
        let ms = u64::try_from(by.as_millis())?;
        self.backend.advance_clock(by);
        self.clock.advance(ms);
        self.setup.clock_ahead_ms += ms;
        self.door.orders()?.give(Order::Advance { ms }).await?;
        Ok(())
    }

    async fn call(&mut self, call: Call, audience: &impl Audience) -> Result<()> {
        let (pages, active) = (self.pages(), self.is_active());
        ensure!(pages > 0, "no page is connected: open the dashboard");
        let before = self.backend.stats();
        // No new token is handed out before every page has made its call with the one it has: a slow server, so
        // that all of them meet the same 401.
        self.backend.hold_refreshes();
        let called = |stats: &Stats| {
            (stats.api_ok + stats.api_rejected) - (before.api_ok + before.api_rejected) >= pages
        };
        let hold = async {
            self.until(audience.patience(), called).await;
            self.board.count();
            self.backend.release();
        };
        tokio::join!(audience.call(call), hold);
        if active {
            let answered = |stats: &Stats| stats.api_ok - before.api_ok >= pages;
            ensure!(
                self.until(audience.patience(), answered).await,
                "not every call was answered"
            );
            self.until_informed(audience).await;
        }
        Ok(())
    }

    async fn kill_mid_refresh(&mut self, audience: &impl Audience) -> Result<()> {
        let repeats = scheme::repeats(self.setup.scheme);
        ensure!(
            repeats,
            "a server of this scheme does not repeat an answer that was lost"
        );
        ensure!(self.is_active(), "nobody is signed in");
        ensure!(self.pages() > 0, "no page is connected: open the dashboard");
        self.expire().await?;
        self.backend.hold_refreshes();
        let backend = self.backend.clone();
        let kill = async {
            let held = until(&backend, PATIENCE, |stats| stats.held > 0).await;
            ensure!(held, "no page asked for a new token");
            self.board.event(
                Who::Server,
                "has exchanged the refresh token and holds its answer",
            );
            self.kill_app().await
        };
        let (killed, ()) = tokio::join!(kill, audience.call(Call::Me));
        // The answer goes nowhere: its connection is gone.
        backend.release();
        killed?;
        self.restart(audience).await
    }

    async fn kill_app(&mut self) -> Result<()> {
        self.door.close();
        // It may have ended on its own.
        if let Some(app) = self.app.take() {
            self.board.event(
                Who::You,
                "the app is killed (SIGKILL), without time to save anything",
            );
            app.kill().await?;
        }
        let gone = |scene: &Scene| scene.app.pid.is_none();
        ensure!(
            self.board.until(PATIENCE, gone).await,
            "the app's output does not end"
        );
        Ok(())
    }

    async fn restart(&mut self, audience: &impl Audience) -> Result<()> {
        self.start_app().await?;
        let restored = |scene: &Scene| scene.app.now.state != State::Restoring;
        ensure!(
            self.board.until(PATIENCE, restored).await,
            "the app does not restore its session"
        );
        audience.open(&self.door).await?;
        if self.is_active() {
            self.until_informed(audience).await;
        }
        Ok(())
    }

    async fn start_app(&mut self) -> Result<()> {
        let app = AppProcess::start(&self.setup, &self.board, &self.record).await?;
        self.door.open(app.orders());
        self.app = Some(app);
        // Chosen once: a slow keyring at a restart must not lose the session that is in it.
        let used = self
            .board
            .scene()
            .app
            .storage
            .context("the app does not say where it keeps its session")?;
        let pid = self.board.scene().app.pid.unwrap_or_default();
        self.setup.storage = used.choice;
        self.board.event(
            Who::App,
            format!("process {pid} started; it keeps its session in {}", used.words),
        );
        Ok(())
    }

    fn is_active(&self) -> bool {
        self.board.scene().app.now.state == State::Active
    }

    fn connections(&self) -> Vec<u64> {
        let pages = self.board.scene().app.now.pages;
        pages.iter().map(|page| page.connection).collect()
    }

    /// How many pages are connected.
    fn pages(&self) -> u64 {
        self.board.scene().app.now.pages.len() as u64
    }

    /// Waits for all pages to have the app's generation. Pages in a browser may be slow, or closed: that is no
    /// failure of a step.
    async fn until_informed(&self, audience: &impl Audience) {
        let pages = audience.size();
        let informed = |scene: &Scene| {
            let now = &scene.app.now;
            let has_it = |page: &PageSeen| page.generation == Some(now.generation);
            // All: a page of an earlier sign-in, or of an earlier loading, has to be gone.
            now.pages.len() as u64 >= pages && now.pages.iter().all(has_it)
        };
        self.board.until(audience.patience(), informed).await;
    }

    async fn until(&self, deadline: Duration, wanted: impl Fn(&Stats) -> bool) -> bool {
        until(&self.backend, deadline, wanted).await
    }
}

/// The server's database as a URL.
fn database(folder: &Path) -> Result<String> {
    let file = Url::from_file_path(folder.join("server.db"))
        .map_err(|()| anyhow!("the temporary folder has no absolute path"))?;
    Ok(format!("sqlite://{}", file.path()))
}

/// Looks at the server's counts until they are as wanted; false when they are not within the deadline.
async fn until(backend: &RunningBackend, deadline: Duration, wanted: impl Fn(&Stats) -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if wanted(&backend.stats()) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Tells the board what the server counts, until it is dropped.
async fn count(board: Board) {
    loop {
        board.count();
        sleep(Duration::from_millis(50)).await;
    }
}
