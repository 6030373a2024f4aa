//! The bridge's rules, each as a short story.

use serde_json::{Value, json};

use super::desk::{APP, Desk, MINUTE, SHOP, Seen, see};
use super::page::DOUBT;
use super::waiting::{MAX_WAITING, MIN_TTL, PATIENCE};
use super::*;
use crate::error::{EndReason, LockedCause, StorageFailure, TryAgainCause};

fn offline() -> SessionError {
    SessionError::TryAgain {
        after: Duration::from_secs(3),
        cause: TryAgainCause::Offline,
    }
}

mod cookies;
mod ends;
mod lease;
mod push;
mod reload;
mod responses;

const FRESH: Demand = Demand::Fresh { min_ttl: MIN_TTL };

fn used(epoch: u64, number: u64) -> Demand {
    Demand::Rejected {
        used: Generation::new(epoch, number),
    }
}

#[test]
fn a_hello_is_answered_with_the_token() {
    let mut desk = Desk::active();
    let page = desk.attach();
    assert_eq!(desk.hello(page, "d1", None), [desk.state(1)]);
}

#[test]
fn one_401_renews_every_page() {
    let mut desk = Desk::active();
    let (asker, other, third) = (desk.greeted(), desk.greeted(), desk.greeted());
    // 1. The first page reports its generation and waits.
    assert_eq!(
        desk.rejected(asker, desk.generation()),
        [Seen::Demand(asker, used(1, 1)), desk.wake()]
    );
    // 2. The session has a new token: the asker gets it as its answer, the others a notice.
    let seen = desk.renew(Generation::new(1, 2), 10 * MINUTE);
    assert_eq!(seen, [desk.state(4), desk.notice(other), desk.notice(third)]);
    // 3. The demand's end finds nobody waiting.
    assert_eq!(desk.done(asker, Ok(())), []);
    // 4. A late 401 of the old generation costs nothing.
    assert_eq!(
        desk.rejected(other, json!({"s":"5704e", "e":1, "g":1})),
        [desk.state(5)]
    );
}

#[test]
fn two_reports_of_one_generation_make_one_demand() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.rejected(page, desk.generation());
    assert_eq!(desk.rejected(page, desk.generation()), []);
    assert_eq!(
        desk.renew(Generation::new(1, 2), MINUTE),
        [desk.state(2), desk.state(3)]
    );
}

#[test]
fn a_401_counts_only_for_a_generation_that_this_document_was_sent() {
    let mut desk = Desk::active();
    desk.renew(Generation::new(1, 5), 10 * MINUTE);
    let page = desk.greeted();
    // 1. Generations it was never sent, older, newer, of another store or none.
    for claimed in [
        json!({"s":"5704e", "e":1, "g":4}),
        json!({"s":"5704e", "e":1, "g":6}),
        json!({"s":"0ther", "e":1, "g":5}),
        Value::Null,
    ] {
        let seen = desk.rejected(page, claimed);
        assert_eq!(seen, [desk.state(desk.slots)]);
    }
    // 2. The current one, which it was only notified of.
    desk.renew(Generation::new(1, 6), 10 * MINUTE);
    assert_eq!(desk.rejected(page, desk.generation()), [desk.state(6)]);
    // 3. Now it was sent.
    let seen = desk.rejected(page, desk.generation());
    assert_eq!(seen, [Seen::Demand(page, used(1, 6)), desk.wake()]);
}

