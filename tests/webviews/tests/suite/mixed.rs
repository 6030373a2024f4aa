//! Pages of every strategy in one app at once.

use serde_json::json;
use tokencast::pages::Strategy;
use tokencast_webviews::{Host, World, run, status_of};

pub(crate) async fn open<H: Host>() -> World<H> {
    World::open().await
}

/// 1. Four pages: the app injects into one, pushes into one, loads one again, and lets one refresh itself.
/// 2. Each in its turn meets an expiry: one exchange, whoever makes it, and all four have the newest token.
/// 3. All meet one at the same time.
pub(crate) async fn pages_of_every_strategy_share_one_session<H: Host>(world: World<H>) {
    let policy = world.policy();
    let page = |path: &str| format!("{}{path}", world.sites.app);
    let injected = world.host.open_as(&page("/"), policy.clone()).await;
    let pushed = world
        .host
        .open_as(&page("/"), policy.clone().guarded_push())
        .await;
    let loaded = policy.clone().strategy(Strategy::Reload);
    let loaded = world.host.open_as(&page("/next"), loaded).await;
    let borrows = policy.self_refresh([&world.sites.app]).unwrap();
    let borrower = world.host.open_as(&page("/self"), borrows).await;
    let pages = [&injected, &pushed, &borrower, &loaded];
    let current = async || {
        for page in pages {
            world.until_current(page).await;
        }
    };
    current().await;
    for page in pages {
        run(page, "window.mark = 'the first document'").await;
    }

    let call = status_of("POST", &world.api("notes"));
    for (round, asker) in (1..).zip([&injected, &pushed, &borrower]) {
        world.expire();
        assert_eq!(run(asker, &call).await, 201);
        current().await;
        let stats = world.rig.server.stats();
        assert_eq!((stats.exchanges, stats.notes), (round, round));
    }
    assert_eq!(run(&borrower, "return window.lent").await, 1);

    assert_eq!(run(&loaded, "return window.mark ?? null").await, json!(null));
    assert_eq!(
        world.sites.asked("GET /next"),
        4,
        "opened, and loaded again for each new token"
    );

    world.expire();
    let answers = tokio::join!(run(&injected, &call), run(&pushed, &call), run(&borrower, &call),);
    let (one, two, three) = answers;
    assert_eq!([one, two, three], [201, 201, 201]);
    current().await;
    for page in [&injected, &pushed, &borrower] {
        assert_eq!(run(page, "return window.mark").await, "the first document");
    }
    assert_eq!(run(&loaded, &status_of("GET", &world.api("me"))).await, 200);
    let stats = world.rig.server.stats();
    assert_eq!((stats.exchanges, stats.notes), (4, 6));
}
