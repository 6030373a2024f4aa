//! Views that show something else by the time the token arrives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokencast_threats::{Engine, Gate, Served, Stage, naive, scripts};
use tokencast_webviews::{View, until};

/// More than the time for which a page is believed only one 401.
const LATER: Duration = Duration::from_secs(301);

/// A stranger's page takes the place of the app's, by a link or by the app's own doing, also under an address that mentions
/// the app's.
pub(crate) async fn a_stranger_s_page_in_a_bridged_view_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    for thief in [&stage.evil, &stage.foreign] {
        let address = thief.url(&format!("/?from={}", stage.app.origin));
        let control = stage.engine.bare().await;
        naive::answer_everyone(&stage.engine, &control, &token).await;
        control.go(&address).await;
        assert!(
            thief.until_seen("/loot", 1).await[0].holds(&token),
            "it must fall"
        );
        control.go(&stage.app.url("/silent")).await;
        thief.forget();

        let control = stage.engine.bare().await;
        control.go(&address).await;
        thief.until_seen("/loot", 1).await;
        assert!(naive::mentions_trusted(&stage.engine, &control, &stage.app.origin).await);
        naive::inject(&control, &token).await;
        thief.until_seen("/loot", 2).await;
        assert!(thief.knows(&token), "a test for a part of the address must fall");
        control.go(&stage.app.url("/silent")).await;
        thief.forget();

        let _opened = stage.engine.open(&address).await;
        let left = stage.active(&stage.app).await;
        left.go(&address).await;
        thief.until_seen("/loot", 2).await;
        let next = stage.renew().await;
        let page = stage.active(&stage.app).await;
        assert_eq!(stage.status(&page).await, 200);
        assert!(!thief.knows(&token) && !thief.knows(&next));
    }
}

/// 1. A page of the app asks, and the server takes its time.
/// 2. Meanwhile the view goes to a stranger. The answer is for a document that is gone.
pub(crate) async fn an_answer_to_a_document_that_is_gone_reaches_nobody<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    for thief in [&stage.evil, &stage.foreign] {
        let control = stage.engine.bare().await;
        let asker = stage.engine.remember(&control, &stage.app.url("/silent")).await;
        control.go(&thief.url("/")).await;
        thief.until_seen("/loot", 1).await;
        let script = "window.onToken?.('a naive token')";
        stage.engine.evaluate_in(&control, asker, script).await;
        if thief.origin == stage.foreign.origin {
            // In Chromium the same process numbers its documents anew; another one begins where the first began.
            thief.until_seen("/loot", 2).await;
            assert!(
                thief.knows("a naive token"),
                "an answer to a remembered number must fall"
            );
        }
        control.go(&stage.app.url("/silent")).await;
        thief.forget();

        let view = stage.active(&stage.app).await;
        stage.rig.clock.advance(LATER);
        stage.rig.server.expire_access_tokens();
        stage.rig.server.hold_refreshes();
        let call = format!("void session.fetch({:?}).catch(() => {{}})", stage.api("me"));
        let _ = view.run(&call).await;
        stage.rig.server.wait_until_held(1).await;
        view.go(&thief.url("/")).await;
        thief.until_seen("/loot", 1).await;
        stage.rig.server.release();
        let next = stage.token().await;
        let page = stage.active(&stage.app).await;
        assert_eq!(stage.status(&page).await, 200);
        assert!(!thief.knows(&token) && !thief.knows(&next));
    }
}

/// 1. The view goes from the app to a stranger and back, again and again; each time new tokens are handed to pages at another
///    moment: the asker's answer and the news for all.
/// 2. The naive app looks at the address first, and then injects. Between the two lies the navigation.
pub(crate) async fn no_timing_of_a_navigation_brings_a_token_to_the_wrong_document<E: Engine>() {
    let stage = Stage::<E>::open().await;
    check_then_inject_must_fall(&stage).await;
    let tokens = Arc::<Mutex<BTreeSet<String>>>::default();
    let seen = tokens.clone();
    let _news = stage.session.on_access_token(move |token| {
        seen.lock().unwrap().insert(token.secret().to_owned());
    });

    let view = stage.active(&stage.app).await;
    for round in 0..rounds() {
        let thief = if round % 2 == 0 {
            &stage.evil
        } else {
            &stage.foreign
        };
        let mut timing = Timing::of(round);
        news_while_it_goes(&stage, &view, &thief.url("/"), true, &mut timing).await;
        thief.until_seen("/loot", 1).await;
        news_while_it_goes(&stage, &view, &stage.app.url("/"), false, &mut timing).await;
        stage.until_current(&view).await;
        for token in &*tokens.lock().unwrap() {
            assert!(!thief.knows(token), "leaked in round {round}");
        }
        thief.forget();
        tokens.lock().unwrap().clear();
    }
}

