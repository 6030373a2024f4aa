//! The guarded push.

use super::*;

fn push() -> PagePolicy {
    PagePolicy::new([APP, SHOP]).unwrap().guarded_push()
}

fn pushed(desk: &Desk, page: PageId) -> Seen {
    Seen::Push(page, APP.into(), desk.stated(None, "inject"))
}

fn renew(desk: &mut Desk) -> Vec<Seen> {
    desk.renew(desk.standing.stamp.generation.next(), 10 * MINUTE)
}

#[test]
fn a_page_that_never_greets_is_pushed_each_new_token() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    assert_eq!(renew(&mut desk), [], "nothing is there yet");
    assert_eq!(desk.commit(page), [pushed(&desk, page)]);
    for _ in 0..3 {
        let seen = renew(&mut desk);
        assert_eq!(seen, [pushed(&desk, page)]);
        assert_eq!(desk.observe(), []);
    }
}

#[test]
fn a_push_that_arrived_is_as_good_as_an_acknowledgement() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.commit(page);
    desk.hello(page, "d1", None);
    desk.say(page, json!({"k":"ack", "have":desk.generation()}));
    let listed = |desk: &Desk| {
        desk.bridge
            .pages()
            .next()
            .and_then(|(_, _, generation)| generation)
    };
    renew(&mut desk);
    assert_eq!(listed(&desk), Some(Generation::new(1, 1)), "on its way");
    desk.bridge.on_pushed(page, Pushed::Taken);
    assert_eq!(listed(&desk), Some(Generation::new(1, 2)));
}

#[test]
fn nothing_is_pushed_without_the_opt_in() {
    let mut desk = Desk::active();
    let page = desk.attach();
    assert_eq!(desk.commit(page), []);
    assert_eq!(renew(&mut desk), []);
}

#[test]
fn nothing_is_pushed_to_documents_of_other_origins() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    for url in [
        "",
        "about:blank",
        "https://evil.com/https://app.example.com",
        "https://app.example.com.evil.com/",
        "https://app.example.com@evil.com/",
        "https://app.example.com:8443/",
        "http://app.example.com/",
        "data:text/html,https://app.example.com",
        "blob:https://app.example.com/9115d58c-bcda-ff47-86e5-083e9a215304",
        "filesystem:https://app.example.com/x",
        "javascript:1",
    ] {
        desk.commit(page);
        assert_eq!(
            see(desk.bridge.on_committed(page, url, "GET", desk.now)),
            [],
            "{url}"
        );
        assert_eq!(renew(&mut desk), [], "{url}");
    }
}

#[test]
fn a_pushed_document_never_gets_the_next_account_s_token() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.commit(page);
    let ended = json!({"v":1, "k":"ended", "gen":desk.generation(), "reason":"signed_out"});
    assert_eq!(desk.sign_out(), [Seen::Push(page, APP.into(), ended)]);
    assert_eq!(desk.sign_in(3), []);
    // 1. A greeting makes no other document of it.
    assert!(matches!(&desk.hello(page, "d1", None)[..], [Seen::Reply(_, told)] if told["k"] == "ended"));
    assert_eq!(renew(&mut desk), []);
    // 2. A commit does.
    assert_eq!(desk.commit(page), [pushed(&desk, page)]);
}

#[test]
fn a_document_that_greeted_is_answered_and_pushed_to() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.commit(page);
    assert_eq!(desk.hello(page, "d1", None), [desk.state(1)]);
    // 1. What it asked is its answer, and the answer is enough.
    assert_eq!(
        desk.rejected(page, desk.generation()),
        [Seen::Demand(page, used(1, 1)), desk.wake()]
    );
    assert_eq!(renew(&mut desk), [desk.state(2)]);
    desk.done(page, Ok(()));
    // 2. What it did not ask is pushed, or comes through its `watch`, without the token.
    assert_eq!(renew(&mut desk), [pushed(&desk, page)]);
    desk.say(page, json!({"k":"watch", "have":desk.generation()}));
    let seen = renew(&mut desk);
    assert!(
        matches!(&seen[..], [Seen::Reply(3, notice)] if notice["k"] == "notify"),
        "{seen:?}"
    );
}

#[test]
fn a_token_is_asked_for_when_there_is_none_to_push() {
    let mut desk = Desk::active();
    desk.now = desk.now + 10 * MINUTE;
    desk.standing.token = None;
    desk.observe();
    let page = desk.attach_as(push());
    assert_eq!(desk.commit(page), [Seen::Demand(page, FRESH)]);
    assert_eq!(desk.commit(page), [], "one demand at a time");
    let seen = renew(&mut desk);
    assert_eq!(seen, [pushed(&desk, page)]);
    assert_eq!(desk.done(page, Ok(())), []);
}

#[test]
fn a_page_that_is_loaded_again_is_not_pushed_to() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push().strategy(Strategy::Reload));
    let state = |desk: &Desk| Seen::Push(page, APP.into(), desk.stated(None, "reload"));
    assert_eq!(desk.commit(page), [state(&desk)]);
    assert_eq!(renew(&mut desk), [Seen::Reload(page)]);
    assert_eq!(desk.commit(page), [state(&desk)]);
}

fn reject(desk: &mut Desk, page: PageId) -> Vec<Seen> {
    see(desk.bridge.on_rejected(page, desk.now))
}

