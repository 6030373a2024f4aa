//! What a flood leaves behind in the core.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use tokencast::pages::{Action, PageHost, PagePolicy, Sender, Slot};
use tokencast_testkit::Rig;

const PAGE: &str = "https://app.example.com";
/// So much may be kept of one page, in bytes: what waits, and what is known of its document.
const BOUND: i64 = 256 << 10;

struct Nobody;

impl PageHost for Nobody {
    fn perform(&self, _: Vec<Action>) {}
}

fn flood() -> impl Iterator<Item = String> {
    let used = r#"{"s":"x","e":1,"g":1}"#;
    (0..10_000).map(move |number| match number % 6 {
        0 => format!(r#"{{"v":1,"k":"need","id":{number},"used":{used},"why":"401"}}"#),
        1 => format!(r#"{{"v":1,"k":"hello","id":{number},"min":1,"max":1,"doc":"{number}","have":null}}"#),
        2 => format!(r#"{{"v":1,"k":"watch","id":{number},"have":{used}}}"#),
        3 => format!(r#"{{"v":1,"k":"lease","id":{number}}}"#),
        4 => format!(
            r#"{{"v":1,"k":"need","id":"{}","why":"expiring"}}"#,
            "x".repeat(32 << 10)
        ),
        _ => "[".repeat(32 << 10),
    })
}

/// 1. Ten thousand messages of all kinds in one go, a few kilobytes to 32 KiB each: 100 MiB in all.
/// 2. The naive app keeps them until it has time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_no_more_than_what_may_wait() {
    let rig = Rig::new().await;
    let session = rig.process_with(
        rig.profile()
            .with_resource_origin("https://api.example.com")
            .unwrap(),
    );
    let session = session.build().unwrap();
    session.sign_in(tokencast_testkit::ada()).await.unwrap();
    let pages = session.web_views();
    let page = pages
        .attach(PagePolicy::new([PAGE]).unwrap(), Arc::new(Nobody))
        .unwrap();
    let sender = Sender::main_frame(PAGE).document("d");

    let mut kept = Vec::new();
    let naive = allocation_counter::measure(|| kept.extend(flood()));
    assert!(naive.bytes_current > 64 << 20, "it must fall");
    drop(kept);

    let mut answers = 0;
    let ours = allocation_counter::measure(|| {
        for (slot, text) in (1..).zip(flood()) {
            answers += pages.on_message(page, &sender, &text, Slot(slot)).len();
        }
    });
    assert!(
        ours.bytes_current < BOUND,
        "{} bytes are kept",
        ours.bytes_current
    );
    assert!(answers + 65 >= 10_000, "who does not wait is answered: {answers}");
    assert!(rig.server.stats().exchanges <= 1);
    let settled = pages
        .detach(page)
        .iter()
        .filter(|action| matches!(action, Action::Reply { .. }))
        .count();
    assert_eq!(answers + settled, 10_000, "and in the end all are");
}
