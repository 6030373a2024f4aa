//! The page refreshes itself.

use super::*;
use crate::bridge::desk::REFRESH_TOKEN;
use crate::bridge::lease::BAR;
use crate::token::TokenSet;

const TTL: Duration = Duration::from_secs(20);

/// Pages of both origins may have tokens; only those of one may be lent the refresh token.
fn policy() -> PagePolicy {
    PagePolicy::new([APP, SHOP]).unwrap().self_refresh([APP]).unwrap()
}

fn greeted(desk: &mut Desk) -> PageId {
    let page = desk.attach_as(policy());
    desk.hello(page, "d1", None);
    page
}

fn ask(desk: &mut Desk, page: PageId) -> Vec<Seen> {
    desk.say(page, json!({"k":"lease"}))
}

/// A page that has asked and was lent.
fn borrower(desk: &mut Desk) -> (PageId, Loan) {
    let page = greeted(desk);
    ask(desk, page);
    let loan = desk.loan();
    assert!(matches!(&desk.lent(page, &loan)[..], [Seen::Reply(..)]));
    (page, loan)
}

fn hand_over(desk: &mut Desk, page: PageId, lease: &str, base: &Value) -> Vec<Seen> {
    desk.say(
        page,
        json!({"k":"handover", "lease":lease, "base":base, "at":"a2", "rt":"r2", "exp":60_000}),
    )
}

fn brought() -> TokenSet {
    TokenSet::refresh_token("r2")
        .access_token("a2")
        .expires_in(MINUTE)
}

fn error(id: u64, code: &str, retry: Option<Duration>) -> Seen {
    let mut value = json!({"v":1, "k":"err", "id":id, "code":code});
    if let Some(retry) = retry {
        value["retry_ms"] = json!(u64::try_from(retry.as_millis()).unwrap());
    }
    Seen::Reply(id, value)
}

#[test]
fn a_page_borrows_hands_over_and_every_page_is_renewed() {
    let mut desk = Desk::active();
    let (page, other) = (greeted(&mut desk), desk.greeted());
    let lease = Demand::Lease {
        used: Generation::new(1, 1),
    };
    assert_eq!(ask(&mut desk, page), [Seen::Demand(page, lease), desk.wake()]);
    // 1. The session lends.
    let loan = desk.loan();
    let base = desk.generation();
    let told = json!({"v":1, "k":"lease", "id":3, "lease":loan.lease.to_string(), "ttl":20_000, "base":base,
        "rt":REFRESH_TOKEN, "key":loan.attempt_key.expose()});
    assert_eq!(desk.lent(page, &loan), [Seen::Reply(3, told)]);
    // 2. The page brings the new pair, which goes to be saved; the page waits for that.
    let seen = hand_over(&mut desk, page, &loan.lease.to_string(), &base);
    assert_eq!(
        seen,
        [Seen::Return(
            page,
            loan.lease.to_string(),
            Return::HandedOver(brought())
        )]
    );
    // 3. Saved: the page has its answer, the other is told.
    let seen = desk.renew(Generation::new(1, 2), MINUTE);
    assert_eq!(seen, [desk.state_as(4, "self"), desk.notice(other)]);
    assert_eq!(desk.done(page, Ok(())), []);
    // 4. It may borrow again when it is rejected again.
    desk.now = desk.now + DOUBT;
    let lease = Demand::Lease {
        used: Generation::new(1, 2),
    };
    assert_eq!(ask(&mut desk, page)[..1], [Seen::Demand(page, lease)]);
}

#[test]
fn only_pages_of_the_stricter_list_are_lent_to() {
    let mut desk = Desk::active();
    let page = desk.attach_as(policy());
    let shop = Sender::main_frame(SHOP);
    let hello = json!({"k":"hello", "min":1, "max":1, "doc":"d1", "have":null});
    desk.say_as(page, &shop, hello);
    assert_eq!(
        desk.say_as(page, &shop, json!({"k":"lease"})),
        [error(2, "denied", None)]
    );
    // Nor a page of any other policy.
    let inject = desk.greeted();
    assert_eq!(ask(&mut desk, inject), [error(4, "unsupported", None)]);
    // Nor who asks from a frame, or did not greet.
    let page = desk.attach_as(policy());
    assert_eq!(ask(&mut desk, page), [error(5, "stale", None)]);
    let iframe = Sender {
        is_main_frame: false,
        ..Sender::main_frame(APP)
    };
    let denied = Seen::Reply(6, json!({"v":1, "k":"err", "code":"denied"}));
    assert_eq!(desk.say_as(page, &iframe, json!({"k":"lease"})), [denied]);
}

