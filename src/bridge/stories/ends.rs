//! Sign-ins and ends.

use super::*;

#[test]
fn the_end_of_a_session_answers_who_waits_and_tells_the_rest() {
    let mut desk = Desk::active();
    let (asker, other) = (desk.greeted(), desk.greeted());
    desk.rejected(asker, desk.generation());
    let seen = desk.end(EndReason::ReuseDetected);
    let ended = |id: Option<u64>| {
        let mut value = json!({"v":1, "k":"ended", "gen":desk.generation(), "reason":"reuse_detected"});
        if let Some(id) = id {
            value["id"] = json!(id);
        }
        value
    };
    assert_eq!(
        seen,
        [Seen::Reply(3, ended(Some(3))), Seen::Notify(other, ended(None))]
    );
    let error = SessionError::SignInRequired {
        reason: EndReason::ReuseDetected,
    };
    let (third, fourth) = (ended(Some(4)), ended(Some(5)));
    assert_eq!(desk.done(asker, Err(error)), []);
    assert_eq!(desk.expiring(asker), [Seen::Reply(4, third)]);
    assert_eq!(desk.hello(other, "d1", None), [Seen::Reply(5, fourth)]);
}

#[test]
fn an_end_is_final_for_its_document_whatever_the_session_does() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    desk.end(EndReason::Revoked);
    // 1. The same epoch comes back to life, as it should not.
    desk.standing.state = SessionState::Active { account: None };
    assert_eq!(desk.renew(Generation::new(1, 3), MINUTE), []);
    assert!(matches!(&desk.expiring(page)[..], [Seen::Reply(2, ended)] if ended["k"] == "ended"));
    // 2. A new document knows nothing of that.
    assert_eq!(desk.hello(page, "d2", None), [desk.state(3)]);
}

#[test]
fn a_document_never_gets_the_next_account_s_token() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    let mut last = desk.generation();
    let told = json!({"v":1, "k":"ended", "gen":last, "reason":"signed_out"});
    assert_eq!(desk.sign_out(), [Seen::Notify(page, told.clone())]);
    // 1. Somebody else signs in; the old document hears nothing of it.
    assert_eq!(desk.sign_in(3), []);
    for message in [
        json!({"k":"need", "used":last, "why":"401"}),
        json!({"k":"need", "used":desk.generation(), "why":"401"}),
        json!({"k":"need", "used":null, "why":"expiring"}),
        json!({"k":"watch", "have":null}),
        json!({"k":"ack", "have":desk.generation()}),
        json!({"k":"hello", "min":1, "max":1, "doc":"d1", "have":null, "resume":true}),
    ] {
        let mut told = told.clone();
        told["id"] = json!(desk.slots + 1);
        assert_eq!(desk.say(page, message), [Seen::Reply(desk.slots, told)]);
    }
    // 2. The reloaded document is the new account's.
    let seen = desk.hello(page, "d2", None);
    assert_eq!(seen, [desk.state(desk.slots)]);
    last = desk.generation();
    assert_eq!(last["e"], 3);
}

#[test]
fn a_page_that_outlived_the_app_keeps_its_epoch() {
    let mut desk = Desk::active();
    desk.renew(Generation::new(4, 9), MINUTE);
    let hello = |desk: &mut Desk, have| {
        let page = desk.attach();
        desk.hello(page, "d1", Some(have))
    };
    // 1. The same sign-in.
    assert_eq!(
        hello(&mut desk, json!({"s":"5704e", "e":4, "g":8})),
        [desk.state(1)]
    );
    // 2. An earlier one, and one of another store.
    let old = json!({"s":"5704e", "e":2, "g":8});
    let other = json!({"s":"0ld", "e":4, "g":9});
    for (have, reason) in [(old, "signed_out"), (other, "store_lost")] {
        let seen = hello(&mut desk, have.clone());
        let ended = json!({"v":1, "k":"ended", "id":desk.slots, "gen":have, "reason":reason});
        assert_eq!(seen, [Seen::Reply(desk.slots, ended)]);
    }
}

#[test]
fn a_sign_in_page_is_told_when_somebody_signed_in() {
    let mut desk = Desk::restoring();
    let page = desk.attach();
    let restoring = json!({"v":1, "k":"state", "id":1, "gen":null, "st":"restoring",
        "api":[{"origin":"https://api.example.com", "rejected":[401]}], "mode":"inject"});
    assert_eq!(desk.hello(page, "d1", None), [Seen::Reply(1, restoring)]);
    // 1. There is no session.
    desk.standing.state = SessionState::SignedOut;
    let none = json!({"v":1, "k":"ended", "gen":{"s":"none", "e":0, "g":0}, "reason":"signed_out"});
    assert_eq!(desk.observe(), [Seen::Notify(page, none)]);
    // 2. Somebody signs in: the document has belonged to nobody so far and may have the token.
    assert_eq!(desk.sign_in(1), [desk.notice(page)]);
    assert_eq!(desk.hello(page, "d1", None), [desk.state(2)]);
}

#[test]
fn a_locked_session_says_so_and_comes_back() {
    let mut desk = Desk::active();
    let page = desk.greeted();
    let token = desk.standing.token.take();
    desk.standing.state = SessionState::Locked {
        cause: LockedCause::DeviceLocked,
    };
    assert_eq!(desk.observe(), []);
    let seen = desk.expiring(page);
    assert!(matches!(&seen[..], [Seen::Reply(2, state)] if state["st"] == "locked" && state["at"].is_null()));
    desk.standing.state = SessionState::Active { account: None };
    desk.standing.token = token;
    assert_eq!(desk.observe(), [desk.notice(page)]);
}

#[test]
fn a_failed_save_or_a_closed_session_ends_no_document() {
    for error in [
        SessionError::Closed,
        SessionError::StorageFailed {
            cause: StorageFailure::Unconfirmed,
        },
    ] {
        let mut desk = Desk::active();
        let page = desk.greeted();
        desk.rejected(page, desk.generation());
        let failed = json!({"v":1, "k":"err", "id":2, "code":"refresh_failed", "retry_ms":2000});
        assert_eq!(desk.done(page, Err(error)), [Seen::Reply(2, failed)]);
    }
}