/// All of them, and less where time is short.
fn rounds() -> u64 {
    if std::env::var_os("TOKENCAST_LONG").is_some_and(|long| long == "1") {
        500
    } else {
        40
    }
}

/// The view goes somewhere, and a little before or after there is a new token.
async fn news_while_it_goes<E: Engine>(
    stage: &Stage<E>,
    view: &E::View,
    url: &str,
    asks: bool,
    timing: &mut Timing,
) {
    stage.rig.clock.advance(LATER);
    let before = stage.session.generation();
    stage.rig.server.expire_access_tokens();
    let call = format!("void session.fetch({:?}).catch(() => {{}})", stage.api("me"));
    let (goes, asked, told) = (timing.next(), timing.next(), timing.next());
    let ask = async {
        tokio::time::sleep(asked).await;
        if asks {
            let _ = view.run(&call).await;
        }
    };
    let tell = async {
        tokio::time::sleep(told).await;
        stage.session.rejected(before).await.unwrap();
    };
    let go = async {
        tokio::time::sleep(goes).await;
        view.go(url).await;
    };
    tokio::join!(ask, tell, go);
}

async fn check_then_inject_must_fall<E: Engine>(stage: &Stage<E>) {
    let token = stage.token().await;
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    assert!(naive::looks_trusted(&stage.engine, &control, &stage.app.origin).await);
    control.go(&stage.evil.url("/")).await;
    stage.evil.until_seen("/loot", 1).await;
    naive::inject(&control, &token).await;
    stage.evil.until_seen("/loot", 2).await;
    assert!(stage.evil.knows(&token), "it must fall");
    control.go(&stage.app.url("/silent")).await;
    stage.evil.forget();
}

/// 1. A stranger's page is shown; the view is on its way to the app, whose server takes its time.
/// 2. The engine already says that the app is shown. The naive app believes it, and the stranger's page runs the script.
#[cfg_attr(
    not(feature = "webkit"),
    expect(dead_code, reason = "played in WebKitGTK only")
)]
pub(crate) async fn a_view_that_is_on_its_way_to_the_app_is_still_the_stranger_s<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let (token, thief) = (stage.token().await, &stage.evil);
    let gate = Gate::default();
    stage.app.put("/held", Served::html("").held(&gate));
    let control = stage.engine.bare().await;
    stage.visit(&control, &thief.url("/")).await;
    thief.until_seen("/loot", 1).await;
    control.go(&stage.app.url("/held")).await;
    stage.app.until_seen("/held", 1).await;
    assert!(naive::looks_trusted(&stage.engine, &control, &stage.app.origin).await);
    naive::inject(&control, &token).await;
    thief.until_seen("/loot", 2).await;
    assert!(thief.knows(&token), "it must fall");
    gate.open();
    until(&control, "return location.pathname === '/held'").await;
    thief.forget();
    stage.app.forget();

    let gate = Gate::default();
    stage.app.put("/held", Served::html("").held(&gate));
    let view = stage.engine.open(&thief.url("/")).await;
    thief.until_seen("/loot", 1).await;
    view.go(&stage.app.url("/held")).await;
    stage.app.until_seen("/held", 1).await;
    let next = stage.renew().await;
    let page = stage.active(&stage.app).await;
    assert_eq!(stage.status(&page).await, 200);
    assert!(!thief.knows(&token) && !thief.knows(&next));
    gate.open();
    until(&view, "return location.pathname === '/held'").await;
    assert!(!thief.knows(&token) && !thief.knows(&next));
}

/// The moments of one round, in milliseconds, the same in each run.
struct Timing(u64);

impl Timing {
    fn of(round: u64) -> Self {
        Self(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(self.0 % 16_000)
    }
}

/// A thief under the app's own address is a hostile script in an allowed origin, which gets the access token. It never gets
/// the refresh token: nothing that pages can say has it in its answer.
pub(crate) async fn a_hostile_script_of_the_app_itself_gets_the_access_token_and_no_more<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let page = scripts::thief(&stage.evil.origin, stage.rig.server.url());
    stage.app.put("/hacked", Served::html(page));
    let _view = stage.engine.open(&stage.app.url("/hacked")).await;
    stage.evil.until_known(&token).await;
    let page = stage.by_hand(&stage.app).await;
    let said = "const kinds = ['hello', 'need', 'watch', 'ack', 'lease', 'handover', 'refresh', 'tokens'];
        for (const k of kinds) wire.post(JSON.stringify({ v: 1, k, id: k, min: 1, max: 1, doc: 'by-hand', have: null, used: null, why: '401' }));
        await wire.ask({ k: 'lease' });
        return JSON.stringify(wire.heard)";
    let heard = tokencast_webviews::run(&page, said).await;
    let heard = heard.as_str().unwrap();
    assert!(heard.contains(&token), "the access token is his");
    let refresh_token = stage.refresh_token();
    assert!(!heard.contains(&refresh_token) && !stage.evil.knows(&refresh_token));
}