#[test]
fn a_document_without_the_newest_token_is_given_that_instead() {
    let mut desk = Desk::active();
    let page = greeted(&mut desk);
    desk.renew(Generation::new(1, 2), 10 * MINUTE);
    assert_eq!(ask(&mut desk, page), [desk.state_as(2, "self")]);
}

#[test]
fn who_waits_for_a_lease_takes_a_newer_token() {
    let mut desk = Desk::active();
    let page = greeted(&mut desk);
    ask(&mut desk, page);
    let seen = desk.renew(Generation::new(1, 2), 10 * MINUTE);
    assert_eq!(seen, [desk.state_as(2, "self")]);
    // An offer that comes all the same has not left.
    let loan = desk.loan();
    let unused = Seen::Return(page, loan.lease.to_string(), Return::Unused);
    assert_eq!(desk.lent(page, &loan), [unused]);
}

#[test]
fn an_offer_for_which_nobody_waits_any_more_has_not_left() {
    let ends: [fn(&mut Desk, PageId); 4] = [
        |desk, page| drop(desk.commit(page)),
        |desk, page| drop(see(desk.bridge.detach(page, desk.now))),
        |desk, _| drop(desk.sign_out()),
        |desk, page| {
            desk.now = desk.now + PATIENCE;
            drop(see(desk.bridge.on_wake(page, desk.now)));
        },
    ];
    for end in ends {
        let mut desk = Desk::active();
        let page = greeted(&mut desk);
        ask(&mut desk, page);
        let loan = desk.loan();
        end(&mut desk, page);
        let unused = Seen::Return(page, loan.lease.to_string(), Return::Unused);
        assert_eq!(desk.lent(page, &loan), [unused]);
    }
}

#[test]
fn a_foreign_stale_or_late_hand_over_is_refused_and_takes_nothing_from_the_lease() {
    let mut desk = Desk::active();
    let (page, loan) = borrower(&mut desk);
    let (other, iframe) = (greeted(&mut desk), Sender::main_frame(APP).document("another"));
    let (lease, base) = (loan.lease.to_string(), desk.generation());
    let stale = |desk: &Desk| [desk.stale(desk.slots)];
    // 1. Another page, another document, another lease, another generation.
    assert_eq!(hand_over(&mut desk, other, &lease, &base), stale(&desk));
    let message = json!({"k":"handover", "lease":lease, "base":base, "at":"a2", "exp":60_000});
    assert_eq!(desk.say_as(page, &iframe, message), stale(&desk));
    assert_eq!(hand_over(&mut desk, page, "another", &base), stale(&desk));
    for wrong in [
        json!({"s":"5704e", "e":1, "g":2}),
        json!({"s":"5704e", "e":2, "g":1}),
        json!({"s":"0ther", "e":1, "g":1}),
    ] {
        assert_eq!(hand_over(&mut desk, page, &lease, &wrong), stale(&desk));
    }
    // 2. In the last moment its own is taken, and once.
    desk.now = desk.now + TTL - Duration::from_millis(1);
    assert!(matches!(
        &hand_over(&mut desk, page, &lease, &base)[..],
        [Seen::Return(..), ..]
    ));
    assert_eq!(hand_over(&mut desk, page, &lease, &base), stale(&desk));
    // 3. Too late.
    let mut desk = Desk::active();
    let (page, loan) = borrower(&mut desk);
    desk.now = desk.now + TTL;
    let base = desk.generation();
    assert_eq!(
        hand_over(&mut desk, page, &loan.lease.to_string(), &base),
        stale(&desk)
    );
}