#[test]
fn a_second_unexplained_401_bars_that_page_for_five_minutes_and_no_other() {
    let mut desk = Desk::active();
    let (liar, other) = (desk.greeted(), desk.greeted());
    desk.rejected(liar, desk.generation());
    desk.renew(Generation::new(1, 2), 10 * MINUTE);
    desk.done(liar, Ok(()));
    desk.hello(other, "d1", None);
    // 1. The clock says that the second token is valid as well.
    desk.now = desk.now + MINUTE;
    let rate = |id: u64, left: Duration| {
        let left = u64::try_from(left.as_millis()).unwrap();
        Seen::Reply(
            id,
            json!({"v":1, "k":"err", "id":id, "code":"rate", "retry_ms":left}),
        )
    };
    assert_eq!(desk.rejected(liar, desk.generation()), [rate(5, DOUBT - MINUTE)]);
    // 2. Another document in the same page does not help it.
    desk.commit(liar);
    desk.hello(liar, "d2", None);
    assert_eq!(desk.rejected(liar, desk.generation()), [rate(7, DOUBT - MINUTE)]);
    // 3. The other page is believed.
    assert_eq!(
        desk.rejected(other, desk.generation()),
        [Seen::Demand(other, used(1, 2)), desk.wake()]
    );
    // 4. After five minutes so is the first.
    desk.now = desk.now + DOUBT - MINUTE;
    see(desk.bridge.on_wake(liar, desk.now));
    let seen = desk.rejected(liar, desk.generation());
    assert_eq!(seen, [Seen::Demand(liar, used(1, 2)), desk.wake()]);
}

#[test]
fn a_401_of_an_expired_token_is_explained() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    for number in 1..5 {
        desk.now = desk.now + 10 * MINUTE;
        let seen = desk.rejected(page, desk.generation());
        assert_eq!(seen, [Seen::Demand(page, used(1, number)), desk.wake()]);
        desk.now = desk.now + Duration::from_secs(1);
        let seen = desk.renew(Generation::new(1, number + 1), MINUTE);
        assert_eq!(seen, [desk.state(desk.slots)]);
        assert_eq!(desk.done(page, Ok(())), []);
        see(desk.bridge.on_wake(page, desk.now));
    }
}

#[test]
fn a_report_repeated_after_a_failure_is_no_second_one() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.rejected(page, desk.generation());
    let failed = json!({"v":1, "k":"err", "id":2, "code":"refresh_failed", "retry_ms":3000});
    assert_eq!(desk.done(page, Err(offline())), [Seen::Reply(2, failed)]);
    assert_eq!(
        desk.rejected(page, desk.generation()),
        [Seen::Demand(page, used(1, 1))]
    );
}

#[test]
fn a_token_about_to_end_is_renewed_and_one_with_a_life_is_given() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    assert_eq!(desk.expiring(page), [desk.state(2)]);
    desk.now = desk.now + 10 * MINUTE - MIN_TTL + Duration::from_secs(1);
    assert_eq!(desk.expiring(page), [Seen::Demand(page, FRESH), desk.wake()]);
    // It may fail: what is left is better than nothing.
    assert_eq!(desk.done(page, Err(offline())), [desk.state(3)]);
}

#[test]
fn a_rejection_is_not_answered_by_a_read() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.now = desk.now + 10 * MINUTE - MIN_TTL + Duration::from_secs(1);
    // 1. A read is under way when the same token is rejected.
    desk.expiring(page);
    assert_eq!(desk.rejected(page, desk.generation()), []);
    // 2. The read ends without a newer token; the rejection is asked for now.
    assert_eq!(
        desk.done(page, Ok(())),
        [desk.state(2), Seen::Demand(page, used(1, 1))]
    );
    assert_eq!(desk.renew(Generation::new(1, 2), MINUTE), [desk.state(3)]);
}

#[test]
fn a_hello_waits_for_a_token_and_is_content_without() {
    let mut desk = Desk::active();
    desk.standing.token = None;
    desk.observe();
    let page = desk.attach();
    assert_eq!(
        desk.hello(page, "d1", None),
        [Seen::Demand(page, FRESH), desk.wake()]
    );
    let [Seen::Reply(1, state)] = &desk.done(page, Err(offline()))[..] else {
        panic!("one reply");
    };
    assert_eq!((&state["st"], &state["at"]), (&json!("active"), &Value::Null));
    // The token comes later, of the same or a newer generation.
    assert_eq!(desk.renew(Generation::new(1, 1), MINUTE), [desk.notice(page)]);
}

