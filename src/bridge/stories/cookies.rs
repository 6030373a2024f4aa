//! Document requests that wait for their cookie.

use super::*;
use crate::bridge::cookies::{HOLD, MAX_HELD};

const URL: &str = "https://app.example.com/orders";
const NAME: &str = "__Host-at";

fn policy() -> PagePolicy {
    PagePolicy::new([APP]).unwrap().cookie(Jar(7), NAME).unwrap()
}

fn keep(desk: &mut Desk) -> Vec<Seen> {
    see(desk.bridge.keep_cookies(desk.now))
}

fn done(desk: &mut Desk, op: u64, ok: bool) -> Vec<Seen> {
    desk.bridge.on_cookie_done(Op(op), ok);
    keep(desk)
}

fn set(desk: &Desk, page: PageId, op: u64) -> Seen {
    let token = desk.standing.token.as_ref().unwrap().secret();
    let text = format!("{NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Lax");
    Seen::SetCookie(page, Jar(7), op, APP.into(), text)
}

fn deleted(page: PageId, op: u64) -> Seen {
    Seen::DeleteCookie(page, Jar(7), op, APP.into(), NAME.into())
}

/// What becomes of a request, and what else there is to do then.
fn request(desk: &mut Desk, page: PageId, url: &str) -> (DocumentRequest, Vec<Seen>) {
    let (ruling, steps) = desk.bridge.on_document_request(page, url, desk.now);
    let mut seen = see(steps);
    seen.extend(keep(desk));
    (ruling, seen)
}

fn held(op: u64) -> DocumentRequest {
    DocumentRequest::Hold { op: Op(op) }
}

/// A page whose cookie is written.
fn written(desk: &mut Desk) -> PageId {
    let page = desk.attach_as(policy());
    assert_eq!(keep(desk), [set(desk, page, 1)]);
    assert_eq!(done(desk, 1, true), []);
    page
}

#[test]
fn a_request_waits_for_the_refresh_and_for_the_written_cookie() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    assert_eq!(request(&mut desk, page, URL), (DocumentRequest::Go, vec![]));
    // 1. The cookie's token is about to end.
    desk.now = desk.now + 10 * MINUTE - MIN_TTL + Duration::from_secs(1);
    let wake = Seen::WakeAt(desk.now + HOLD);
    let asked = Seen::Demand(page, FRESH);
    assert_eq!(request(&mut desk, page, URL), (held(2), vec![wake, asked]));
    // 2. The new token alone lets nobody go; its written cookie does.
    assert_eq!(
        desk.renew(Generation::new(1, 2), 10 * MINUTE),
        [set(&desk, page, 3)]
    );
    assert_eq!(desk.done(page, Ok(())), []);
    assert_eq!(keep(&mut desk), []);
    assert_eq!(done(&mut desk, 3, true), [Seen::Release(page, 2)]);
    assert_eq!(request(&mut desk, page, URL), (DocumentRequest::Go, vec![]));
}

#[test]
fn a_request_waits_five_seconds_at_most() {
    let mut desk = Desk::active();
    let page = desk.attach_as(policy());
    let (ruling, _) = request(&mut desk, page, URL);
    assert_eq!(ruling, held(1));
    desk.now = desk.now + HOLD - Duration::from_millis(1);
    assert_eq!(keep(&mut desk), []);
    desk.now = desk.now + Duration::from_millis(1);
    assert_eq!(see(desk.bridge.on_wake(page, desk.now)), []);
    assert_eq!(keep(&mut desk), [Seen::Release(page, 1)]);
    // What hangs is given up, and the next token is written all the same.
    assert_eq!(
        desk.renew(Generation::new(1, 2), 10 * MINUTE),
        [set(&desk, page, 3)]
    );
}

#[test]
fn a_failed_refresh_or_write_lets_go() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    desk.now = desk.now + 10 * MINUTE;
    assert_eq!(request(&mut desk, page, URL).0, held(2));
    assert_eq!(desk.done(page, Err(offline())), [Seen::Release(page, 2)]);
    // A write that fails is tried with the next token.
    assert_eq!(desk.renew(Generation::new(1, 2), MINUTE), [set(&desk, page, 3)]);
    assert_eq!(request(&mut desk, page, URL).0, held(4));
    assert_eq!(done(&mut desk, 3, false), [Seen::Release(page, 4)]);
    assert_eq!(request(&mut desk, page, URL), (DocumentRequest::Go, vec![]));
    assert_eq!(desk.renew(Generation::new(1, 3), MINUTE), [set(&desk, page, 5)]);
}