#[test]
fn one_lapse_bars_the_page_for_ten_minutes_and_no_other() {
    let mut desk = Desk::active();
    let (page, _) = borrower(&mut desk);
    let other = greeted(&mut desk);
    // 1. A second lease beside the first there is none.
    assert_eq!(
        ask(&mut desk, page),
        [error(desk.slots, "busy", Some(Duration::from_secs(2)))]
    );
    // 2. The lease lapses, and the core's own exchange brings a token.
    desk.now = desk.now + TTL;
    desk.renew(Generation::new(1, 2), 60 * MINUTE);
    desk.done(page, Ok(()));
    desk.hello(page, "d1", None);
    desk.hello(other, "d1", None);
    assert_eq!(ask(&mut desk, page), [error(desk.slots, "rate", Some(BAR))]);
    // 3. Another document of the page is barred too; its ordinary question is not.
    desk.commit(page);
    desk.hello(page, "d2", None);
    desk.now = desk.now + DOUBT;
    assert_eq!(
        ask(&mut desk, page),
        [error(desk.slots, "rate", Some(BAR - DOUBT))]
    );
    assert_eq!(desk.expiring(page), [desk.state_as(desk.slots, "self")]);
    // 4. The other page is not barred, nor is this one after ten minutes.
    assert!(matches!(&ask(&mut desk, other)[..], [Seen::Demand(..), ..]));
    desk.now = desk.now + BAR - DOUBT;
    assert!(matches!(&ask(&mut desk, page)[..], [Seen::Demand(..), ..]));
}

#[test]
fn a_document_that_is_gone_forfeits_its_lease() {
    let ends: [fn(&mut Desk, PageId) -> Vec<Seen>; 4] = [
        |desk, page| desk.commit(page),
        |desk, page| see(desk.bridge.detach(page, desk.now)),
        |desk, page| desk.say(page, json!({"k":"bye"})),
        |desk, page| desk.hello(page, "d2", None),
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let mut desk = Desk::active();
        let (page, loan) = borrower(&mut desk);
        let lease = loan.lease.to_string();
        let forfeited = Seen::Return(page, lease.clone(), Return::Forfeited);
        assert_eq!(end(&mut desk, page)[..1], [forfeited], "{n}");
        // What it might still bring is refused, and the page is barred.
        let base = desk.generation();
        assert!(
            matches!(&hand_over(&mut desk, page, &lease, &base)[..], [Seen::Reply(_, err)] if err["k"] == "err")
        );
        desk.done(page, Err(offline()));
        desk.hello(page, "d3", None);
        if n != 1 {
            assert_eq!(ask(&mut desk, page), [error(desk.slots, "rate", Some(BAR))]);
        }
    }
}

#[test]
fn a_pair_of_a_session_that_was_signed_out_meanwhile_still_goes_to_be_revoked() {
    let mut desk = Desk::active();
    let (page, loan) = borrower(&mut desk);
    let base = desk.generation();
    desk.sign_out();
    let seen = hand_over(&mut desk, page, &loan.lease.to_string(), &base);
    let returned = Seen::Return(page, loan.lease.to_string(), Return::HandedOver(brought()));
    assert!(
        matches!(&seen[..], [first, Seen::Reply(_, ended)] if *first == returned && ended["k"] == "ended")
    );
}

#[test]
fn the_doubt_about_a_page_is_the_same_for_leases() {
    let mut desk = Desk::active();
    let page = greeted(&mut desk);
    desk.rejected(page, desk.generation());
    desk.renew(Generation::new(1, 2), 10 * MINUTE);
    desk.done(page, Ok(()));
    // A second token that the app's clock says is valid.
    assert_eq!(ask(&mut desk, page), [error(desk.slots, "rate", Some(DOUBT))]);
}

#[test]
fn nothing_that_is_printed_shows_what_is_lent_or_brought() {
    let mut desk = Desk::active();
    let page = greeted(&mut desk);
    ask(&mut desk, page);
    let loan = desk.loan();
    let mut printed = format!("{loan:?}");
    let steps = desk.bridge.on_lent(page, &loan, desk.now);
    printed += &format!("{steps:?} {:?}", desk.bridge);
    let base = desk.generation();
    let lease = loan.lease.to_string();
    let text = json!({"v":1, "k":"handover", "id":1, "lease":lease, "base":base, "at":"s3cr3t", "rt":"s3cr3t", "exp":1});
    let sender = Sender::main_frame(APP);
    let steps = desk
        .bridge
        .on_message(page, &sender, &text.to_string(), Slot(99), desk.now);
    printed += &format!("{steps:?} {:?}", desk.bridge);
    assert!(printed.contains("HandedOver"), "{printed}");
    assert!(
        !printed.contains("s3cr3t") && !printed.contains(REFRESH_TOKEN),
        "{printed}"
    );
    assert!(!printed.contains(loan.attempt_key.expose()));
}
