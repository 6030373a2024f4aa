//! What can happen, and how often.

use proptest::prelude::*;
use proptest::strategy::Strategy;

use crate::bridge::Pushed;

pub(super) const PAGES: usize = 4;
/// Two pages have policies of their own, the others inject.
pub(super) const RELOADED: usize = 1;
pub(super) const PUSHED: usize = 2;
pub(super) const LENT_TO: usize = 3;
pub(super) const ORIGINS: [&str; 4] = [
    "https://app.example.com",
    "https://shop.example.com",
    "https://evil.com",
    "null",
];
pub(super) const URLS: [(&str, usize); 6] = [
    ("https://app.example.com/a", 0),
    ("https://app.example.com/a?retried=1", 0),
    ("https://app.example.com/b?x#y", 0),
    ("https://shop.example.com/", 1),
    ("https://evil.com/", 2),
    ("about:blank", 3),
];
pub(super) const STORES: [&str; 2] = ["an0ther", "a7hird"];

#[derive(Clone, Debug)]
pub(super) enum Event {
    Say(usize, Origin4, bool, Doc, Say),
    Text(usize, String),
    Commit(usize, usize, bool),
    Show(usize, bool),
    Lend(usize),
    Request(usize, usize, bool),
    Response(usize, usize, bool, u16),
    Shown(usize),
    /// The host looks at the document: it finds this origin, or says that it cannot see.
    Look(usize, Option<Origin4>),
    Reject(usize),
    PushDone(usize, Pushed),
    /// The same message, so many times.
    Flood(usize, Doc, Say, usize),
    CookieDone(bool),
    Detach(usize),
    Attach(usize),
    Done(usize, bool),
    Wake(usize),
    Pass(u64),
    Renew(u64),
    Lose,
    End,
    Revive,
    SignOut,
    SignIn,
    Lock,
    Unlock,
    NewStore,
    LookBack,
}

pub(super) type Origin4 = usize;
pub(super) type Doc = u8;
/// Of a document that was committed and has not greeted.
pub(super) const UNNAMED: Doc = Doc::MAX;

#[derive(Clone, Debug)]
pub(super) enum Say {
    Hello(Claim),
    Watch(Claim),
    Need(Claim, bool),
    Ack(Claim),
    Lease,
    /// Whether lease and base are those of the page's loan.
    HandOver(bool, bool),
    Bye,
    Strange,
}

/// The generation that a page claims: none, the current one, one before it, or nonsense.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    None,
    Current,
    Behind(u64, u64),
    Foreign,
}

pub(super) fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        2 => Just(Claim::None),
        6 => Just(Claim::Current),
        2 => (0..3_u64, 0..3_u64).prop_map(|(epoch, number)| Claim::Behind(epoch, number)),
        1 => Just(Claim::Foreign),
    ]
}

pub(super) fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        4 => claim().prop_map(Say::Hello),
        2 => claim().prop_map(Say::Watch),
        6 => (claim(), any::<bool>()).prop_map(|(claim, rejected)| Say::Need(claim, rejected)),
        2 => claim().prop_map(Say::Ack),
        4 => Just(Say::Lease),
        3 => (prop::bool::weighted(0.8), prop::bool::weighted(0.8)).prop_map(|(lease, base)| Say::HandOver(lease, base)),
        1 => Just(Say::Bye),
        1 => Just(Say::Strange),
    ]
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let page = 0..PAGES;
    let origin = prop_oneof![8 => Just(0_usize), 2 => Just(1_usize), 1 => Just(2_usize), 1 => Just(3_usize)];
    let look = prop_oneof![
        8 => Just(Some(0_usize)),
        1 => Just(Some(1_usize)),
        1 => Just(Some(3_usize)),
        1 => Just(None),
    ];
    let pushed = prop_oneof![
        3 => Just(Pushed::Taken),
        1 => Just(Pushed::OtherOrigin),
        2 => Just(Pushed::NoClient),
        1 => Just(Pushed::Failed),
    ];
    prop_oneof![
        24 => (page.clone(), origin, prop::bool::weighted(0.95), 0..2_u8, say())
            .prop_map(|(page, origin, main, doc, say)| Event::Say(page, origin, main, doc, say)),
        1 => (page.clone(), ".{0,40}").prop_map(|(page, text)| Event::Text(page, text)),
        4 => (page.clone(), 0..URLS.len(), prop::bool::weighted(0.8))
            .prop_map(|(page, url, by_get)| Event::Commit(page, url, by_get)),
        6 => page.clone().prop_map(Event::Lend),
        4 => (page.clone(), 0..URLS.len(), prop::bool::weighted(0.7))
            .prop_map(|(page, url, by_get)| Event::Request(page, url, by_get)),
        2 => (page.clone(), 0..URLS.len(), prop::bool::weighted(0.7), prop_oneof![Just(200_u16), Just(401), Just(403)])
            .prop_map(|(page, url, by_get, status)| Event::Response(page, url, by_get, status)),
        2 => page.clone().prop_map(Event::Shown),
        6 => (page.clone(), look).prop_map(|(page, found)| Event::Look(page, found)),
        3 => page.clone().prop_map(Event::Reject),
        3 => (page.clone(), pushed).prop_map(|(page, pushed)| Event::PushDone(page, pushed)),
        1 => (page.clone(), 0..2_u8, say(), 50..200_usize)
            .prop_map(|(page, doc, say, times)| Event::Flood(page, doc, say, times)),
        4 => prop::bool::weighted(0.8).prop_map(Event::CookieDone),
        2 => (page.clone(), any::<bool>()).prop_map(|(page, visible)| Event::Show(page, visible)),
        1 => page.clone().prop_map(Event::Detach),
        1 => page.clone().prop_map(Event::Attach),
        8 => (page.clone(), any::<bool>()).prop_map(|(page, worked)| Event::Done(page, worked)),
        3 => page.prop_map(Event::Wake),
        4 => (0..120_u64).prop_map(Event::Pass),
        6 => (1..200_u64).prop_map(Event::Renew),
        1 => Just(Event::Lose),
        2 => Just(Event::End),
        3 => Just(Event::Revive),
        2 => Just(Event::SignOut),
        3 => Just(Event::SignIn),
        1 => Just(Event::Lock),
        2 => Just(Event::Unlock),
        1 => Just(Event::NewStore),
        2 => Just(Event::LookBack),
    ]
}
