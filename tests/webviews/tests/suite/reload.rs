//! Refresh, then reload: the app exchanges once, and each page with the older token is loaded again.

use std::time::Duration;

use serde_json::json;
use tokencast::pages::Strategy;
use tokencast_testkit::eventually;
use tokencast_webviews::{Host, View, WebView, World, run, status_of, until};

pub(crate) async fn open<H: Host>() -> World<H> {
    World::open_with(|policy| policy.strategy(Strategy::Reload)).await
}

/// 1. Three pages hold the same token; the server refuses it from now on.
/// 2. One calls. Its call goes with its document: all three are loaded again, with the new token.
pub(crate) async fn a_401_is_one_exchange_and_every_page_is_loaded_again<H: Host>(world: World<H>) {
    let mut pages = Vec::new();
    for origin in [&world.sites.app, &world.sites.shop, &world.sites.app] {
        let page = world.active(origin).await;
        run(&page, "window.mark = 'the first document'").await;
        pages.push(page);
    }
    let before = world.session.generation();
    world.rig.server.expire_access_tokens();
    let answer = pages[0].run(&status_of("POST", &world.api("notes"))).await;
    assert_ne!(
        answer,
        Some(json!(201)),
        "a call is not replayed in a document that goes"
    );
    eventually("there is a newer token", || world.session.generation() > before).await;
    for page in &pages {
        until(page, "return window.mark === undefined").await;
        world.until_current(page).await;
        assert_eq!(run(page, &status_of("GET", &world.api("me"))).await, 200);
    }
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.notes), (1, 0));
    assert_eq!(world.sites.asked("GET /"), 6);
}

/// 1. A form is submitted; the page that answers is no page to load again.
/// 2. A new token reaches it all the same, as where nothing is loaded again.
pub(crate) async fn the_result_of_a_post_is_not_submitted_again<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    let submit = "const form = document.createElement('form');
        Object.assign(form, { method: 'post', action: '/order' });
        document.body.append(form);
        setTimeout(() => form.submit())";
    run(&page, submit).await;
    until(&page, "return location.pathname === '/order' && !!window.session").await;
    world.until_current(&page).await;
    run(&page, "window.mark = 'ordered'").await;
    world.renew().await;
    world.until_current(&page).await;
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
    assert_eq!(run(&page, "return window.mark").await, "ordered");
    assert_eq!(
        (world.sites.asked("POST /order"), world.sites.asked("GET /order")),
        (1, 0)
    );
}

pub(crate) async fn a_url_is_loaded_again_twice_in_five_minutes_and_no_more<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    for loads in [2, 3, 3, 3] {
        run(&page, "window.mark = 'not loaded again'").await;
        let before = world.sites.asked("GET /");
        world.renew().await;
        if before < loads {
            until(&page, "return window.mark === undefined").await;
        }
        world.until_current(&page).await;
        assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
        assert_eq!(world.sites.asked("GET /"), loads);
    }
    assert_eq!(run(&page, "return window.mark").await, "not loaded again");
    // Five minutes later it may be again.
    world.rig.clock.advance(Duration::from_secs(5 * 60));
    world.renew().await;
    until(&page, "return window.mark === undefined").await;
    world.until_current(&page).await;
    assert_eq!(world.sites.asked("GET /"), 4);
}

pub(crate) async fn a_hidden_page_is_loaded_again_when_it_is_shown<H: Host<View: WebView>>(world: World<H>) {
    let (hidden, shown) = (
        world.active(&world.sites.app).await,
        world.active(&world.sites.shop).await,
    );
    for page in [&hidden, &shown] {
        run(page, "window.mark = 'the first document'").await;
    }
    hidden.hide().await;
    until(&hidden, "return document.visibilityState === 'hidden'").await;
    world.renew().await;
    // The other page is the sign that all was done that is done at once.
    until(&shown, "return window.mark === undefined").await;
    world.until_current(&shown).await;
    assert_eq!(run(&hidden, "return window.mark").await, "the first document");
    assert_eq!(world.sites.asked("GET /"), 3);
    hidden.show().await;
    until(&hidden, "return window.mark === undefined").await;
    world.until_current(&hidden).await;
    assert_eq!(
        (world.sites.asked("GET /"), world.rig.server.stats().exchanges),
        (4, 1)
    );
}

pub(crate) async fn a_page_stays_where_it_was_scrolled_to<H: Host>(world: World<H>) {
    let page = world.host.open(&format!("{}/tall", world.sites.app)).await;
    world.until_current(&page).await;
    run(&page, "window.mark = 'the first document'; scrollTo(0, 700)").await;
    until(&page, "return scrollY === 700").await;
    world.renew().await;
    until(&page, "return window.mark === undefined").await;
    world.until_current(&page).await;
    until(&page, "return scrollY === 700").await;
    assert_eq!(world.sites.asked("GET /tall"), 2);
}

/// To the same fragment an engine would move within the document, and load nothing.
pub(crate) async fn a_page_with_a_fragment_is_loaded_again_too<H: Host>(world: World<H>) {
    let page = world.host.open(&format!("{}/tall#below", world.sites.app)).await;
    world.until_current(&page).await;
    run(&page, "window.mark = 'the first document'").await;
    world.renew().await;
    until(&page, "return window.mark === undefined").await;
    world.until_current(&page).await;
    assert_eq!(run(&page, "return location.hash").await, "#below");
    assert_eq!(world.sites.asked("GET /tall"), 2);
}
