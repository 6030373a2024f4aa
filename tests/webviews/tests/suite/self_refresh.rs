//! The page refreshes itself: it is lent the refresh token for one exchange of its own, and hands over what that brought.

use std::time::Duration;

use serde_json::json;
use tokencast_testkit::eventually;
use tokencast_webviews::{Host, View, World, run, status_of, until};

/// Pages of the first site may borrow, those of the other may not.
pub(crate) async fn open<H: Host>() -> World<H> {
    let mut app = String::new();
    World::open_with(|policy| {
        app = policy.origins().next().unwrap().to_string();
        policy.self_refresh([&app]).unwrap()
    })
    .await
}

/// A page that makes the exchange itself, with the session's token.
async fn borrower<H: Host>(world: &World<H>) -> H::View {
    let page = world.host.open(&format!("{}/self", world.sites.app)).await;
    until(&page, "return !!window.session").await;
    world.until_current(&page).await;
    page
}

/// A call that adds a note, whose status stands in `window.answer` in the end.
fn call<H: Host>(world: &World<H>) -> String {
    let call = status_of("POST", &world.api("notes"));
    format!(
        "window.answer = null; (async () => {{ {call} }})().then((status) => {{ window.answer = status }})"
    )
}

/// 1. The server refuses the token that both pages have.
/// 2. One calls, is lent the refresh token and makes the exchange; its call is sent again with what it brought.
/// 3. So does the next expiry, with the refresh token that the page handed over.
pub(crate) async fn a_page_refreshes_itself_and_every_page_has_what_it_brought<H: Host>(world: World<H>) {
    let page = borrower(&world).await;
    let other = world.active(&world.sites.shop).await;
    run(&other, "window.mark = 'not loaded again'").await;
    for round in 1..=2 {
        world.expire();
        let before = world.session.generation();
        assert_eq!(run(&page, &status_of("POST", &world.api("notes"))).await, 201);
        assert_eq!(world.session.generation().number, before.number + 1);
        assert_eq!(run(&page, "return window.lent").await, round);
        world.until_current(&other).await;
        assert_eq!(run(&other, &status_of("GET", &world.api("me"))).await, 200);
        let stats = world.rig.server.stats();
        assert_eq!((stats.exchanges, stats.replays, stats.notes), (round, 0, round));
    }
    assert_eq!(run(&other, "return window.mark").await, "not loaded again");
}

/// 1. A page has the lease and has not sent anything when its process ends.
/// 2. The app makes the exchange itself; the other page's call, which waited for it, is answered.
pub(crate) async fn a_page_that_dies_with_its_lease_loses_nothing<H: Host>(world: World<H>) {
    let page = borrower(&world).await;
    let other = world.active(&world.sites.shop).await;
    run(&page, "window.exchange = () => new Promise(() => {})").await;
    world.expire();
    run(&page, &call(&world)).await;
    until(&page, "return window.lent === 1").await;
    run(&other, &call(&world)).await;
    page.kill().await;
    until(&other, "return window.answer === 201").await;
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.notes), (1, 0, 1));
}

/// 1. A page's exchange is carried out at the server, and its answer on the way, when the page's process ends.
/// 2. The app presents the same token with the same key and gets the same successor: nobody is signed out.
pub(crate) async fn a_page_that_dies_after_its_exchange_loses_nothing<H: Host>(world: World<H>) {
    let page = borrower(&world).await;
    let other = world.active(&world.sites.shop).await;
    world.expire();
    world.rig.server.hold_refreshes();
    run(&page, &call(&world)).await;
    world.rig.server.wait_until_held(1).await;
    run(&other, &call(&world)).await;
    page.kill().await;
    eventually("the app's own exchange reaches the server", || {
        world.rig.server.stats().refresh_requests == 2
    })
    .await;
    world.rig.server.release();
    until(&other, "return window.answer === 201").await;
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.reuse_detected), (1, 1, 0));
    assert!(world.session.state().is_active());
}

/// 1. The page's exchange fails. What it did with the refresh token nobody knows: the app waits for the rest of the lease.
/// 2. It waits no longer when the document is gone. The next one has a token, by the app's own exchange.
pub(crate) async fn a_page_whose_exchange_fails_leaves_it_to_the_app<H: Host>(world: World<H>) {
    after_a_failed_exchange(&world).await;
}

/// Until ten minutes later the app makes its exchanges.
pub(crate) async fn a_page_whose_exchange_failed_is_lent_nothing_for_ten_minutes<H: Host>(world: World<H>) {
    let page = after_a_failed_exchange(&world).await;
    for (seconds, lent) in [(30, 0), (10 * 60, 1)] {
        world.rig.clock.advance(Duration::from_secs(seconds));
        world.rig.server.expire_access_tokens();
        assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
        assert_eq!(run(&page, "return window.lent").await, lent);
    }
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays), (3, 0));
}

async fn after_a_failed_exchange<H: Host>(world: &World<H>) -> H::View {
    let page = borrower(world).await;
    let fails = "window.failed = 0;
        window.exchange = async () => { throw new Error('no exchange') };
        addEventListener('error', () => { window.failed += 1 })";
    run(&page, fails).await;
    world.expire();
    run(&page, &call(world)).await;
    until(&page, "return window.failed === 1").await;
    assert_eq!(world.rig.server.stats().refresh_requests, 0);
    View::go(&page, &format!("{}/next", world.sites.app)).await;
    eventually("the app makes the exchange", || {
        world.session.generation().number == 2
    })
    .await;
    View::go(&page, &format!("{}/self", world.sites.app)).await;
    until(&page, "return location.pathname === '/self' && !!window.session").await;
    world.until_current(&page).await;
    page
}

pub(crate) async fn a_page_outside_the_stricter_list_is_lent_nothing<H: Host>(world: World<H>) {
    let page = world.host.open(&format!("{}/self", world.sites.shop)).await;
    until(&page, "return !!window.session").await;
    world.until_current(&page).await;
    world.expire();
    assert_eq!(run(&page, &status_of("POST", &world.api("notes"))).await, 201);
    assert_eq!(
        run(&page, "return [window.lent, session.state]").await,
        json!([0, "active"])
    );
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.notes), (1, 1));
}
