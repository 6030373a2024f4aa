//! Refresh, then reload.

use super::*;
use crate::bridge::reload::{MOST_OF_PAGE, SPAN};

const URL: &str = "https://app.example.com/orders?key=s3cr3t#top";

fn reload() -> PagePolicy {
    PagePolicy::new([APP]).unwrap().strategy(Strategy::Reload)
}

/// A page of that policy whose document was loaded so and has greeted.
fn loaded(desk: &mut Desk, policy: PagePolicy, url: &str, method: &str) -> PageId {
    let page = desk.attach_as(policy);
    load(desk, page, url, method);
    page
}

fn load(desk: &mut Desk, page: PageId, url: &str, method: &str) -> Vec<Seen> {
    let seen = see(desk.bridge.on_committed(page, url, method, desk.now));

    let doc = format!("d{}", desk.slots);
    desk.hello(page, &doc, None);
    seen
}

fn renew(desk: &mut Desk) -> Vec<Seen> {
    desk.renew(desk.standing.stamp.generation.next(), 10 * MINUTE)
}

#[test]
fn the_asker_and_the_others_are_loaded_again_and_pages_of_another_policy_are_not() {
    let mut desk = Desk::active();
    let asker = loaded(&mut desk, reload(), URL, "GET");
    let other = loaded(&mut desk, reload(), URL, "get");
    let inject = desk.greeted();
    // 1. The asker reports its token; the new one brings a reload instead of an answer.
    let seen = desk.rejected(asker, desk.generation());
    let question = desk.slots;
    assert_eq!(seen, [Seen::Demand(asker, used(1, 1)), desk.wake()]);
    let seen = renew(&mut desk);
    assert_eq!(
        seen,
        [Seen::Reload(asker), Seen::Reload(other), desk.notice(inject)]
    );
    assert_eq!(desk.done(asker, Ok(())), []);
    // 2. Whatever the old document still asks waits: a call replayed now would be broken off.
    for message in [
        json!({"k":"need", "used":{"s":"5704e", "e":1, "g":1}, "why":"401"}),
        json!({"k":"need", "used":null, "why":"expiring"}),
        json!({"k":"watch", "have":{"s":"5704e", "e":1, "g":1}}),
    ] {
        assert_eq!(desk.say(asker, message), []);
    }
    // 3. The commit settles all of it, and the new document has the new token.
    let seen = see(desk.bridge.on_committed(asker, URL, "GET", desk.now));
    let stale: Vec<_> = (question..=question + 3).map(|id| desk.stale(id)).collect();
    assert_eq!(seen, stale);
    assert_eq!(
        desk.hello(asker, "new", None),
        [desk.state_as(desk.slots, "reload")]
    );
    // 4. The other way round: an injecting page asks.
    desk.hello(inject, "d1", None);
    desk.rejected(inject, desk.generation());
    let seen = renew(&mut desk);
    let answer = desk.state(desk.slots);
    assert_eq!(seen, [Seen::Reload(asker), Seen::Reload(other), answer]);
}

#[test]
fn what_did_not_come_by_get_is_never_loaded_again() {
    let mut desk = Desk::active();
    let posted = loaded(&mut desk, reload(), URL, "POST");
    // Nobody said how this one was loaded.
    let unknown = desk.attach_as(reload());
    desk.hello(unknown, "d1", None);
    desk.rejected(posted, desk.generation());
    let question = desk.slots;
    let seen = renew(&mut desk);
    assert_eq!(seen, [desk.state_as(question, "reload"), desk.notice(unknown)]);
}

#[test]
fn a_page_is_loaded_again_twice_in_five_minutes_for_one_url() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    // Another fragment is the same document.
    for url in ["https://app.example.com/orders?key=s3cr3t", URL] {
        assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
        load(&mut desk, page, url, "GET");
        desk.now = desk.now + Duration::from_secs(1);
    }
    // 1. The third new token is pulled.
    assert_eq!(renew(&mut desk), [desk.notice(page)]);
    let url = "https://app.example.com/basket";
    // 2. Another URL counts for itself.
    load(&mut desk, page, url, "GET");
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
    // 3. After five minutes the first URL may be loaded again.
    load(&mut desk, page, URL, "GET");
    desk.now = desk.now + SPAN;
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
}

#[test]
fn a_page_that_gives_itself_new_urls_gets_no_more_reloads_for_that() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    let mut reloads = 0;
    for n in 0..20 {
        load(&mut desk, page, &format!("https://app.example.com/{n}"), "GET");
        reloads += renew(&mut desk)
            .iter()
            .filter(|seen| **seen == Seen::Reload(page))
            .count();
    }
    assert_eq!(reloads, MOST_OF_PAGE);
}

#[test]
fn a_hidden_page_is_loaded_again_when_it_is_shown() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    assert_eq!(see(desk.bridge.on_visibility(page, false, desk.now)), []);
    // 1. However many new tokens come meanwhile.
    for _ in 0..5 {
        assert_eq!(renew(&mut desk), []);
    }
    // 2. It is one reload.
    let shown = see(desk.bridge.on_visibility(page, true, desk.now));
    assert_eq!(shown, [Seen::Reload(page)]);
    assert_eq!(see(desk.bridge.on_visibility(page, true, desk.now)), []);
    load(&mut desk, page, URL, "GET");
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
}

#[test]
fn a_reload_that_does_not_come_leaves_nobody_waiting() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    desk.rejected(page, desk.generation());
    let question = desk.slots;
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
    desk.done(page, Ok(()));
    desk.now = desk.now + PATIENCE;
    let seen = see(desk.bridge.on_wake(page, desk.now));
    assert_eq!(seen, [desk.state_as(question, "reload")]);
    // With the next new token the host is told again.
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
}

#[test]
fn the_end_of_a_session_loads_nothing_again() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    desk.rejected(page, desk.generation());
    let id = desk.slots;
    let seen = desk.end(EndReason::Revoked);
    assert!(matches!(&seen[..], [Seen::Reply(answered, ended)] if *answered == id && ended["k"] == "ended"));
    desk.sign_in(2);
    assert_eq!(see(desk.bridge.on_visibility(page, true, desk.now)), []);
}

#[test]
fn a_failed_refresh_loads_nothing_again() {
    let mut desk = Desk::active();
    let page = loaded(&mut desk, reload(), URL, "GET");
    desk.rejected(page, desk.generation());
    let failed = json!({"v":1, "k":"err", "id":desk.slots, "code":"refresh_failed", "retry_ms":3000});
    assert_eq!(desk.done(page, Err(offline())), [Seen::Reply(desk.slots, failed)]);
}

#[test]
fn no_url_is_kept_to_be_printed() {
    let mut desk = Desk::active();
    loaded(&mut desk, reload(), URL, "GET");
    renew(&mut desk);
    let printed = format!("{:?}", desk.bridge);
    assert!(printed.contains("by_get: true"), "{printed}");
    assert!(
        !printed.contains("s3cr3t") && !printed.contains("orders"),
        "{printed}"
    );
}
