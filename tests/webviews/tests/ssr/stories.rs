//! What holds in both engines.

use std::collections::BTreeSet;

use tokencast_backend::{FaultKind, ReceivedForm};
use tokencast_webviews::{View as _, run, until};

use crate::hosts::{Host, Layers};
use crate::rounds::{ENDS, End, WAYS, Way};
use crate::user::{Seen, User};

/// Each way over each end, six times: 108 tokens end.
pub(crate) async fn over_a_hundred_expiries_no_401_is_shown_and_every_form_arrives_once<H: Host>() {
    let user = User::<H>::at_home(Layers::All).await;
    let (mut ended, mut early_documents, mut written, mut received) = (0, 0, vec![], vec![]);
    for round in 0..6 {
        for (way, end) in WAYS.into_iter().flat_map(|way| ENDS.map(|end| (way, end))) {
            let text = format!("{way:?} {end:?} {round} {}", "long ".repeat(500));
            let text = text.trim_end().to_owned();
            way.go(&user, end, &text).await;
            user.arrives(way.title()).await;
            ended += 1;
            if way == Way::Note {
                written.push(text.clone());
                if end == End::Early {
                    received.push((text.clone(), 307));
                }
                received.push((text, 303));
                assert_eq!(user.notes().await, written);
            } else if end == End::Early {
                early_documents += 1;
            }
            let seen = user.has_seen().await;
            assert!(!seen.is_empty(), "the witness was there");
            let refused: Vec<_> = seen.iter().filter(|seen| seen.refused).collect();
            assert!(refused.is_empty(), "{way:?}, {end:?}: {refused:?}");
            way.home(&user).await;
        }
    }
    assert_eq!(ended, 108);
    let stats = user.server().stats();
    assert_eq!(stats.exchanges, ended, "one for each token that ended");
    // What the server refused was dropped by the host; of a form only what it sent back.
    assert_eq!(stats.documents_refused, early_documents);
    let received = received
        .into_iter()
        .map(|(text, status)| ReceivedForm { text, status });
    assert_eq!(user.server().received_forms(), received.collect::<Vec<_>>());
    assert_eq!(stats.notes, written.len() as u64);
}

/// The app writes the cookie before each load of its own. Everything else that leads to a document goes past it.
pub(crate) async fn an_app_that_writes_the_cookie_before_it_loads_shows_401s_and_loses_forms<H: Host>() {
    let user = User::<H>::at_home(Layers::Naive).await;
    let mut shown = vec![];
    for way in WAYS {
        shown.push((way, ends_at(&user, way, End::Expiry).await));
    }
    let expected = WAYS.map(|way| (way, if way == Way::Open { "Next" } else { "" }.to_owned()));
    assert_eq!(shown, expected);
    assert_eq!(user.server().stats().notes, 0);
    let seen = user.has_seen().await;
    assert_eq!(refused(&seen).len(), 5);
    let in_a_frame = |seen: &Seen| seen.refused && !seen.hidden && seen.when == "frame";
    assert!(seen.iter().any(in_a_frame), "{seen:?}");
}

/// A rejected document is asked for again; a form that is sent back without having waited is lost.
pub(crate) async fn without_the_hold_forms_are_lost_and_documents_are_not<H: Host>() {
    let user = User::<H>::at_home(Layers::Drop).await;
    for way in WAYS {
        let shown = ends_at(&user, way, End::Expiry).await;
        let expected = if way == Way::Note { "" } else { way.title() };
        assert_eq!(shown, expected, "{way:?}");
    }
    let stats = user.server().stats();
    assert_eq!((stats.notes, stats.forms_sent_back), (0, 1));
    assert_eq!(refused(&user.has_seen().await).len(), 1);
}

/// Held requests go with a token that lives by the app's clock: that the server does not take it is seen in the answer
/// alone.
pub(crate) async fn without_the_drop_a_token_that_ended_early_is_shown_as_401<H: Host>() {
    let user = User::<H>::at_home(Layers::Hold).await;
    for way in WAYS {
        assert_eq!(ends_at(&user, way, End::Expiry).await, way.title(), "{way:?}");
    }
    assert_eq!(refused(&user.has_seen().await).len(), 0);
    for way in WAYS {
        let shown = ends_at(&user, way, End::Early).await;
        // The form is sent back, and waits then.
        let expected = if way == Way::Note { "Home" } else { "" };
        assert_eq!(shown, expected, "{way:?}");
    }
    assert_eq!(refused(&user.has_seen().await).len(), 5);
    assert_eq!(user.server().stats().notes, 2);
}

/// Where the host can neither hold nor drop, a rejected document is there, and nobody sees it.
pub(crate) async fn the_client_alone_hides_a_rejected_document_and_loads_it_again<H: Host>() {
    for end in [End::Expiry, End::Early] {
        let user = User::<H>::at_home(Layers::Client).await;
        // Twice for one URL is the most.
        let ways = [Way::Link, Way::Search, Way::Redirect];
        for way in ways {
            way.go(&user, end, "a note").await;
            user.arrives(way.title()).await;
            way.home(&user).await;
        }
        let seen = user.has_seen().await;
        assert!(refused(&seen).len() >= ways.len(), "{end:?}: they were there");
        let shown: Vec<_> = seen.iter().filter(|seen| seen.refused && !seen.hidden).collect();
        assert!(shown.is_empty(), "{end:?}: {shown:?}");
    }
}

