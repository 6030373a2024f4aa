use std::time::Duration;

use serde_json::Value;
use tokencast::pages::PagePolicy;
use tokencast::session::AuthSession;
use tokencast_backend::Config;
use tokencast_testkit::{Rig, ada};

use crate::host::{Host, View};
use crate::sites::Sites;

/// Only a test that hangs waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Only a look whose answer is lost takes so long.
const LOOK: Duration = Duration::from_secs(5);

/// A token refused sooner after its renewal counts as one in a row of useless ones.
const SERVED: Duration = Duration::from_secs(10);

/// As the server gives it.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// A server, an app with a session, and its webviews.
pub struct World<H> {
    pub host: H,
    pub session: AuthSession,
    pub sites: Sites,
    pub rig: Rig,
}

impl<H: Host> World<H> {
    /// Somebody is signed in.
    pub async fn open() -> Self {
        Self::open_with(|policy| policy).await
    }

    /// The same with a policy of one's own for the webviews.
    pub async fn open_with(choose: impl FnOnce(PagePolicy) -> PagePolicy) -> Self {
        let mut sites = Sites::bind().await;
        let rig = Rig::with(Config {
            access_ttl: LIFE,
            ..Config::for_tests()
        })
        .await;
        // The stranger's page may call too: it is not the server that keeps the token from it.
        rig.server
            .set_cors_origins([&sites.app, &sites.shop, &sites.evil])
            .unwrap();
        sites.serve(rig.server.url());
        let session = signed_in(&rig).await;
        let policy = policy(&sites);
        let host = H::start(&session, choose(policy)).await;
        Self {
            host,
            session,
            sites,
            rig,
        }
    }

    /// What [`open`](Self::open) gives the webviews.
    pub fn policy(&self) -> PagePolicy {
        policy(&self.sites)
    }

    /// Lets the access token end, by the server's clock and by the app's.
    pub fn expire(&self) {
        let past = LIFE + Duration::from_secs(1);
        self.rig.server.advance_clock(past);
        self.rig.clock.advance(past);
    }

    /// Has the session exchange its token, as for a page's rejected one that has served for a while.
    pub async fn renew(&self) {
        self.rig.clock.advance(SERVED);
        self.session.rejected(self.session.generation()).await.unwrap();
    }

    /// Opens a page and waits until it holds the session's token.
    pub async fn active(&self, origin: &str) -> H::View {
        let view = self.host.open(&format!("{origin}/")).await;
        self.until_current(&view).await;
        view
    }

    /// Waits until the page has the session's generation.
    pub async fn until_current(&self, view: &H::View) {
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
}

/// With a profile that says whose a token is: a page may be lent the refresh token.
async fn signed_in(rig: &Rig) -> AuthSession {
    let me = format!("{}/api/me", rig.server.url());
    let profile = rig.profile().with_subject(&me, "/sub").unwrap();
    let session = rig.process_with(profile).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    session
}

fn policy(sites: &Sites) -> PagePolicy {
    let policy = PagePolicy::new([&sites.app, &sites.shop]).unwrap();
    policy.allow_loopback_http()
}

/// Waits until a script in the page returns true, however often the document changes meanwhile.
pub async fn until(view: &impl View, body: &str) {
    look_until(view, body, |seen| *seen == Value::Bool(true)).await;
}

/// Waits until a script in the page returns something, and neither `null` nor false: in one look, for the document may
/// be another one in the next.
pub async fn until_some(view: &impl View, body: &str) -> Value {
    look_until(view, body, |seen| {
        !matches!(seen, Value::Null | Value::Bool(false))
    })
    .await
}

async fn look_until(view: &impl View, body: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let mut last = None;
    let waits = async {
        loop {
            // The answer of a script that runs while the document changes may never come: so it seems in WebKitGTK.
            last = tokio::time::timeout(LOOK, view.run(body)).await.unwrap_or(None);
            if let Some(found) = last.as_ref().filter(|seen| is_it(seen)) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if let Ok(found) = tokio::time::timeout(PATIENCE, waits).await {
        return found;
    }
    let seen = "return [location.href, globalThis.session?.state, globalThis.session?.generation]";
    let seen = tokio::time::timeout(LOOK, view.run(seen)).await;
    panic!("never true in the page: {body}; it is {seen:?}, last {last:?}");
}

/// What a script in the page returns; it must run to its end.
pub async fn run(view: &impl View, body: &str) -> Value {
    let done = tokio::time::timeout(PATIENCE, view.run(body)).await;
    done.expect("the script ends")
        .unwrap_or_else(|| panic!("it did not run: {body}"))
}

/// A script that makes a call through the page's session.
pub fn status_of(method: &str, url: &str) -> String {
    let init = match method {
        "POST" => {
            r#"{ method: "POST", headers: { "content-type": "application/json" }, body: '{"text":"x"}' }"#
        }
        _ => "{}",
    };
    format!("return (await session.fetch({url:?}, {init})).status")
}
