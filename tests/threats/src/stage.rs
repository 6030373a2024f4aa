use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokencast::pages::PagePolicy;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::time::Clock;
use tokencast_backend::Config;
use tokencast_testkit::{Rig, ada, stored};
use tokencast_webviews::{View, run, until};

use crate::engine::Engine;
use crate::scripts::{WIRE, app_page, thief};
use crate::site::{Served, Site};

const MODULE: &str = include_str!("../../../bindings/web/dist/tokencast.js");
/// More than a renewed token must have served before another one counts as wasted.
const A_WHILE: Duration = Duration::from_secs(11);

/// A server, an app with a session, its views, and sites good and evil.
pub struct Stage<E> {
    pub engine: E,
    pub session: AuthSession,
    pub rig: Rig,
    /// The app's pages: `/` and `/next` connect to it, other addresses are silent.
    pub app: Site,
    /// More of them, of another origin.
    pub shop: Site,
    /// A stranger on the same machine: in a frame the same process may render it. A thief lives at `/`.
    pub evil: Site,
    /// A stranger of another site: its own process renders it. A thief lives at `/`.
    pub foreign: Site,
}

/// What of a stage is other than usual.
pub struct Plan {
    policy: Change<PagePolicy>,
    profile: Change<ServerProfile>,
    config: Config,
    clock: Option<Arc<dyn Clock>>,
}

/// Makes another one of it; the site is the app's.
type Change<T> = Box<dyn FnOnce(T, &Site) -> T>;

impl Default for Plan {
    fn default() -> Self {
        Self {
            policy: Box::new(|policy, _| policy),
            profile: Box::new(|profile, _| profile),
            config: Config::for_tests(),
            clock: None,
        }
    }
}

impl Plan {
    /// Changes the policy of the pages; the site is the app's.
    #[must_use]
    pub fn policy(mut self, change: impl FnOnce(PagePolicy, &Site) -> PagePolicy + 'static) -> Self {
        self.policy = Box::new(change);
        self
    }

    /// Changes the server's profile; the site is the app's.
    #[must_use]
    pub fn profile(mut self, change: impl FnOnce(ServerProfile, &Site) -> ServerProfile + 'static) -> Self {
        self.profile = Box::new(change);
        self
    }

    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    pub async fn open<E: Engine>(self) -> Stage<E> {
        let rig = Rig::with(self.config).await;
        let (app, shop) = (Site::start("127.0.0.1").await, Site::start("127.0.0.1").await);
        let (evil, foreign) = (Site::start("127.0.0.1").await, Site::start("localhost").await);
        let api = rig.server.url();
        // A stranger's page may call too: it is not the server that keeps the token from it.
        rig.server
            .set_cors_origins([&app, &shop, &evil, &foreign].map(|site| &site.origin))
            .unwrap();
        for site in [&app, &shop, &evil, &foreign] {
            site.put("/tokencast.js", Served::script(MODULE));
        }
        for site in [&app, &shop] {
            site.put("/", Served::html(app_page(&[api])));
            site.put("/next", Served::html(app_page(&[api])));
        }
        for site in [&evil, &foreign] {
            site.put("/", Served::html(thief(&site.origin, api)));
        }
        let profile = rig.profile().with_subject(&format!("{api}/api/me"), "/sub");
        let profile = (self.profile)(profile.unwrap(), &app);
        let mut builder = rig.process_with(profile);
        if let Some(clock) = self.clock {
            builder = builder.clock(clock);
        }
        let session = builder.build().unwrap();
        session.sign_in(ada()).await.unwrap();
        let policy = PagePolicy::new([&app.origin, &shop.origin])
            .unwrap()
            .allow_loopback_http();
        let engine = E::start(&session, (self.policy)(policy, &app)).await;
        Stage {
            engine,
            session,
            rig,
            app,
            shop,
            evil,
            foreign,
        }
    }
}

impl<E: Engine> Stage<E> {
    pub async fn open() -> Self {
        Plan::default().open().await
    }

    /// The token that pages have now. For comparing: it must not be printed.
    pub async fn token(&self) -> String {
        self.session.access_token().await.unwrap().secret().to_owned()
    }

    /// Buys a new token, as after a 401, and says which.
    pub async fn renew(&self) -> String {
        self.rig.clock.advance(A_WHILE);
        let newer = self.session.rejected(self.session.generation()).await;
        newer.unwrap().secret().to_owned()
    }

    /// What the session lives by. For comparing: it must not be printed.
    pub fn refresh_token(&self) -> String {
        let record = stored(&self.rig.storage).unwrap();
        record["credential"]["refresh_token"].as_str().unwrap().to_owned()
    }

    /// Opens the app's page and waits until it has the session's token.
    pub async fn active(&self, site: &Site) -> E::View {
        let view = self.engine.open(&site.url("/")).await;
        self.until_current(&view).await;
        view
    }

    /// Goes to a page and waits until it is there.
    pub async fn visit(&self, view: &E::View, url: &str) {
        view.go(url).await;
        until(view, &format!("return location.href === {url:?}")).await;
    }

    /// Opens a page of the app that speaks the protocol by hand and has greeted.
    pub async fn by_hand(&self, site: &Site) -> E::View {
        let view = self.engine.bare().await;
        self.engine.at_start(&view, WIRE).await;
        self.engine.attach(&view).await;
        view.go(&site.url("/by-hand")).await;
        until(
            &view,
            "return location.pathname === '/by-hand' && Boolean(globalThis.wire)",
        )
        .await;
        let greeted = run(&view, "return (await wire.hello()).k").await;
        assert_eq!(greeted, "state");
        view
    }

    /// Waits until the page has the session's generation.
    pub async fn until_current(&self, view: &E::View) {
        let here = self.session.generation();
        let is_current = format!(
            "return session.state === 'active' && session.generation?.epoch === {} && session.generation.number === {}",
            here.epoch, here.number
        );
        until(view, &is_current).await;
    }

    /// The address of something that is the API's.
    pub fn api(&self, path: &str) -> String {
        format!("{}/api/{path}", self.rig.server.url())
    }

    /// The status of a call through the page's session.
    pub async fn status(&self, view: &E::View) -> Value {
        let call = format!("return (await session.fetch({:?})).status", self.api("me"));
        run(view, &call).await
    }
}
