//! Pages that ask for too much.

use serde_json::json;
use tokencast_threats::{Engine, Stage, naive};
use tokencast_webviews::{View, run, until};

/// 1. A page of the app sends 10,000 messages as fast as it can: a 401 for its token, over and over.
/// 2. Meanwhile another page works. The flood is answered to the last message and costs one exchange at most; the naive app
///    makes one for each.
pub(crate) async fn a_flood_costs_one_exchange_and_the_other_pages_work<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let control = stage.engine.bare().await;
    naive::refresh_for_everyone(&stage.engine, &control, &stage.rig).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    run(&control, "for (let i = 0; i < 20; i++) askApp('401')").await;
    tokencast_testkit::eventually("it must fall", || stage.rig.server.stats().exchanges >= 20).await;
    let before = stage.rig.server.stats().exchanges;

    let other = stage.active(&stage.shop).await;
    let flood = stage.by_hand(&stage.app).await;
    let floods = "const used = wire.heard.at(-1).gen;
        for (let i = 0; i < 10000; i++) wire.post(JSON.stringify({ v: 1, k: ['need', 'hello', 'ack'][i % 3], id: String(i), used, have: used,
          why: '401', min: 1, max: 1, doc: 'by-hand' }));";
    run(&flood, floods).await;
    assert_eq!(stage.status(&other).await, 200);
    // To the last of them, however slow the machine.
    for answered in (1..=10).map(|thousands| thousands * 1000) {
        until(&flood, &format!("return wire.answers() >= {answered}")).await;
    }
    assert_eq!(stage.status(&other).await, 200);
    let exchanges = stage.rig.server.stats().exchanges - before;
    assert!(exchanges <= 1, "{exchanges} exchanges");
    until(&flood, "return (await wire.hello()).k === 'state'").await;
}

/// A page says that each new token was rejected, one after the other.
pub(crate) async fn a_401_for_each_new_token_is_believed_once<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let control = stage.engine.bare().await;
    naive::refresh_for_everyone(&stage.engine, &control, &stage.rig).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    run(&control, "for (let i = 0; i < 5; i++) await askApp('401')").await;
    tokencast_testkit::eventually("it must fall", || stage.rig.server.stats().exchanges >= 5).await;
    let before = stage.rig.server.stats().exchanges;

    let page = stage.by_hand(&stage.app).await;
    let ladder = "let { gen } = wire.heard.at(-1); const answers = [];
        for (let i = 0; i < 5; i++) {
          const answer = await wire.ask({ k: 'need', used: gen, why: '401' });
          answers.push(answer.code ?? answer.k);
          gen = answer.gen ?? gen;
        }
        return answers";
    let answers = run(&page, ladder).await;
    assert_eq!(answers, json!(["state", "rate", "rate", "rate", "rate"]));
    assert_eq!(stage.rig.server.stats().exchanges - before, 1);
    // A new document of the same view is no excuse.
    View::go(&page, &stage.app.url("/by-hand?again")).await;
    until(
        &page,
        "return location.search === '?again' && (await wire.hello()).k === 'state'",
    )
    .await;
    let again = "return (await wire.ask({ k: 'need', used: wire.heard.at(-1).gen, why: '401' })).code";
    assert_eq!(run(&page, again).await, "rate");
    // Nobody else pays for it.
    let other = stage.active(&stage.shop).await;
    stage.rig.server.expire_access_tokens();
    assert_eq!(stage.status(&other).await, 200);
    assert_eq!(stage.rig.server.stats().exchanges - before, 2);
}

/// Texts of a megabyte, and texts that nest 20,000 deep. The naive app keeps what it is sent, for its other pages.
pub(crate) async fn an_endless_or_a_deep_message_is_refused_unread<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let control = stage.engine.bare().await;
    let kept = naive::keep_everything(&stage.engine, &control).await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    run(
        &control,
        "for (let i = 0; i < 8; i++) await askApp('x'.repeat(1 << 20))",
    )
    .await;
    let size: usize = kept.lock().unwrap().iter().map(String::len).sum();
    assert!(size >= 8 << 20, "it must fall");

    let page = stage.by_hand(&stage.app).await;
    let sends = r#"const texts = ["x".repeat(1 << 20), "[".repeat(20000) + "]".repeat(20000), '{"v":1,"k":"bye","x":'.repeat(9000) + "}".repeat(9000),
          '{"v":1,"k":"watch","id":"1","have":null,"x":"' + "x".repeat(1 << 20) + '"}',
          '{"v":1,"k":"watch","id":"1","have":null,"x":' + "[".repeat(50) + "]".repeat(50) + "}",
          '{"v":1,"k":"hello","id":"' + "y".repeat(60000) + '"}', "", "null", "\u0000"];
        texts.forEach((text) => wire.post(text));
        const answer = await wire.hello();
        return [answer.k, wire.heard.slice(1, -1).map(({ code }) => code)]"#;
    let answers = run(&page, sends).await;
    assert_eq!(answers, json!(["state", vec!["unsupported"; 9]]));
    let other = stage.active(&stage.shop).await;
    assert_eq!(stage.status(&other).await, 200);
}
