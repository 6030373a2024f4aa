//! What holds in both engines.

use tokencast_backend::ReceivedForm;
use tokencast_webviews::{Layers, RenderedHost, run, until};

use crate::rounds::{ENDS, End, WAYS, Way};
use crate::user::User;

/// Each way over each end, six times: 108 tokens end.
pub(crate) async fn over_a_hundred_expiries_no_401_is_shown_and_every_form_arrives_once<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::All).await;
    let (mut ended, mut early_documents, mut written, mut received) = (0, 0, vec![], vec![]);
    for round in 0..6 {
        for (way, end) in WAYS.into_iter().flat_map(|way| ENDS.map(|end| (way, end))) {
            let text = format!("{way:?} {end:?} {round}");
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
    let forms = user.server().received_forms();
    let received = received
        .into_iter()
        .map(|(text, status)| ReceivedForm { text, status });
    assert_eq!(forms, received.collect::<Vec<_>>());
    assert_eq!(stats.notes, written.len() as u64);
}

/// The app writes the cookie before each load of its own. Everything else that leads to a document goes past it.
pub(crate) async fn an_app_that_writes_the_cookie_before_it_loads_shows_401s_and_loses_forms<
    H: RenderedHost,
>() {
    let user = User::<H>::at_home(Layers::Naive).await;
    let mut shown = vec![];
    for way in WAYS {
        shown.push((way, ends_at(&user, way, End::Expiry).await));
    }
    let expected = WAYS.map(|way| (way, if way == Way::Open { "Next" } else { "" }.to_owned()));
    assert_eq!(shown, expected);
    assert_eq!(user.server().stats().notes, 0);
    let seen = user.has_seen().await;
    assert!(seen.iter().any(|seen| seen.refused && !seen.hidden), "{seen:?}");
}

/// A form that was held goes on; one that is sent back without having waited is lost.
pub(crate) async fn without_the_hold_forms_are_lost_and_documents_are_not<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::NoHold).await;
    for way in WAYS {
        let shown = ends_at(&user, way, End::Expiry).await;
        let expected = if way == Way::Note { "" } else { way.title() };
        assert_eq!(shown, expected, "{way:?}");
    }
    let stats = user.server().stats();
    assert_eq!((stats.notes, stats.forms_sent_back), (0, 1));
}

/// Held requests go with a token that lives by the app's clock: that the server does not take it is seen in the answer
/// alone.
pub(crate) async fn without_the_drop_a_token_that_ended_early_is_shown_as_401<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::ShowsAll).await;
    for way in WAYS {
        assert_eq!(ends_at(&user, way, End::Expiry).await, way.title(), "{way:?}");
    }
    for way in WAYS {
        let shown = ends_at(&user, way, End::Early).await;
        // The form is sent back, and waits then.
        let expected = if way == Way::Note { "Home" } else { "" };
        assert_eq!(shown, expected, "{way:?}");
    }
    assert_eq!(user.server().stats().notes, 2);
}

/// Where a way leads, and back to a good start.
async fn ends_at<H: RenderedHost>(user: &User<H>, way: Way, end: End) -> String {
    way.go(user, end, "a note").await;
    let title = user.sees().await;
    if title != way.title() {
        let _ = user.session.rejected(user.session.generation()).await;
        user.load("/app").await;
        user.arrives("Home").await;
    } else {
        way.home(user).await;
    }
    title
}

pub(crate) async fn a_frame_s_document_waits_too<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::All).await;
    user.expire();
    let frame = "const frame = document.createElement('iframe'); frame.src = '/app/next'; document.body.append(frame);
        frame.onload = () => { window.framed = frame.contentDocument.title }";
    run(&user.view, frame).await;
    until(&user.view, "return window.framed === 'Next'").await;
    let stats = user.server().stats();
    assert_eq!((stats.exchanges, stats.documents_refused), (1, 0));
}

pub(crate) async fn a_sign_out_takes_the_cookie_away<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::All).await;
    user.session.sign_out().await.unwrap();
    user.taps("next").await;
    // Whoever is signed out sees what the server shows to strangers.
    assert_eq!(user.sees().await, "");
    let stats = user.server().stats();
    assert_eq!((stats.documents_refused, stats.exchanges), (1, 0));
}

/// The first layer: the app is in the foreground again, and shows its view when that is ready.
pub(crate) async fn a_renewal_at_the_resume_leaves_nothing_to_wait_for<H: RenderedHost>() {
    let user = User::<H>::at_home(Layers::Neither).await;
    user.expire();
    user.host.ready().await;
    assert_eq!(user.server().stats().exchanges, 1);
    user.taps("next").await;
    user.arrives("Next").await;
    assert_eq!(user.server().stats().documents_refused, 0);
}
