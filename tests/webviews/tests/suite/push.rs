//! Guarded push: for hosts that can only evaluate scripts in their pages.

use serde_json::json;
use tokencast_testkit::eventually;
use tokencast_webviews::{Host, View, World, run, status_of, until};

pub(crate) async fn open<H: Host>() -> World<H> {
    World::open_with(|policy| policy.guarded_push()).await
}

/// 1. A page that never connects is no page that greets.
/// 2. The token is there all the same: whoever connects later has it at once, without asking.
pub(crate) async fn a_page_that_asks_nothing_is_pushed_the_token<H: Host>(world: World<H>) {
    let page = world.host.open(&format!("{}/silent", world.sites.app)).await;
    let here = (world.sites.app.clone(), Some(world.session.generation()));
    eventually("the page was sent the token", || {
        world.host.greeted() == [here.clone()]
    })
    .await;
    let connect = format!(
        "window.session ??= tokencast.connect({{ api: ['{}'] }}); return session.state === 'active'",
        world.rig.server.url()
    );
    until(&page, &connect).await;
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
    assert_eq!(world.rig.server.stats().exchanges, 0);
}

pub(crate) async fn a_401_is_one_exchange_and_every_page_is_pushed_what_it_brought<H: Host>(world: World<H>) {
    let pages = [
        world.active(&world.sites.app).await,
        world.active(&world.sites.shop).await,
    ];
    for page in &pages {
        run(page, "window.mark = 'not loaded again'").await;
    }
    world.expire();
    assert_eq!(run(&pages[0], &status_of("POST", &world.api("notes"))).await, 201);
    for page in &pages {
        world.until_current(page).await;
        assert_eq!(run(page, "return window.mark").await, "not loaded again");
        assert_eq!(run(page, &status_of("GET", &world.api("me"))).await, 200);
    }
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.notes), (1, 1));
}

pub(crate) async fn a_page_of_another_origin_is_pushed_nothing<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    let good = world.active(&world.sites.shop).await;
    View::go(&page, &format!("{}/silent", world.sites.evil)).await;
    until(&page, "return location.pathname === '/silent'").await;
    world.renew().await;
    world.until_current(&good).await;
    let connect = format!(
        "const session = tokencast.connect({{ api: ['{}'] }}); return [location.origin, session.generation ?? null]",
        world.rig.server.url()
    );
    assert_eq!(run(&page, &connect).await, json!([world.sites.evil, null]));
}
