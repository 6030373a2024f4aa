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
