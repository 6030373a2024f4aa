//! Many pages and many expiries, every call counted where it counts: at the server.

use std::collections::BTreeSet;
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokencast_webviews::{Host, View, World, run};

/// The ordinary run is short; `TOKENCAST_LONG=1` plays the whole.
fn size() -> (usize, u64) {
    if std::env::var_os("TOKENCAST_LONG").is_some() {
        (32, 1000)
    } else {
        (8, 15)
    }
}

pub(crate) async fn open<H: Host>() -> World<H> {
    World::open().await
}

/// 1. Pages of two origins, side by side. Again and again the server's and the app's clock pass the token's end.
/// 2. Every page makes a GET and a POST at the same time; the first that comes back has the app make one exchange.
/// 3. Every call is answered with success, in the document that made it, and has its side effect once.
#[allow(clippy::print_stderr)] // the figures, for docs/reliability.md
pub(crate) async fn every_expiry_is_one_exchange_and_every_call_is_answered_once<H: Host>(world: World<H>) {
    let (pages, expiries) = size();
    let mut views = Vec::new();
    for number in 0..pages {
        let origin = [&world.sites.app, &world.sites.shop][number % 2];
        let view = world.active(origin).await;
        run(&view, &prepare(&world, number)).await;
        views.push(view);
    }
    let (mut rejected, start) = (0, Instant::now());
    for round in 1..=expiries {
        world.expire();
        let before = world.rig.server.stats();
        let answers = all(&views, &format!("return calls({round})")).await;
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(*answer, json!([200, 201]), "page {number} in round {round}");
        }
        let stats = world.rig.server.stats();
        assert_eq!(stats.exchanges, round, "one exchange for each expiry");
        assert_eq!(
            stats.notes,
            round * pages as u64,
            "each note once, in round {round}"
        );
        assert_eq!(stats.api_ok - before.api_ok, 2 * pages as u64);
        rejected += stats.api_rejected - before.api_rejected;
    }
    let took = start.elapsed();
    // As many as were wanted; and of those that the server lists, its newest, none is there twice.
    let kept = notes(&world, &views[0]).await;
    let wanted = (1..=expiries).flat_map(|round| (0..pages).map(move |page| (page, round)));
    let wanted: BTreeSet<_> = wanted
        .map(|(page, round)| format!("page {page} round {round}"))
        .collect();
    let different: BTreeSet<_> = kept.iter().cloned().collect();
    assert_eq!(different.len(), kept.len(), "a note was added twice");
    assert!(
        !kept.is_empty() && different.is_subset(&wanted),
        "a note is nobody's"
    );
    let stats = world.rig.server.stats();
    assert_eq!(
        (stats.replays, stats.reuse_detected, stats.refresh_rejected),
        (0, 0, 0)
    );
    let marks = all(&views, "return window.mark").await;
    assert!(marks.iter().all(|mark| mark == "not loaded again"));
    eprintln!(
        "{pages} pages, {expiries} expiries: {} exchanges at the server, {} calls answered, {} notes, {rejected} calls \
         refused once and sent again, {:.1} s",
        stats.exchanges,
        2 * pages as u64 * expiries,
        stats.notes,
        took.as_secs_f64()
    );
}

/// Gives the page `calls`, which makes both calls and tells both statuses.
fn prepare<H: Host>(world: &World<H>, number: usize) -> String {
    let (me, notes) = (world.api("me"), world.api("notes"));
    format!(
        "window.mark = 'not loaded again';
        window.calls = async (round) => {{
            const note = {{
                method: 'POST',
                headers: {{ 'content-type': 'application/json' }},
                body: JSON.stringify({{ text: `page {number} round ${{round}}` }}),
            }};
            const answers = await Promise.all([session.fetch({me:?}), session.fetch({notes:?}, note)]);
            return answers.map((answer) => answer.status);
        }}"
    )
}

/// Runs the same in every page at once.
async fn all<V: View>(views: &[V], body: &str) -> Vec<Value> {
    join_all(views.iter().map(|view| run(view, body))).await
}

async fn notes<H: Host>(world: &World<H>, view: &H::View) -> Vec<String> {
    let url = world.api("notes");
    let notes = run(view, &format!("return (await session.fetch({url:?})).json()")).await;
    let notes = notes.as_array().unwrap().iter();
    notes
        .map(|note| note["text"].as_str().unwrap().to_owned())
        .collect()
}