#[test]
fn who_waits_too_long_is_answered_by_the_core() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.rejected(page, desk.generation());
    desk.now = desk.now + Duration::from_secs(5);
    assert_eq!(desk.rejected(page, desk.generation()), []);
    desk.now = desk.now + PATIENCE - Duration::from_secs(5);
    let next = Seen::WakeAt(desk.now + Duration::from_secs(5));
    let busy = json!({"v":1, "k":"err", "id":2, "code":"busy", "retry_ms":1000});
    assert_eq!(
        see(desk.bridge.on_wake(page, desk.now)),
        [Seen::Reply(2, busy), next]
    );
}

#[test]
fn a_question_too_many_is_refused() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    for _ in 0..MAX_WAITING {
        desk.rejected(page, desk.generation());
    }
    let seen = desk.rejected(page, desk.generation());
    let id = desk.slots;
    let busy = json!({"v":1, "k":"err", "id":id, "code":"busy", "retry_ms":2000});
    assert_eq!(seen, [Seen::Reply(id, busy)]);
}

#[test]
fn whoever_may_not_ask_gets_a_constant() {
    let mut desk = Desk::active();
    let page = desk.attach();
    let hello = r#"{"v":1,"k":"hello","id":1,"min":1,"max":1,"doc":"d","have":null}"#;
    let iframe = Sender {
        is_main_frame: false,
        ..Sender::main_frame(APP)
    };
    for sender in [
        iframe,
        Sender::main_frame("null"),
        Sender::main_frame(""),
        Sender::main_frame("about:blank"),
        Sender::main_frame("https://evil.com"),
        Sender::main_frame("https://app.example.com.evil.com"),
        Sender::main_frame("http://app.example.com"),
        Sender::main_frame("x".repeat(1 << 20)),
    ] {
        for text in [hello, "", "{}", &"[".repeat(100_000)] {
            let seen = desk.say_text(page, &sender, text);
            assert_eq!(
                seen,
                [Seen::Reply(
                    desk.slots,
                    json!({"v":1, "k":"err", "code":"denied"})
                )]
            );
        }
    }
    // Nor does it cost the page's own document anything.
    assert!(matches!(&desk.hello(page, "d", None)[..], [Seen::Reply(_, state)] if state["k"] == "state"));
}

#[test]
fn a_page_of_nobody_is_denied() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    see(desk.bridge.detach(page, desk.now));
    let denied = [Seen::Reply(2, json!({"v":1, "k":"err", "code":"denied"}))];
    assert_eq!(desk.hello(page, "d1", None), denied);
}

#[test]
fn a_document_that_did_not_greet_is_stale() {
    let mut desk = Desk::active();
    let page = desk.attach();
    assert_eq!(desk.expiring(page), [desk.stale(1)]);
    desk.hello(page, "d1", None);
    // 1. Another origin of the policy is another document.
    let need = json!({"k":"need", "used":null, "why":"expiring"});
    let seen = desk.say_as(page, &Sender::main_frame(SHOP), need.clone());
    assert_eq!(seen, [desk.stale(3)]);
    // 2. So is one that the platform names otherwise.
    let seen = desk.say_as(page, &Sender::main_frame(APP).document("7"), need);
    assert_eq!(seen, [desk.stale(4)]);
    // 3. After a commit the old one is.
    assert_eq!(desk.commit(page), []);
    assert_eq!(desk.expiring(page), [desk.stale(5)]);
}

