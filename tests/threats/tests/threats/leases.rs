//! Pages that refresh themselves, and abuse it. Each speaks the protocol by hand.

use std::time::Duration;

use serde_json::json;
use tokencast_testkit::{LeapClock, eventually};
use tokencast_threats::{Engine, Plan, Stage, naive};
use tokencast_webviews::{View, run, until};

/// What the server's pair would look like, and is not.
const FORGED: &str = "at: 'forged-access-token', rt: 'forged-refresh-token', exp: 600000";

/// The pages of the app may refresh themselves, those of the shop may not.
async fn open<E: Engine>(clock: &LeapClock) -> Stage<E> {
    let lends = Plan::default().policy(|policy, app| policy.self_refresh([&app.origin]).unwrap());
    lends.clock(clock.clone()).open().await
}

/// Has the page borrow; its lease is `globalThis.lease` then.
async fn borrow(view: &impl View) {
    let borrowed = run(
        view,
        "globalThis.lease = await wire.ask({ k: 'lease' }); return lease.k",
    )
    .await;
    assert_eq!(borrowed, "lease");
}

/// 1. A page takes the lease and does nothing. The server refuses the old token.
/// 2. The others wait for its time and no longer; it gets no other for a while.
/// 3. The naive app lends its refresh token until somebody brings it back.
pub(crate) async fn a_page_that_hogs_its_lease_holds_the_others_up_for_its_time_only<E: Engine>() {
    let clock = LeapClock::default();
    let stage = open::<E>(&clock).await;
    let lent = naive::Lending::new(&stage.rig).await;
    let control = stage.engine.bare().await;
    lent.to_everyone(&stage.engine, &control).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    assert_eq!(run(&control, "return Boolean(await askApp('lease'))").await, true);
    assert!(lent.is_out(), "however long one waits, it must stay out");

    let other = stage.active(&stage.shop).await;
    let hog = stage.by_hand(&stage.app).await;
    borrow(&hog).await;
    stage.rig.server.expire_access_tokens();
    let before = stage.session.generation();
    clock
        .leap_until("the lease lapses", || stage.session.generation() != before)
        .await;
    stage.until_current(&other).await;
    assert_eq!(stage.status(&other).await, 200);
    assert_eq!(stage.rig.server.stats().exchanges, 1);
    until(&hog, "return (await wire.hello()).k === 'state'").await;
    let again = run(&hog, "return (await wire.ask({ k: 'lease' })).code").await;
    assert_eq!(again, "rate");
}

