//! Places where a token could be left lying about.

use tokencast_threats::{Engine, Served, Stage};
use tokencast_webviews::{View, run, until};

/// Everything in a document where a token could lie.
const PLACES: &str = "return JSON.stringify({
    address: location.href, referrer: document.referrer, state: history.state, name: window.name, cookie: document.cookie,
    local: Object.entries(localStorage), tab: Object.entries(sessionStorage),
    databases: (await indexedDB.databases()).map(({ name }) => name), caches: await globalThis.caches?.keys(),
    globals: Object.keys(globalThis).map((name) => String(globalThis[name])),
    seen: performance.getEntries().map(({ name }) => name), markup: document.documentElement.outerHTML,
})";

/// 1. The app's page calls, meets a 401, goes on with the next token; then it goes to a stranger, and back.
/// 2. The naive page keeps its token where pages keep things: each of these places is looked into.
pub(crate) async fn no_token_lies_in_an_address_a_referrer_the_history_or_a_storage<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let control = stage.engine.bare().await;
    let places = [
        "localStorage.setItem('token', '{}')",
        "sessionStorage.setItem('token', '{}')",
        "document.cookie = 'token={}'",
        "history.replaceState('{}', '')",
        "window.name = '{}'",
        "globalThis.kept = '{}'",
        "document.documentElement.dataset.token = '{}'",
        "indexedDB.open('{}'); await new Promise((later) => setTimeout(later, 100))",
        "history.replaceState(null, '', '/silent?token={}')",
    ];
    for (number, place) in places.iter().enumerate() {
        stage
            .visit(&control, &stage.app.url(&format!("/silent?{number}")))
            .await;
        run(&control, &place.replace("{}", &token)).await;
        let places = run(&control, PLACES).await;
        assert!(
            places.as_str().unwrap().contains(&token),
            "it is looked for: {place}"
        );
    }
    // A cookie is every port's.
    run(&control, "document.cookie = 'token=; max-age=0'").await;
    // The last place was the address: the next site is told.
    let leave = |to: &str| {
        format!("document.head.innerHTML = '<meta name=referrer content=unsafe-url>'; location.href = {to:?}")
    };
    let _ = control.run(&leave(&stage.foreign.url("/next"))).await;
    stage.foreign.until_seen("/next", 1).await;
    assert!(stage.foreign.knows(&token), "a token in the address must leak");
    stage.foreign.forget();
    stage.app.forget();

    let page = stage.active(&stage.shop).await;
    stage.rig.server.expire_access_tokens();
    assert_eq!(stage.status(&page).await, 200);
    let next = stage.token().await;
    let has_none = async |page: &E::View| {
        let places = run(page, PLACES).await;
        let places = places.as_str().unwrap();
        !places.contains(&token) && !places.contains(&next)
    };
    assert!(has_none(&page).await);
    stage.visit(&page, &stage.shop.url("/silent")).await;
    assert!(has_none(&page).await, "another document of the app finds nothing");
    stage.visit(&page, &stage.shop.url("/")).await;
    stage.until_current(&page).await;
    let _ = page.run(&leave(&stage.foreign.url("/next"))).await;
    stage.foreign.until_seen("/next", 1).await;
    until(&page, "return location.pathname === '/next'").await;
    assert!(has_none(&page).await, "nor does the stranger");
    for site in [&stage.app, &stage.shop, &stage.foreign] {
        assert!(!site.knows(&token) && !site.knows(&next));
    }
}

/// The naive page hands its token to its frames and to itself by `postMessage`, to whoever listens.
pub(crate) async fn no_token_is_posted_between_windows<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let frame = format!("<iframe src='{}'></iframe>", stage.evil.url("/"));
    let listens = "<script>window.heard = []; addEventListener('message', ({ data }) => heard.push(String(data)), true)</script>";
    let page = tokencast_threats::scripts::app_page(&[stage.rig.server.url()]);
    stage
        .app
        .put("/framed", Served::html(format!("{listens}{page}{frame}")));

    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/framed")).await;
    stage.evil.until_seen("/loot", 1).await;
    run(
        &control,
        &format!("frames[0].postMessage('{token}', '*'); window.postMessage('{token}')"),
    )
    .await;
    stage.evil.until_seen("/loot", 2).await;
    assert!(stage.evil.knows(&token), "it must fall");
    until(&control, &format!("return heard.join().includes('{token}')")).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    stage.evil.forget();

    let view = stage.engine.open(&stage.app.url("/framed")).await;
    stage.until_current(&view).await;
    stage.evil.until_seen("/loot", 1).await;
    stage.rig.server.expire_access_tokens();
    assert_eq!(stage.status(&view).await, 200);
    let next = stage.token().await;
    assert!(!stage.evil.knows(&token) && !stage.evil.knows(&next));
    let heard = run(&view, "return heard.join()").await;
    let heard = heard.as_str().unwrap();
    assert!(!heard.contains(&token) && !heard.contains(&next));
}

/// 1. The page's console and its errors are collected, as a crash reporter does.
/// 2. A call is served, one meets a 401, the session ends, a call fails.
pub(crate) async fn no_token_is_in_the_console_or_in_an_error<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let reporter = "globalThis.said = [];
        for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'dir']) {
          console[name] = (...all) => said.push(all.map((one) => String(one?.stack ?? one)).join(' '));
        }
        addEventListener('error', ({ message, error }) => said.push(message + error?.stack));
        addEventListener('unhandledrejection', ({ reason }) => said.push(String(reason?.stack ?? reason)));";
    let view = stage.engine.bare().await;
    stage.engine.at_start(&view, reporter).await;
    stage.engine.attach(&view).await;
    view.go(&stage.app.url("/")).await;
    stage.until_current(&view).await;
    let token = stage.token().await;
    run(&view, &format!("console.log('signed in', '{token}')")).await;
    let said = run(&view, "return said.splice(0).join()").await;
    assert!(
        said.as_str().unwrap().contains(&token),
        "a naive page's console must be heard"
    );

    stage.rig.server.expire_access_tokens();
    assert_eq!(stage.status(&view).await, 200);
    let next = stage.token().await;
    run(
        &view,
        "session.onAccessToken(() => { throw new Error('of the page') })",
    )
    .await;
    let _ = view
        .run("await session.fetch('http://127.0.0.1:1/', { headers: { authorization: 'x' } })")
        .await;
    stage.session.sign_out().await.unwrap();
    until(&view, "return session.state === 'ended'").await;
    let errors = format!(
        "const errors = await Promise.allSettled([session.fetch({0:?}), session.fetch({0:?}, {{ method: 'POST', body: 'x' }})]);
        return said.join() + errors.map(({{ reason }}) => String(reason?.stack)).join()",
        stage.api("me")
    );
    let said = run(&view, &errors).await;
    let said = said.as_str().unwrap();
    // Of an injected script's error WebKit tells the page no more than that.
    assert!(
        said.contains("of the page") || said.contains("Script error"),
        "errors are heard"
    );
    assert!(!said.contains(&token) && !said.contains(&next));
}
