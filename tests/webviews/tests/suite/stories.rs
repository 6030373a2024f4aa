//! What holds in every host.

use serde_json::json;
use tokencast_testkit::{ada, eventually};
use tokencast_webviews::{Host, View, World, run, status_of, until};

/// A world with the default policy: what is injected.
pub(crate) async fn open<H: Host>() -> World<H> {
    World::open().await
}

pub(crate) async fn a_page_greets_and_its_calls_carry_the_token<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
    let here = (world.sites.app.clone(), Some(world.session.generation()));
    eventually("the app knows who is there", || {
        world.host.greeted() == [here.clone()]
    })
    .await;
}

/// 1. Four pages of two origins hold the same token; the server refuses it from now on.
/// 2. Each adds a note. All four meet a 401, the app exchanges once, each call is sent again once.
pub(crate) async fn a_401_is_one_exchange_and_every_page_goes_on_without_a_reload<H: Host>(world: World<H>) {
    let mut pages = Vec::new();
    for origin in [
        &world.sites.app,
        &world.sites.shop,
        &world.sites.app,
        &world.sites.shop,
    ] {
        let page = world.active(origin).await;
        run(&page, "window.mark = 'not loaded again'").await;
        pages.push(page);
    }
    let before = world.session.generation();
    world.rig.server.expire_access_tokens();
    let call = status_of("POST", &world.api("notes"));
    let [one, two, three, four] = &pages[..] else {
        unreachable!("four were opened")
    };
    let answers = tokio::join!(
        run(one, &call),
        run(two, &call),
        run(three, &call),
        run(four, &call)
    );
    let (one, two, three, four) = answers;
    assert_eq!([one, two, three, four], [201, 201, 201, 201]);

    assert_eq!(world.session.generation().epoch, before.epoch);
    assert_eq!(world.session.generation().number, before.number + 1);
    for page in &pages {
        world.until_current(page).await;
        assert_eq!(run(page, "return window.mark").await, "not loaded again");
    }
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.notes), (1, 4));
}

pub(crate) async fn a_page_that_asked_nothing_is_told_and_pulls<H: Host>(world: World<H>) {
    let asker = world.active(&world.sites.app).await;
    let other = world.active(&world.sites.shop).await;
    world.rig.server.expire_access_tokens();
    assert_eq!(run(&asker, &status_of("GET", &world.api("me"))).await, 200);
    world.until_current(&other).await;
    let refused = world.rig.server.stats().api_rejected;
    assert_eq!(run(&other, &status_of("GET", &world.api("me"))).await, 200);
    let stats = world.rig.server.stats();
    assert_eq!(
        (stats.exchanges, stats.api_rejected),
        (1, refused),
        "its call met no 401"
    );
}

pub(crate) async fn a_sign_out_ends_every_page<H: Host>(world: World<H>) {
    let pages = [
        world.active(&world.sites.app).await,
        world.active(&world.sites.shop).await,
    ];
    for page in &pages {
        run(
            page,
            "session.onEnded(({ reason }) => { window.reason = reason })",
        )
        .await;
    }
    world.session.sign_out().await.unwrap();
    for page in &pages {
        until(page, "return session.state === 'ended'").await;
        let left = run(page, "return [window.reason, session.generation ?? null]").await;
        assert_eq!(left, json!(["signed_out", null]));
    }
    // The next sign-in is not theirs.
    world.session.sign_in(ada()).await.unwrap();
    world.active(&world.sites.app).await;
    for page in &pages {
        assert_eq!(run(page, "return session.state").await, "ended");
    }
}

pub(crate) async fn a_page_that_came_before_the_sign_in_is_told_of_it<H: Host>(world: World<H>) {
    world.session.sign_out().await.unwrap();
    let page = world.host.open(&format!("{}/", world.sites.app)).await;
    until(&page, "return session.state === 'ended'").await;
    world.session.sign_in(ada()).await.unwrap();
    world.until_current(&page).await;
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
}

pub(crate) async fn a_navigation_ends_a_document_and_the_next_one_greets_anew<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    page_goes(&world, &page, "/silent").await;
    until(&page, "return location.pathname === '/silent'").await;
    eventually("the old document is forgotten", || {
        world.host.greeted().is_empty()
    })
    .await;
    page_goes(&world, &page, "/next").await;
    until(&page, "return location.pathname === '/next'").await;
    world.until_current(&page).await;
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
}

pub(crate) async fn a_page_of_another_origin_is_denied<H: Host>(world: World<H>) {
    let good = world.active(&world.sites.app).await;
    let evil = world.host.open(&format!("{}/", world.sites.evil)).await;
    until(&evil, "return session.state === 'plain'").await;
    let left = run(&evil, "return session.generation ?? null").await;
    assert_eq!(left, json!(null));
    assert_eq!(run(&evil, &status_of("GET", &world.api("me"))).await, 401);
    // Its 401 counts for nobody, and the other page goes on.
    assert_eq!(run(&good, &status_of("GET", &world.api("me"))).await, 200);
    assert_eq!(world.rig.server.stats().exchanges, 0);
}

pub(crate) async fn a_page_that_leaves_for_another_origin_takes_no_token_with_it<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    View::go(&page, &format!("{}/", world.sites.evil)).await;
    until(
        &page,
        &format!(
            "return location.origin === '{}' && session.state === 'plain'",
            world.sites.evil
        ),
    )
    .await;
    // A new token is news for nobody here.
    world.session.rejected(world.session.generation()).await.unwrap();
    assert_eq!(run(&page, "return session.state").await, "plain");
    assert_eq!(run(&page, "return session.generation ?? null").await, json!(null));
    eventually("nobody is there", || world.host.greeted().is_empty()).await;
}

pub(crate) async fn a_frame_inside_a_page_gets_no_bridge<H: Host>(world: World<H>) {
    let page = world.active(&world.sites.app).await;
    let frame =
        "const frame = document.createElement('iframe'); frame.src = '/next'; document.body.append(frame);
        await new Promise((loaded) => { frame.onload = loaded });
        window.inner = frame.contentWindow";
    run(&page, frame).await;
    until(&page, "return window.inner.session?.state === 'plain'").await;
    assert_eq!(
        run(&page, "return window.inner.session.generation ?? null").await,
        json!(null)
    );
    assert_eq!(run(&page, &status_of("GET", &world.api("me"))).await, 200);
}

async fn page_goes<H: Host>(world: &World<H>, page: &H::View, path: &str) {
    View::go(page, &format!("{}{path}", world.sites.app)).await;
}
