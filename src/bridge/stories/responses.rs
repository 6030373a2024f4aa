//! Documents whose token the server rejects before its end.

use super::*;
use crate::bridge::DocumentResponse::{self, Again, Go};
use crate::bridge::cookies::HOLD;
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

/// What becomes of an answer, and what else there is to do then.
fn answered(desk: &mut Desk, page: PageId, url: &str, status: u16) -> (DocumentResponse, Vec<Seen>) {
    let (ruling, steps) = desk
        .bridge
        .on_document_response(page, url, "GET", status, desk.now);
    let mut seen = see(steps);
    seen.extend(keep(desk));
    (ruling, seen)
}

fn answer(desk: &mut Desk, page: PageId, url: &str, status: u16) -> DocumentResponse {
    answered(desk, page, url, status).0
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
/// 2. The answer is dropped, and the load that is to follow waits for another token. So does any other request.
/// 3. Its written cookie lets both go.
#[test]
fn a_rejected_document_is_loaded_again_with_another_token() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    assert_eq!(answered(&mut desk, page, URL, 200), (Go, vec![]));
    let used = desk.standing.stamp.generation;
    let wake = Seen::WakeAt(desk.now + HOLD);
    let asked = Seen::Demand(page, Demand::Rejected { used });
    let dropped = Again { op: Op(2) };
    assert_eq!(answered(&mut desk, page, URL, 401), (dropped, vec![wake, asked]));
    let (ruling, _) = request(&mut desk, page, URL, "POST");
    assert_eq!(ruling, DocumentRequest::Hold { op: Op(3) });
    assert!(matches!(
        desk.renew(Generation::new(1, 2), 10 * MINUTE)[..],
        [Seen::SetCookie(_, _, 4, ..)]
    ));
    assert_eq!(desk.done(page, Ok(())), []);
    desk.bridge.on_cookie_done(Op(4), true);
    assert_eq!(keep(&mut desk), [Seen::Release(page, 2), Seen::Release(page, 3)]);
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
    let (ruling, _) = desk.bridge.on_document_response(page, URL, "POST", 401, desk.now);
    assert_eq!(ruling, Go);
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
    let rulings = [(); 4].map(|()| answer(&mut desk, page, URL, 401));
    assert!(
        matches!(rulings, [Again { .. }, Again { .. }, Go, Go]),
        "{rulings:?}"
    );
    let others = (0..20).map(|n| answer(&mut desk, page, &format!("{URL}/{n}"), 401));
    let again = others.filter(|ruling| *ruling != Go).count();
    assert_eq!(again, MOST_OF_PAGE - 2);
    desk.now = desk.now + SPAN;
    assert_ne!(answer(&mut desk, page, URL, 401), Go);
}

#[test]
fn whoever_is_signed_out_or_elsewhere_is_shown_what_the_server_says() {
    let mut desk = Desk::active();
    let plain = desk.attach();
    assert_eq!(answer(&mut desk, plain, URL, 401), Go, "it keeps no cookie");
    let page = written(&mut desk);
    assert_eq!(answer(&mut desk, page, SHOP, 401), Go, "no origin of its policy");
    assert_eq!(answer(&mut desk, page, URL, 403), Go, "no rejection");
    desk.sign_out();
    assert_eq!(answer(&mut desk, page, URL, 401), Go);
    desk.bridge.detach(page, desk.now);
    assert_eq!(answer(&mut desk, page, URL, 401), Go);
}

#[test]
fn a_rejection_of_an_older_token_costs_no_exchange() {
    let mut desk = Desk::active();
    let page = written(&mut desk);
    desk.renew(Generation::new(1, 2), 10 * MINUTE);
    let (ruling, seen) = answered(&mut desk, page, URL, 401);
    assert_eq!(ruling, Again { op: Op(3) });
    assert!(
        matches!(seen[..], [Seen::WakeAt(_)]),
        "it waits for the cookie alone"
    );
    desk.bridge.on_cookie_done(Op(2), true);
    assert_eq!(keep(&mut desk), [Seen::Release(page, 3)]);
}
