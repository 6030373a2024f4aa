//! Tokens that are scripts, and scripts that watch.

use serde_json::json;
use tokencast::token::TokenSet;
use tokencast_testkit::ACCESS_TTL;
use tokencast_threats::scripts::OBSERVERS;
use tokencast_threats::{Engine, Served, Stage};
use tokencast_webviews::{View, run, until};

/// A token's value, and what a naive app builds with it: `{}` is where the token goes.
const HOSTILE: &[(&str, &str)] = &[
    ("');globalThis.pwned=1;('", "window.onToken('{}')"),
    ("\");globalThis.pwned=1;(\"", "window.onToken(\"{}\")"),
    ("\\\");globalThis.pwned=1//", "window.onToken(\"{quoted}\")"),
    ("${globalThis.pwned=1}", "window.onToken(`{}`)"),
    (
        "</script><script>globalThis.pwned=1</script>",
        "document.write('<script>token = \"{html}\"</script>')",
    ),
    ("\u{2028}globalThis.pwned=1", "// token: {}"),
    ("\n;globalThis.pwned=1", "// token: {}"),
    (
        "\0globalThis.pwned=1",
        "eval('//'.concat('{nul}').split(String.fromCharCode(0)).join('\\n'))",
    ),
];

/// 1. A server issues tokens that look like the ends of literals and of scripts.
/// 2. The naive app puts them into its scripts and runs them. Here they are data, or, with characters that no token has, are
///    not taken at all.
pub(crate) async fn a_token_that_looks_like_a_script_runs_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let control = stage.engine.bare().await;
    for (place, (token, naive)) in HOSTILE.iter().enumerate() {
        stage
            .visit(&control, &stage.app.url(&format!("/silent?{place}")))
            .await;
        let script = naive
            .replace("{}", token)
            // Quotes escaped, and nothing else: the backslash before one undoes it.
            .replace("{quoted}", &token.replace('"', "\\\""))
            .replace("{html}", &token.replace('/', "\\/"))
            .replace("{nul}", &token.replace('\0', "\\0"));
        let _ = control
            .run(&format!("globalThis.onToken = () => {{}};\n{script}"))
            .await;
        let ran = run(
            &control,
            "const ran = globalThis.pwned ?? null; delete globalThis.pwned; return ran",
        )
        .await;
        assert_eq!(ran, 1, "it must fall to {token:?}");
    }

    for (token, _) in HOSTILE {
        let tokens = TokenSet::refresh_token(stage.refresh_token()).access_token(*token);
        stage.session.adopt(tokens.expires_in(ACCESS_TTL)).await.unwrap();
        let view = stage.engine.open(&stage.app.url("/")).await;
        let epoch = stage.session.generation().epoch;
        until(&view, &format!("return session.generation?.epoch === {epoch}")).await;
        let value = "return new Promise((done) => session.onAccessToken(({ value }) => done(value)))";
        let printable = token.bytes().all(|byte| byte.is_ascii_graphic());
        assert_eq!(run(&view, value).await == json!(token), printable);
        assert_eq!(run(&view, "return globalThis.pwned ?? null").await, json!(null));
    }
}

pub(crate) async fn a_token_of_16_kib_arrives_whole<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token: String = ('!'..='~').cycle().take(16 << 10).collect();
    let tokens = TokenSet::refresh_token(stage.refresh_token()).access_token(token.as_str());
    stage.session.adopt(tokens.expires_in(ACCESS_TTL)).await.unwrap();
    let view = stage.active(&stage.app).await;
    let value = "return new Promise((done) => session.onAccessToken(({ value }) => done(value)))";
    assert_eq!(run(&view, value).await, json!(token));
}

/// The control of the one before: the naive app hands its token over in a cookie.
pub(crate) async fn a_token_of_16_kib_is_lost_in_a_cookie<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    let token = "a".repeat(16 << 10);
    let kept = format!("document.cookie = 'token={token}'; return document.cookie.length");
    assert_eq!(run(&control, &kept).await, 0, "it must be lost");
}

/// 1. Other scripts of the page watch all they can: patched globals, polluted prototypes. They do not ask for the token.
/// 2. They see the one of a naive client in the same page.
pub(crate) async fn scripts_that_watch_everything_see_no_token<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let (token, api) = (stage.token().await, stage.api("me"));
    // The client is there first, as everywhere: the observers come with the page.
    let page = format!(
        "<!doctype html><script>window.session = tokencast.connect({{ api: [{:?}] }});</script><script>{OBSERVERS}</script>",
        stage.rig.server.url()
    );
    stage.app.put("/watched", Served::html(page));
    let view = stage.engine.open(&stage.app.url("/watched")).await;
    stage.until_current(&view).await;
    let watched = stage.renew().await;
    run(&view, &format!("watchFor({token:?}); watchFor({watched:?})")).await;
    stage.until_current(&view).await;
    stage.rig.server.expire_access_tokens();
    stage.rig.clock.advance(std::time::Duration::from_secs(301));
    let calls = format!(
        "const answers = [session.fetch({api:?}), session.fetch(new Request({api:?})),
          session.fetch({:?}, {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: '{{\"text\":\"x\"}}' }})];
        return (await Promise.all(answers)).map(({{ status }}) => status)",
        stage.api("notes")
    );
    stage.rig.server.hold_refreshes();
    let script = format!("window.answers = (async () => {{ {calls} }})(); return 0");
    run(&view, &script).await;
    stage.rig.server.wait_until_held(1).await;
    stage.rig.server.release();
    // Told only now: what they keep is looked at again.
    let next = stage.token().await;
    assert_eq!(
        run(&view, "return await window.answers").await,
        json!([200, 200, 201])
    );
    run(&view, &format!("watchFor({next:?})")).await;
    assert_eq!(run(&view, &calls).await, json!([200, 200, 201]));
    assert_eq!(run(&view, "return seenBy()").await, json!([]));

    let naive = format!(
        "const headers = new Headers();
        headers.set('Authorization', 'Bearer ' + JSON.parse('{{\"at\":\"{next}\"}}').at);
        await Promise.all([fetch({api:?}, {{ headers }}), fetch(new Request({api:?}, {{ headers }}))]);
        return seenBy()"
    );
    let seen = run(&view, &naive).await;
    for way in ["JSON.parse", "Headers.prototype.set", "fetch", "a kept request"] {
        assert!(
            seen.as_array().unwrap().contains(&json!(way)),
            "{way} sees a naive client"
        );
    }
}
