//! Documents that are shown inside of the app's page, or under its address, and are not the app's.

use tokencast_threats::{Engine, Served, Stage, naive, scripts};
use tokencast_webviews::{View, run, until};

/// 1. The app's page has a stranger in a frame: an advertisement, a map.
/// 2. The naive app answers whoever calls its handler, and every frame can.
pub(crate) async fn an_iframe_of_a_stranger_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let frame = format!("<iframe src='{}'></iframe>", stage.evil.url("/"));
    stage.app.put("/framed", Served::html(frame));
    answers_everyone_and_falls(&stage, &stage.app.url("/framed")).await;
}

/// 1. The app's page has an empty frame, into which somebody else's script writes: an advertisement again.
/// 2. The frame has the page's origin, so the naive app's test for that lets it in as well.
pub(crate) async fn an_about_blank_frame_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let written = format!(
        "<iframe></iframe><script>
        const inner = frames[0].document;
        const script = inner.createElement('script');
        script.textContent = {};
        inner.documentElement.append(script);
        </script>",
        in_html(&thief_of(&stage))
    );
    stage.app.put("/written", Served::html(written));
    believes_and_falls(&stage, &stage.app.url("/written"), &stage.app.origin).await;
}

pub(crate) async fn a_view_at_about_blank_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let (token, thief) = (stage.token().await, thief_of(&stage));
    let control = stage.engine.bare().await;
    naive::answer_everyone(&stage.engine, &control, &token).await;
    control.go("about:blank").await;
    let _ = control.run(&thief).await;
    assert!(stage.evil.until_seen("/loot", 1).await[0].holds(&token));
    leave(&stage, &control).await;

    let ours = stage.engine.open("about:blank").await;
    let _ = ours.run(&thief).await;
    stage.evil.until_seen("/loot", 1).await;
    is_spared(&stage).await;
}

/// A frame of the app's own origin could ask its parent, and has no bridge of its own: who is framed may be framed by anybody.
pub(crate) async fn a_frame_of_the_app_s_own_origin_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    stage.app.put("/mail", Served::html(thief_page(&stage)));
    stage
        .app
        .put("/reader", Served::html("<iframe src='/mail'></iframe>"));
    believes_and_falls(&stage, &stage.app.url("/reader"), &stage.app.origin).await;
}

/// 1. The app shows a document of its own in a frame without an origin, because it does not trust it.
/// 2. There `location.origin` is still the app's, and the naive app asks for that.
pub(crate) async fn a_sandboxed_frame_of_the_app_s_own_page_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    stage.app.put("/mail", Served::html(thief_page(&stage)));
    let frame = "<iframe sandbox='allow-scripts' src='/mail'></iframe>";
    stage.app.put("/reader", Served::html(frame));
    believes_and_falls(&stage, &stage.app.url("/reader"), &stage.app.origin).await;
}

/// 1. What users upload is served from the app's own host, with `Content-Security-Policy: sandbox`.
/// 2. One of them opens such a document in the app. Its address is the app's, its origin is none.
pub(crate) async fn a_sandboxed_upload_on_the_app_s_host_gets_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let upload = Served::html(thief_page(&stage)).header("content-security-policy", "sandbox allow-scripts");
    stage.app.put("/uploads/1", upload);
    let url = stage.app.url("/uploads/1");
    believes_and_falls(&stage, &url, &stage.app.origin).await;

    // And the same by a push: the naive app looks at the address.
    let token = stage.renew().await;
    let control = stage.engine.bare().await;
    control.go(&url).await;
    stage.evil.until_seen("/loot", 1).await;
    assert!(naive::looks_trusted(&stage.engine, &control, &stage.app.origin).await);
    naive::inject(&control, &token).await;
    stage.evil.until_seen("/loot", 2).await;
    assert!(stage.evil.knows(&token), "a push by address must fall");
    leave(&stage, &control).await;

    // Even where it has the relay's channel before the client, it is told that it may not ask.
    let by_hand = stage.engine.bare().await;
    stage.engine.at_start(&by_hand, scripts::WIRE).await;
    stage.engine.attach(&by_hand).await;
    by_hand.go(&url).await;
    until(
        &by_hand,
        "return location.pathname === '/uploads/1' && Boolean(globalThis.wire)",
    )
    .await;
    run(&by_hand, "void wire.hello()").await;
    until(
        &by_hand,
        "return wire.heard.some(({ code }) => code === 'denied')",
    )
    .await;
    let heard = run(&by_hand, "return JSON.stringify(wire.heard)").await;
    assert!(!heard.as_str().unwrap().contains(&token));
}

/// The naive app answers every frame; ours is shown the same page.
async fn answers_everyone_and_falls<E: Engine>(stage: &Stage<E>, url: &str) {
    let token = stage.token().await;
    let control = stage.engine.bare().await;
    naive::answer_everyone(&stage.engine, &control, &token).await;
    falls_and_ours_does_not(stage, &control, url, &token).await;
}

/// The naive app answers who says that he is of this origin; ours is shown the same page.
async fn believes_and_falls<E: Engine>(stage: &Stage<E>, url: &str, trusted: &str) {
    let token = stage.token().await;
    let control = stage.engine.bare().await;
    naive::answer_who_says(&stage.engine, &control, trusted, &token).await;
    falls_and_ours_does_not(stage, &control, url, &token).await;
}

async fn falls_and_ours_does_not<E: Engine>(stage: &Stage<E>, control: &E::View, url: &str, token: &str) {
    control.go(url).await;
    let brought = stage.evil.until_seen("/loot", 1).await;
    assert!(brought[0].holds(token), "the naive bridge must fall");
    leave(stage, control).await;

    let _ours = stage.engine.open(url).await;
    stage.evil.until_seen("/loot", 1).await;
    is_spared(stage).await;
}

/// Neither the token that is there nor the next one, of which every page is told, has reached the thief.
async fn is_spared<E: Engine>(stage: &Stage<E>) {
    let before = stage.token().await;
    let after = stage.renew().await;
    let page = stage.active(&stage.shop).await;
    assert_eq!(stage.status(&page).await, 200, "the app's own page works");
    assert!(!stage.evil.knows(&before) && !stage.evil.knows(&after));
    stage.evil.forget();
}

/// What the control brought is forgotten, and it brings nothing more.
async fn leave<E: Engine>(stage: &Stage<E>, control: &E::View) {
    control.go(&stage.app.url("/silent")).await;
    stage.evil.forget();
}

fn thief_page<E: Engine>(stage: &Stage<E>) -> String {
    scripts::thief(&stage.evil.origin, stage.rig.server.url())
}

fn thief_of<E: Engine>(stage: &Stage<E>) -> String {
    scripts::thief_script(&stage.evil.origin, stage.rig.server.url())
}

/// A string literal that can stand in a page's script.
fn in_html(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('<', "\\u003c")
}
