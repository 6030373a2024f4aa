//! Documents whose token the server rejects before its end.

use super::*;
use crate::bridge::DocumentResponse::{Again, Go};
use crate::bridge::reload::{MOST_OF_PAGE, SPAN};

const URL: &str = "https://app.example.com/orders";

/// A page whose cookie holds the session's token.
fn written(desk: &mut Desk) -> PageId {
    let policy = PagePolicy::new([APP])
        .unwrap()
        .cookie(Jar(7), "__Host-at")
        .unwrap();
    let page = desk.attach_as(policy);
    assert!(matches!(keep(desk)[..], [Seen::SetCookie(_, _, 1, ..)]));
    desk.bridge.on_cookie_done(Op(1), true);
    page
}

fn keep(desk: &mut Desk) -> Vec<Seen> {
    see(desk.bridge.keep_cookies(desk.now))
}

fn answer(desk: &mut Desk, page: PageId, url: &str, method: &str, status: u16) -> DocumentResponse {
    desk.bridge
        .on_document_response(page, url, method, status, desk.now)
}

/// What becomes of a request, and what else there is to do then.
fn request(desk: &mut Desk, page: PageId, url: &str, method: &str) -> (DocumentRequest, Vec<Seen>) {
    desk.bridge.on_sent_back(page, url, method, desk.now);
    let (ruling, steps) = desk.bridge.on_document_request(page, url, desk.now);
    let mut seen = see(steps);
    seen.extend(keep(desk));
    (ruling, seen)
}

/// 1. The app's clock says that the token lives; the server says 401.
/// 2. The answer is dropped, and the load that follows waits for another token than that.
/// 3. Its written cookie lets it go.
#[test]
fn a_rejected_document_is_loaded_again_with_another_token() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    assert_eq!(answer(&mut desk, page, URL, "GET", 200), Go);
    assert_eq!(answer(&mut desk, page, URL, "GET", 401), Again);
    let used = desk.standing.stamp.generation;
    let (ruling, seen) = request(&mut desk, page, URL, "GET");
    assert_eq!(ruling, DocumentRequest::Hold { op: Op(2) });
    assert_eq!(seen[1..], [Seen::Demand(page, Demand::Rejected { used })]);
    assert!(matches!(
        desk.renew(Generation::new(1, 2), 10 * MINUTE)[..],
        [Seen::SetCookie(_, _, 3, ..)]
    ));
    assert_eq!(desk.done(page, Ok(())), []);
    desk.bridge.on_cookie_done(Op(3), true);
    assert_eq!(keep(&mut desk), [Seen::Release(page, 2)]);
    assert_eq!(
        request(&mut desk, page, URL, "GET"),
        (DocumentRequest::Go, vec![])
    );
}

#[test]
fn a_form_that_the_server_sends_back_waits_for_another_token_and_is_never_loaded_again() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    assert_eq!(
        request(&mut desk, page, URL, "POST"),
        (DocumentRequest::Go, vec![])
    );
    assert_eq!(answer(&mut desk, page, URL, "POST", 401), Go);
    let back = "https://app.example.com/orders?x=y&retried=1";
    assert_eq!(
        request(&mut desk, page, back, "GET"),
        (DocumentRequest::Go, vec![])
    );
    let used = desk.standing.stamp.generation;
    let (ruling, seen) = request(&mut desk, page, back, "POST");
    assert_eq!(ruling, DocumentRequest::Hold { op: Op(2) });
    assert_eq!(seen[1..], [Seen::Demand(page, Demand::Rejected { used })]);
    // Nobody can help: it goes as it is.
    assert_eq!(desk.done(page, Err(offline())), [Seen::Release(page, 2)]);
}

#[test]
fn a_document_is_asked_for_again_twice_in_five_minutes_and_a_page_s_eight_times() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    let rulings = [(); 4].map(|()| answer(&mut desk, page, URL, "GET", 401));
    assert_eq!(rulings, [Again, Again, Go, Go]);
    let others = (0..20).map(|n| answer(&mut desk, page, &format!("{URL}/{n}"), "GET", 401));
    let again = others.filter(|ruling| *ruling == Again).count();
    assert_eq!(again, MOST_OF_PAGE - 2);
    desk.now = desk.now + SPAN;
    assert_eq!(answer(&mut desk, page, URL, "GET", 401), Again);
}

#[test]
fn whoever_is_signed_out_or_elsewhere_is_shown_what_the_server_says() {
    let mut desk = Desk::active();
    let plain = desk.attach();
    assert_eq!(
        answer(&mut desk, plain, URL, "GET", 401),
        Go,
        "it keeps no cookie"
    );
    let page = written(&mut desk);
    assert_eq!(
        answer(&mut desk, page, SHOP, "GET", 401),
        Go,
        "no origin of its policy"
    );
    assert_eq!(answer(&mut desk, page, URL, "GET", 403), Go, "no rejection");
    desk.sign_out();
    assert_eq!(answer(&mut desk, page, URL, "GET", 401), Go);
    desk.bridge.detach(page, desk.now);
    assert_eq!(answer(&mut desk, page, URL, "GET", 401), Go);
}

/// A page that reports nothing but is loaded again makes no exchange when the cookie has another token by then.
#[test]
fn a_rejection_of_an_older_token_costs_no_exchange() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    desk.renew(Generation::new(1, 2), 10 * MINUTE);
    assert_eq!(answer(&mut desk, page, URL, "GET", 401), Again);
    let (ruling, seen) = request(&mut desk, page, URL, "GET");
    assert_eq!(ruling, DocumentRequest::Hold { op: Op(3) });
    assert!(
        matches!(seen[..], [Seen::WakeAt(_)]),
        "it waits for the cookie alone"
    );
    desk.bridge.on_cookie_done(Op(2), true);
    assert_eq!(keep(&mut desk), [Seen::Release(page, 3)]);
}