#[test]
fn a_token_that_never_lives_long_is_waited_for_once() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    desk.now = desk.now + 10 * MINUTE;
    assert_eq!(request(&mut desk, page, URL).0, held(2));
    desk.renew(Generation::new(1, 2), Duration::from_secs(20));
    assert_eq!(desk.done(page, Ok(())), []);
    assert_eq!(done(&mut desk, 3, true), [Seen::Release(page, 2)]);
}

#[test]
fn a_sign_out_deletes_the_cookie_before_any_page_hears_of_it() {
    let mut desk = Desk::active();
    let other = desk.greeted();
    let page = written(&mut desk);
    desk.hello(page, "d1", None);
    let seen = desk.sign_out();
    assert_eq!(seen[0], deleted(page, 2));
    assert!(
        matches!(&seen[1..], [Seen::Notify(first, _), Seen::Notify(second, _)] if (*first, *second) == (other, page))
    );
    assert_eq!(done(&mut desk, 2, true), []);
    assert_eq!(request(&mut desk, page, URL), (DocumentRequest::Go, vec![]));
    // A write that was under way at a sign-out is deleted after it.
    desk.sign_in(3);
    desk.sign_out();
    assert_eq!(done(&mut desk, 3, true), [deleted(page, 4)]);
}

#[test]
fn what_an_earlier_run_left_is_swept() {
    let mut desk = Desk::restoring();
    let page = desk.attach_as(policy());
    assert_eq!(keep(&mut desk), []);
    // A request waits for what the start finds, and for the sweep.
    assert_eq!(request(&mut desk, page, URL).0, held(1));
    desk.standing.state = SessionState::SignedOut;
    assert_eq!(desk.observe(), [deleted(page, 2)]);
    assert_eq!(done(&mut desk, 2, true), [Seen::Release(page, 1)]);
    // Another page with the same jar has nothing to sweep.
    desk.attach_as(policy());
    assert_eq!(keep(&mut desk), []);
}

#[test]
fn only_documents_of_the_policy_s_origins_wait() {
    let mut desk = Desk::active();
    let (page, plain) = (desk.attach_as(policy()), desk.attach());
    for url in [
        "",
        "about:blank",
        "https://evil.com/",
        "http://app.example.com/",
        "blob:https://app.example.com/x",
    ] {
        assert_eq!(
            desk.bridge.on_document_request(page, url, desk.now).0,
            DocumentRequest::Go,
            "{url}"
        );
    }
    assert_eq!(
        desk.bridge.on_document_request(plain, URL, desk.now).0,
        DocumentRequest::Go
    );
    desk.standing.state = SessionState::Locked {
        cause: LockedCause::DeviceLocked,
    };
    desk.observe();
    assert_eq!(
        desk.bridge.on_document_request(page, URL, desk.now).0,
        DocumentRequest::Go
    );
}

#[test]
fn a_page_that_goes_leaves_no_request_and_no_write_behind() {
    let mut desk = Desk::active();
    let (page, other) = (desk.attach_as(policy()), desk.attach_as(policy()));
    assert_eq!(request(&mut desk, page, URL).0, held(1));
    assert_eq!(request(&mut desk, other, URL).0, held(3));
    assert_eq!(see(desk.bridge.detach(page, desk.now)), [Seen::Release(page, 1)]);
    assert_eq!(keep(&mut desk), [set(&desk, other, 4)]);
    assert_eq!(
        done(&mut desk, 2, true),
        [],
        "nobody waits for the first write any more"
    );
    assert_eq!(done(&mut desk, 4, true), [Seen::Release(other, 3)]);
}

#[test]
fn a_flood_of_requests_is_bounded() {
    let mut desk = Desk::active();
    let page = desk.attach_as(policy());
    let rulings = (0..1000).map(|_| desk.bridge.on_document_request(page, URL, desk.now).0);
    let waiting = rulings.filter(|ruling| *ruling != DocumentRequest::Go).count();
    assert_eq!(waiting, MAX_HELD);
}

#[test]
fn a_token_that_is_no_cookie_s_value_is_not_written() {
    for hostile in [
        "a; Domain=evil.com",
        "a\r\nSet-Cookie: b=c",
        "a,b",
        "a\"b",
        "a\\b",
        "\u{e9}",
        "a b",
    ] {
        let mut desk = Desk::active();
        let generation = desk.standing.stamp.generation;
        let token = AccessToken::new(hostile.into(), generation, desk.now, 10 * MINUTE);
        desk.standing.token = Some(token);
        desk.observe();
        let page = desk.attach_as(policy());
        assert_eq!(keep(&mut desk), [], "{hostile}");
        assert_eq!(request(&mut desk, page, URL).0, DocumentRequest::Go);
    }
}