/// 1. A page has the lease. Another one brings a pair for it; the page itself brings one for another generation.
/// 2. Its time passes, and it brings the pair then. None of these is the session's.
/// 3. The naive app takes whatever pair a page brings: it is the attacker's session from then on.
pub(crate) async fn a_foreign_a_stale_or_a_late_hand_over_changes_nothing<E: Engine>() {
    let clock = LeapClock::default();
    let stage = open::<E>(&clock).await;
    let control = stage.engine.bare().await;
    let pair = naive::take_any_pair(&stage.engine, &control).await;
    stage.visit(&control, &stage.evil.url("/silent")).await;
    run(
        &control,
        "await askApp(JSON.stringify({ at: 'forged-access-token', rt: 'forged-refresh-token' }))",
    )
    .await;
    assert!(
        pair.lock().unwrap().contains("forged-refresh-token"),
        "it must fall"
    );

    let (shop, evil) = (stage.by_hand(&stage.shop).await, stage.engine.bare().await);
    stage
        .engine
        .at_start(&evil, tokencast_threats::scripts::WIRE)
        .await;
    stage.engine.attach(&evil).await;
    evil.go(&stage.evil.url("/silent")).await;
    until(
        &evil,
        "return location.pathname === '/silent' && Boolean(globalThis.wire)",
    )
    .await;
    let borrower = stage.by_hand(&stage.app).await;
    assert_eq!(
        run(&shop, "return (await wire.ask({ k: 'lease' })).code").await,
        "denied"
    );
    borrow(&borrower).await;
    let lease = run(&borrower, "return { lease: lease.lease, base: lease.base }").await;
    let hand_over = |change: &str| {
        format!("return (await wire.ask({{ k: 'handover', ...{lease}, {FORGED}, {change} }})).code")
    };
    assert_eq!(run(&shop, &hand_over("")).await, "stale", "another page's");
    // Who may not ask is not even given its own id back.
    let denied =
        format!("wire.post(JSON.stringify({{ v: 1, id: '1', k: 'handover', ...{lease}, {FORGED} }}))");
    run(&evil, &denied).await;
    until(&evil, "return wire.heard.some(({ code }) => code === 'denied')").await;
    for change in [
        "lease: '0'",
        "base: { ...lease.base, g: lease.base.g + 1 }",
        "base: { ...lease.base, e: lease.base.e + 1 }",
        "base: { ...lease.base, s: 'elsewhere' }",
    ] {
        assert_eq!(run(&borrower, &hand_over(change)).await, "stale", "{change}");
    }
    let before = stage.session.generation();
    clock
        .leap_until("the lease lapses", || stage.session.generation() != before)
        .await;
    assert_eq!(run(&borrower, &hand_over("")).await, "stale", "too late");
    assert_ne!(stage.refresh_token(), "forged-refresh-token");
    let token = stage.token().await;
    assert!(stage.rig.accepts(&token).await, "the session is the user's own");
    assert_eq!(stage.rig.server.stats().exchanges, 1);
}

/// 1. A page borrows, exchanges at the server, and its process is killed before it can hand the pair over.
/// 2. The app presents the old refresh token again, with the same key: the server gives the same pair, nobody is signed out.
/// 3. The naive app has no key: what it presents is a token that was used twice.
pub(crate) async fn a_page_killed_while_it_holds_the_lease_costs_nobody_the_session<E: Engine>() {
    let stage = open::<E>(&LeapClock::default()).await;
    let exchange = |token: &str, headers: &str| {
        format!(
            "return (await fetch({:?}, {{ method: 'POST', headers: {{ 'content-type': 'application/x-www-form-urlencoded', {headers} }},
              body: 'grant_type=refresh_token&refresh_token=' + encodeURIComponent({token}) }})).status",
            format!("{}/auth/refresh", stage.rig.server.url())
        )
    };
    let lent = naive::Lending::new(&stage.rig).await;
    let control = stage.engine.bare().await;
    lent.to_everyone(&stage.engine, &control).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    assert_eq!(run(&control, &exchange("await askApp('lease')", "")).await, 200);
    control.kill().await;
    assert!(!lent.taken_back().refresh().await, "it must be signed out");
    assert_eq!(stage.rig.server.stats().reuse_detected, 1);

    let other = stage.active(&stage.shop).await;
    let borrower = stage.by_hand(&stage.app).await;
    borrow(&borrower).await;
    let before = (stage.session.generation(), stage.rig.server.stats());
    let exchanged = run(&borrower, &exchange("lease.rt", "'idempotency-key': lease.key")).await;
    assert_eq!(exchanged, 200);
    borrower.kill().await;
    eventually("the app makes the exchange itself", || {
        stage.session.generation().number > before.0.number
    })
    .await;
    stage.until_current(&other).await;
    assert_eq!(stage.status(&other).await, 200);
    let stats = stage.rig.server.stats();
    assert_eq!(
        (stats.exchanges, stats.replays),
        (before.1.exchanges + 1, before.1.replays + 1)
    );
    assert_eq!(stats.reuse_detected, before.1.reuse_detected);
    // And the session goes on from there.
    stage.rig.server.expire_access_tokens();
    let later = Duration::from_secs(301);
    stage.rig.clock.advance(later);
    assert_eq!(stage.status(&other).await, json!(200));
}