#[test]
fn a_commit_a_bye_a_new_hello_and_a_detach_settle_who_waits() {
    let ends: [fn(&mut Desk, PageId) -> Vec<Seen>; 4] = [
        |desk, page| desk.commit(page),
        |desk, page| see(desk.bridge.detach(page, desk.now)),
        |desk, page| desk.say(page, json!({"k":"bye", "why":"pagehide"})),
        |desk, page| desk.hello(page, "d2", None),
    ];
    for end in ends {
        let mut desk = Desk::active();
        let page = desk.greeted();
        desk.rejected(page, desk.generation());
        let parked = desk.say(page, json!({"k":"watch", "have":desk.generation()}));
        assert_eq!(parked, []);
        let seen = end(&mut desk, page);
        assert_eq!(seen[..2], [desk.stale(2), desk.stale(3)]);
        // 2. Nothing is left to settle, and a new token does not reach the old document.
        for seen in desk.renew(Generation::new(1, 2), MINUTE) {
            assert_eq!(seen, desk.notice(page));
        }
        assert_eq!(desk.done(page, Ok(())), []);
    }
}

#[test]
fn a_demand_outlives_its_document_and_stays_the_only_one() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.rejected(page, desk.generation());
    desk.commit(page);
    desk.hello(page, "d2", None);
    assert_eq!(desk.rejected(page, desk.generation()), []);
    assert_eq!(desk.renew(Generation::new(1, 2), MINUTE), [desk.state(4)]);
}

#[test]
fn a_watch_is_parked_until_there_is_news() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    let watch = json!({"k":"watch", "have":desk.generation()});
    assert_eq!(desk.say(page, watch.clone()), []);
    // 1. A second one takes the place of the first.
    assert_eq!(desk.say(page, watch.clone()), [desk.stale(2)]);
    // 2. The news comes through it, and once.
    desk.renew(Generation::new(1, 2), MINUTE);
    let notify = |id: u64, desk: &Desk| {
        Seen::Reply(id, json!({"v":1, "k":"notify", "id":id, "gen":desk.generation()}))
    };
    let seen = desk.renew(Generation::new(1, 3), MINUTE);
    assert_eq!(seen, [desk.notice(page)]);
    // 3. A watcher that is behind is answered at once.
    assert_eq!(desk.say(page, watch), [notify(4, &desk)]);
    desk.say(page, json!({"k":"watch", "have":desk.generation()}));
    let seen = desk.end(EndReason::Revoked);
    assert!(matches!(&seen[..], [Seen::Reply(5, ended)] if ended["k"] == "ended"));
}

#[test]
fn an_older_look_at_the_session_changes_nothing() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    let before = desk.standing.clone();
    desk.renew(Generation::new(1, 2), MINUTE);
    assert_eq!(see(desk.bridge.observe(before, desk.now)), []);
    let seen = desk.hello(page, "d1", None);
    assert_eq!(seen, [desk.state(2)]);
}

#[test]
fn a_flood_costs_one_demand_and_bounded_memory() {
    let mut desk = Desk::active();
    let (page, other) = (desk.greeted(), desk.greeted());
    let mut demands = 0;
    for _ in 0..10_000 {
        let seen = desk.rejected(page, desk.generation());
        demands += seen
            .iter()
            .filter(|seen| matches!(seen, Seen::Demand(..)))
            .count();
    }
    assert_eq!(demands, 1);
    assert!(format!("{:?}", desk.bridge).len() < 64 * 1024);
    // The other page is served.
    assert_eq!(desk.expiring(other), [desk.state(desk.slots)]);
}

#[test]
fn the_list_of_pages_says_what_each_document_has() {
    let mut desk = Desk::active();
    let page = desk.attach();
    let list = |desk: &Desk| {
        desk.bridge
            .pages()
            .map(|(_, _, generation)| generation)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&desk), [None]);
    desk.hello(page, "d1", None);
    assert_eq!(list(&desk), [Some(Generation::new(1, 1))]);
    desk.renew(Generation::new(1, 2), MINUTE);
    // It cannot acknowledge what it was not sent.
    desk.say(page, json!({"k":"ack", "have":desk.generation()}));
    assert_eq!(list(&desk), [Some(Generation::new(1, 1))]);
    desk.hello(page, "d1", None);
    desk.say(page, json!({"k":"ack", "have":desk.generation()}));
    assert_eq!(list(&desk), [Some(Generation::new(1, 2))]);
}