#[test]
fn a_cookie_is_named_as_only_its_own_host_can_name_it_and_never_printed() {
    let base = || PagePolicy::new([APP]).unwrap();
    for name in [
        "",
        "at",
        "__Host-",
        "__Secure-at",
        "__Host-a;b",
        "__Host-a b",
        "__Host-a=b",
        "__host-at",
    ] {
        assert!(base().cookie(Jar(1), name).is_err(), "{name}");
    }
    let mut desk = Desk::active();
    desk.attach_as(policy());
    let printed = format!("{:?}", desk.bridge.keep_cookies(desk.now));
    let token = desk.standing.token.as_ref().unwrap().secret();
    assert!(printed.contains(NAME) && !printed.contains(token), "{printed}");
}

/// What becomes of the wish to show a page.
fn show(desk: &mut Desk, page: PageId) -> (DocumentRequest, Vec<Seen>) {
    let (ruling, steps) = desk.bridge.on_show_request(page, desk.now);
    let mut seen = see(steps);
    seen.extend(keep(desk));
    (ruling, seen)
}

#[test]
fn a_page_is_shown_when_its_token_lives_and_all_its_cookies_are_written() {
    let mut desk = Desk::active();
    let policy = PagePolicy::new([APP, SHOP])
        .unwrap()
        .cookie(Jar(7), NAME)
        .unwrap();
    let page = desk.attach_as(policy);
    let writes = keep(&mut desk);
    assert_eq!(writes.len(), 2);
    // 1. One cookie of two is no reason.
    assert_eq!(show(&mut desk, page).0, held(3));
    assert_eq!(done(&mut desk, 1, true), []);
    assert_eq!(done(&mut desk, 2, true), [Seen::Release(page, 3)]);
    assert_eq!(show(&mut desk, page), (DocumentRequest::Go, vec![]));
    // 2. On resume the token has ended.
    desk.now = desk.now + 10 * MINUTE;
    let wake = Seen::WakeAt(desk.now + HOLD);
    assert_eq!(
        show(&mut desk, page),
        (held(4), vec![wake, Seen::Demand(page, FRESH)])
    );
    assert_eq!(desk.renew(Generation::new(1, 2), 10 * MINUTE).len(), 2);
    assert_eq!(done(&mut desk, 5, true), []);
    assert_eq!(done(&mut desk, 6, true), [Seen::Release(page, 4)]);
}

#[test]
fn a_page_without_cookies_is_shown_when_its_token_lives() {
    let mut desk = Desk::restoring();
    let page = desk.attach();
    assert_eq!(show(&mut desk, page).0, held(1), "nobody knows yet");
    assert_eq!(desk.sign_in(1), [Seen::Release(page, 1)]);
    desk.now = desk.now + 10 * MINUTE;
    assert_eq!(show(&mut desk, page).0, held(2));
    assert_eq!(
        desk.done(page, Err(offline())),
        [Seen::Release(page, 2)],
        "it is shown all the same"
    );
    desk.sign_out();
    assert_eq!(show(&mut desk, page), (DocumentRequest::Go, vec![]));
    let nobody = PageId::from_number(7).unwrap();
    assert_eq!(show(&mut desk, nobody), (DocumentRequest::Go, vec![]));
}

#[test]
fn after_a_sign_out_no_request_goes_with_the_old_cookie() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    assert_eq!(desk.sign_out(), [deleted(page, 2)]);
    assert_eq!(request(&mut desk, page, URL).0, held(3));
    assert_eq!(done(&mut desk, 2, true), [Seen::Release(page, 3)]);
    assert_eq!(request(&mut desk, page, URL), (DocumentRequest::Go, vec![]));
}

#[test]
fn a_request_before_the_sweep_is_done_waits_for_it() {
    let mut desk = Desk::restoring();
    let page = desk.attach_as(policy());
    assert_eq!(request(&mut desk, page, URL).0, held(1));
    assert_eq!(desk.sign_out(), [deleted(page, 2)]);
    assert_eq!(keep(&mut desk), []);
    assert_eq!(
        done(&mut desk, 2, false),
        [Seen::Release(page, 1)],
        "what cannot be deleted is no reason to wait"
    );
}
