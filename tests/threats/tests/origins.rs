//! Origins that look like the app's, from a table and by the thousand. The control is a test for how they begin, or for what
//! they contain.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokencast::pages::{Origin, PagePolicy};

const OURS: &str = "https://app.example.com";

/// Each was, somewhere, taken for the origin it looks like. Never the same one twice, and none is ours.
#[rustfmt::skip]
const LOOK_ALIKES: &[&str] = &[
    "https://app.example.com.evil.com", "https://app.example.com-evil.com", "https://app.example.com@evil.com",
    "https://app.example.com:443@evil.com", "https://app.example.com:8443", "https://app.example.com%00.evil.com",
    "https://app.example.com%2eevil.com", "https://app.example.com\\@evil.com", "https://app.example.com/../evil", "https://app.example.comm",
    "https://app.example.com,https://evil.com", "https://app.example.com evil.com", "https://app.example.com\u{2215}evil",
    "https://app.example.com\n", "https://app.example.com\0", "https://app.example.com.", "https://app.example.com#", "https://app.example.com?",
    "https://evil.com/https://app.example.com", "https://evil.com?https://app.example.com", "https://evil.com#https://app.example.com",
    "https://evil.com/#https://app.example.com", "http://app.example.com", "https://appxexample.com", "https://app-example.com",
    "https://evilapp.example.com", "https://evil-app.example.com", "https://xapp.example.com", "https://example.com", "https://APP.example.com",
    "HTTPS://app.example.com", "https://\u{430}pp.example.com", "https://app\u{3002}example\u{3002}com", "https://app.ex\u{ad}ample.com",
    "blob:https://app.example.com/1", "filesystem:https://app.example.com/", "view-source:https://app.example.com",
    "javascript:https://app.example.com", "data:text/html,https://app.example.com", "wss://app.example.com", "ftp://app.example.com",
    "null", "about:blank", "file://", "", "*", "https://*", "https://*.example.com",
];

fn is_let_in(origin: &str) -> bool {
    let policy = PagePolicy::new([OURS]).unwrap();
    Origin::parse(origin).is_ok_and(|origin| policy.accepts(&origin))
}

fn naive_prefix(origin: &str) -> bool {
    origin.starts_with(OURS)
}

/// `/https:..app.example.com/`, without anchors and with dots that are any character.
fn naive_pattern(origin: &str) -> bool {
    let fits = |part: &[char]| {
        let pattern: Vec<char> = "https:..app.example.com".chars().collect();
        part.len() == pattern.len()
            && part
                .iter()
                .zip(&pattern)
                .all(|(one, other)| *other == '.' || one == other)
    };
    let characters: Vec<char> = origin.chars().collect();
    characters.windows(OURS.len()).any(fits)
}

#[test]
fn no_look_alike_of_the_table_is_let_in() {
    assert!(is_let_in(OURS) && naive_prefix(OURS) && naive_pattern(OURS));
    for origin in LOOK_ALIKES {
        assert!(!is_let_in(origin), "{origin:?}");
    }
    let fooled = |test: fn(&str) -> bool| LOOK_ALIKES.iter().filter(|origin| test(origin)).count();
    assert!(fooled(naive_prefix) >= 15, "a test for the beginning must fall");
    assert!(fooled(naive_pattern) >= 20, "a pattern must fall");
}

/// Ours with something before, behind or in the place of a part of it.
fn near_ours() -> impl Strategy<Value = String> {
    let some = "[\\PC\u{0}-\u{20}]{0,12}|[.@:/\\\\#?%*]{1,3}|\\.evil\\.com|:[0-9]{1,5}|@evil\\.com";
    let place = 0..=OURS.len();
    prop_oneof![
        some.prop_map(|end| format!("{OURS}{end}")),
        some.prop_map(|start| format!("{start}{OURS}")),
        (place.clone(), some).prop_map(|(place, part)| format!("{}{part}{}", &OURS[..place], &OURS[place..])),
        (place.clone(), place, some).prop_map(|(one, other, part)| {
            let (from, to) = (one.min(other), one.max(other));
            format!("{}{part}{}", &OURS[..from], &OURS[to..])
        }),
        any::<String>(),
    ]
}

/// The same origin has two spellings: the port that goes without saying may be said.
fn is_ours(origin: &str) -> bool {
    origin == OURS || origin == "https://app.example.com:443"
}

fn runs(test: impl Fn(&str) -> bool) -> bool {
    let config = Config {
        cases: 5_000,
        failure_persistence: None,
        ..Config::default()
    };
    let every = TestRunner::new(config).run(&near_ours(), |origin| {
        prop_assert!(!test(&origin) || is_ours(&origin), "{origin:?} is let in");
        Ok(())
    });
    every.is_ok()
}

#[test]
fn of_five_thousand_near_ours_none_is_let_in() {
    assert!(runs(is_let_in));
}

#[test]
fn the_naive_tests_let_one_of_five_thousand_in() {
    assert!(!runs(naive_prefix), "a test for the beginning must fall");
    assert!(!runs(naive_pattern), "a pattern must fall");
}