/// A server that leads to a sign-in where it should answer 401, and refuses a form where it should send it back: no other
/// layer makes up for that.
pub(crate) async fn a_server_without_the_contract_leads_astray_and_loses_forms<H: Host>() {
    led_astray(&User::<H>::at_home(Layers::All).await).await;
    let user = User::<H>::at_home(Layers::Host).await;
    led_astray(&user).await;
    // With the client's layer it may be gone already: told its document's status, it asks for that address by GET.
    assert_eq!(user.sees().await, "Sign in");
}

async fn led_astray<H: Host>(user: &User<H>) {
    user.next_document(FaultKind::Redirect {
        status: 302,
        location: "/app/search?q=sign-in".into(),
    });
    user.taps("next").await;
    assert_eq!(user.sees().await, "Search");
    user.taps("home").await;
    user.arrives("Home").await;
    user.next_document(FaultKind::Answer {
        status: 401,
        retry_after: None,
        content_type: Some("text/html".into()),
        body: "<title>Sign in</title>".into(),
        processed: false,
    });
    user.adds_note("a note").await;
    let shown = user.sees().await;
    assert!(["Sign in", "Home"].contains(&&*shown), "{shown}");
    assert_eq!(user.server().stats().notes, 0);
}

/// Whoever waits is shown in the end what the server says, and can go on when it is well again.
pub(crate) async fn a_refresh_that_does_not_come_keeps_nobody_waiting<H: Host>() {
    let user = User::<H>::at_home(Layers::Host).await;
    user.server().hold_refreshes();
    user.expire();
    user.taps("next").await;
    user.server().wait_until_held(1).await;
    assert_eq!(user.server().stats().documents_refused, 0);
    user.waits().await;
    assert_eq!(user.sees().await, "");
    user.server().release();
    user.load("/app").await;
    user.arrives("Home").await;
}

/// Where a way leads, and back to a good start.
async fn ends_at<H: Host>(user: &User<H>, way: Way, end: End) -> String {
    way.go(user, end, "a note").await;
    let title = user.sees().await;
    if title == way.title() {
        way.home(user).await;
    } else {
        user.session.rejected(user.session.generation()).await.unwrap();
        user.host.pages_are_ready().await;
        user.load("/app").await;
        user.arrives("Home").await;
    }
    title
}

/// The rejected documents that somebody could see, by their paths.
fn refused(seen: &[Seen]) -> Vec<&str> {
    let refused = seen.iter().filter(|seen| seen.refused);
    let documents: BTreeSet<_> = refused
        .map(|seen| (seen.document.to_bits(), seen.path.as_str()))
        .collect();
    documents.into_iter().map(|(_, path)| path).collect()
}

pub(crate) async fn a_frame_s_document_waits_too<H: Host>() {
    let user = User::<H>::at_home(Layers::All).await;
    user.expire();
    let frame = "const frame = document.createElement('iframe'); frame.src = '/app/next'; document.body.append(frame);
        frame.onload = () => { window.framed = frame.contentDocument.title }";
    run(&user.view, frame).await;
    until(&user.view, "return window.framed === 'Next'").await;
    let stats = user.server().stats();
    assert_eq!((stats.exchanges, stats.documents_refused), (1, 0));
}

pub(crate) async fn two_views_wait_for_one_exchange<H: Host>() {
    let user = User::<H>::at_home(Layers::All).await;
    let other = user.opens_another().await;
    user.server().hold_refreshes();
    user.expire();
    user.taps("next").await;
    other.run("document.getElementById('next').click()").await;
    user.server().wait_until_held(1).await;
    user.server().release();
    user.arrives("Next").await;
    until(&other, "return document.title === 'Next'").await;
    let stats = user.server().stats();
    assert_eq!((stats.exchanges, stats.documents_refused), (1, 0));
}

pub(crate) async fn scripts_of_the_page_do_not_see_the_cookie<H: Host>() {
    let user = User::<H>::at_home(Layers::All).await;
    assert_eq!(run(&user.view, "return document.cookie").await, "");
}

pub(crate) async fn a_sign_out_takes_the_cookie_away<H: Host>() {
    let user = User::<H>::at_home(Layers::All).await;
    user.session.sign_out().await.unwrap();
    user.taps("next").await;
    // Whoever is signed out sees what the server shows to strangers.
    assert_eq!(user.sees().await, "");
    let stats = user.server().stats();
    assert_eq!((stats.documents_refused, stats.exchanges), (1, 0));
}

/// The first layer: the app is in the foreground again, and shows its view when that is ready.
pub(crate) async fn a_renewal_at_the_resume_leaves_nothing_to_wait_for<H: Host>() {
    let user = User::<H>::at_home(Layers::Early).await;
    user.expire();
    user.host.pages_are_ready().await;
    assert_eq!(user.server().stats().exchanges, 1);
    user.taps("next").await;
    user.arrives("Next").await;
    assert_eq!(user.server().stats().documents_refused, 0);
}