#[test]
fn nothing_is_pushed_before_the_host_has_seen_the_document_s_own_origin() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    let commit = |desk: &mut Desk| see(desk.bridge.on_committed(page, APP, "GET", desk.now));
    // 1. Nobody has looked: not the token, not the next one, not the end.
    assert_eq!(commit(&mut desk), []);
    assert_eq!(renew(&mut desk), []);
    assert_eq!(reject(&mut desk, page), []);
    // 2. A document in a sandbox has its URL's `location`, and an opaque origin.
    for other in [
        "null",
        SHOP,
        "",
        "https://app.example.com:8443",
        "https://app.example.com/",
    ] {
        assert_eq!(desk.look(page, other), [], "{other}");
        assert_eq!(renew(&mut desk), [], "{other}");
        assert_eq!(reject(&mut desk, page), [], "{other}");
    }
    // 3. Its own.
    assert_eq!(desk.look(page, APP), [pushed(&desk, page)]);
    assert_eq!(desk.look(page, APP), [], "it has it");
    // 4. What was seen is of that document.
    assert_eq!(commit(&mut desk), []);
    assert_eq!(renew(&mut desk), []);
    assert_eq!(desk.sign_out(), []);
    let seen = desk.look(page, APP);
    assert!(
        matches!(&seen[..], [Seen::Push(_, _, told)] if told["k"] == "ended"),
        "{seen:?}"
    );
}

#[test]
fn a_host_without_an_isolated_world_says_so_for_each_document() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    assert_eq!(see(desk.bridge.on_committed(page, APP, "GET", desk.now)), []);
    let unseen = see(desk
        .bridge
        .on_document_origin(page, &DocumentOrigin::DangerUnseen, desk.now));
    assert_eq!(unseen, [pushed(&desk, page)]);
    // Of no document of the policy's, it is no word.
    see(desk
        .bridge
        .on_committed(page, "https://evil.com/", "GET", desk.now));
    let unseen = see(desk
        .bridge
        .on_document_origin(page, &DocumentOrigin::DangerUnseen, desk.now));
    assert_eq!(unseen, []);
}

#[test]
fn a_push_that_did_not_arrive_goes_again() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    assert_eq!(desk.commit(page), [pushed(&desk, page)]);
    desk.bridge.on_pushed(page, Pushed::from_result(Some("k")));
    assert_eq!(desk.look(page, APP), []);
    // 1. No client was there yet, or the script was not evaluated.
    for result in [Some("c"), Some("\"k\""), None] {
        desk.bridge.on_pushed(page, Pushed::from_result(result));
        assert_eq!(desk.observe(), [], "not by itself");
        assert_eq!(desk.look(page, APP), [pushed(&desk, page)], "{result:?}");
    }
    desk.bridge.on_pushed(page, Pushed::NoClient);
    assert_eq!(
        reject(&mut desk, page),
        [pushed(&desk, page)],
        "it was not sent this token"
    );
    // 2. It was another document than the host had looked at.
    desk.bridge.on_pushed(page, Pushed::from_result(Some("o")));
    assert_eq!(renew(&mut desk), []);
    assert_eq!(desk.look(page, APP), [pushed(&desk, page)]);
    // 3. The end, too.
    let ended = desk.sign_out();
    assert!(matches!(&ended[..], [Seen::Push(_, _, told)] if told["k"] == "ended"));
    desk.bridge.on_pushed(page, Pushed::NoClient);
    assert_eq!(desk.look(page, APP), ended);
    assert_eq!(desk.look(page, APP), []);
}

#[test]
fn a_document_that_cannot_ask_asks_through_its_host() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.commit(page);
    // 1. One demand, however often the host says so.
    assert_eq!(reject(&mut desk, page), [Seen::Demand(page, used(1, 1))]);
    assert_eq!(reject(&mut desk, page), []);
    // 2. What comes of it is pushed.
    assert_eq!(renew(&mut desk), [pushed(&desk, page)]);
    assert_eq!(desk.done(page, Ok(())), []);
    // 3. It is believed as little as a page: the second report that the clock does not explain is none.
    assert_eq!(reject(&mut desk, page), []);
    desk.now = desk.now + DOUBT;
    assert_eq!(reject(&mut desk, page), [Seen::Demand(page, used(1, 2))]);
    // 4. A failure can be reported again.
    assert_eq!(desk.done(page, Err(offline())), []);
    assert_eq!(reject(&mut desk, page), [Seen::Demand(page, used(1, 2))]);
}

#[test]
fn a_report_of_the_host_waits_for_the_demand_that_does_not_cover_it() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.now = desk.now + 10 * MINUTE - MIN_TTL + Duration::from_secs(1);
    let asked = desk.commit(page);
    assert_eq!(asked, [pushed(&desk, page), Seen::Demand(page, FRESH)]);
    assert_eq!(reject(&mut desk, page), []);
    assert_eq!(desk.done(page, Err(offline())), [Seen::Demand(page, used(1, 1))]);
    // A commit takes it back.
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.now = desk.now + 10 * MINUTE - MIN_TTL + Duration::from_secs(1);
    desk.commit(page);
    assert_eq!(reject(&mut desk, page), []);
    desk.commit(page);
    assert_eq!(desk.done(page, Err(offline())), []);
}

#[test]
fn a_flood_of_reports_of_the_host_is_bounded() {
    let mut desk = Desk::active();
    let page = desk.attach_as(push());
    desk.commit(page);
    let mut pushes = 0;
    for _ in 0..10_000 {
        desk.bridge.on_pushed(page, Pushed::NoClient);
        pushes += reject(&mut desk, page).len();
    }
    assert_eq!(pushes, crate::bridge::meter::BURST as usize);
}
