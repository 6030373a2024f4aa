//! Sessions that live by something else than a refresh token.

use super::*;
use crate::profile::{ServerProfile, TokenKind};

/// Nothing was sent: the intent is taken back, the credential stays, and the error says what is missing.
#[test]
fn a_credential_that_goes_into_no_request_is_the_developers_matter_and_leaves_no_intent() {
    let mut played = Played::new(plan(true), session(1, 1, "r"));
    played.reach_the_wire(session(1, 1, "r"));
    let reason = Unplaceable::Missing(TokenKind::Access);
    let Step::Write(withdrawn) = played.on(Event::Unanswered(SendFailure::Unplaceable(reason))) else {
        panic!("no withdrawal")
    };
    assert_eq!(
        (withdrawn.inflight, withdrawn.credential.refresh_token.clone()),
        (None, Some("r".into()))
    );
    let failure = played.failure(Event::Written(Written::Landed(*withdrawn)));
    assert!(matches!(failure, Failure::Misconfigured { what, .. } if what.contains("access token")));
}

#[test]
fn cookies_take_the_place_of_the_old_ones_and_stay_when_none_came() {
    let profile = ServerProfile::cookie("https://api.example.com").unwrap();
    let mut held = session(1, 1, "");
    held.credential.refresh_token = None;
    held.credential.cookie = Some("refresh=1; csrf=x".into());
    for (came, kept) in [
        (Some("refresh=2; csrf=y"), "refresh=2; csrf=y"),
        (None, "refresh=1; csrf=x"),
    ] {
        let mut played = Played::new(Plan::new(&profile, false), held.clone());
        played.reach_the_wire(held.clone());
        let answer = Event::Answered(RefreshAnswer::Tokens(Tokens {
            access_token: Some("access".into()),
            refresh_token: None,
            cookies: came.map(Secret::from),
            life: Duration::from_secs(60),
            server_time: None,
        }));
        let Step::Write(draft) = played.on(answer) else {
            panic!("no commit")
        };
        assert_eq!(draft.credential.cookie, Some(kept.into()));
        assert_eq!(draft.credential.access_token, None);
    }
}

#[test]
fn a_profile_that_presents_the_access_token_stores_it() {
    let base = "https://api.example.com";
    let stores = |profile: Result<ServerProfile, _>| {
        let plan = Plan::new(&profile.unwrap(), false);
        (plan.stores_access_token, plan.only_when_expired)
    };
    assert_eq!(stores(ServerProfile::rotation(base)), (false, false));
    assert_eq!(stores(ServerProfile::exchange_once(base)), (true, false));
    assert_eq!(stores(ServerProfile::access_only(base)), (true, true));
}
