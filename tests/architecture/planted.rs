//! Violations planted in a small crate must be found, and what is allowed must not be.
//!
//! In all of them `wire` (which stands low) and `session` (which stands high) are modules of the same crate.

use crate::sources::Sources;
use crate::violations;

const LIB: &str = "pub mod session; mod wire; mod token; pub use session::AuthSession; pub use crate::session::Builder as Make;";
const SESSION: &str = "pub struct AuthSession; pub struct Builder; pub mod inner { pub fn f() {} }";

/// What is found when `wire` consists of this text.
fn wire_with(text: &str) -> Vec<String> {
    let files = [
        ("lib.rs", LIB),
        ("session/mod.rs", SESSION),
        ("token.rs", "pub struct Token;"),
        ("wire.rs", text),
    ];
    violations(&Sources::planted(&files))
}

#[track_caller]
fn is_found(text: &str) {
    let found = wire_with(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    assert!(
        found[0].contains("wire imports session") || found[0].contains("wire imports lib"),
        "{found:?}"
    );
}

#[track_caller]
fn is_allowed(text: &str) {
    assert_eq!(wire_with(text), Vec::<String>::new(), "{text}");
}

#[test]
fn a_plain_use_is_found() {
    is_found("use crate::session::AuthSession;");
    is_found("use crate::session;");
    is_found("use crate::session as other;");
    is_found("use crate::session::*;");
    is_found("use ::tokencast::session::AuthSession;");
}

#[test]
fn a_grouped_and_nested_use_is_found() {
    is_found("use crate::{token::Token, session::{inner::{f as g}}};");
    is_found("use {std::fmt, crate::{token, session::AuthSession}};");
    is_found("use crate::{session::{self}};");
}

#[test]
fn an_inline_path_is_found_in_every_position() {
    is_found("fn f() { crate::session::inner::f() }");
    is_found("fn f(_: &crate::session::AuthSession) {}");
    is_found("fn f<T: Into<crate::session::AuthSession>>(_: T) {}");
    is_found("struct S { field: Vec<crate::session::AuthSession> }");
    is_found("fn f(x: u8) { match x { crate::session::LIMIT => {} _ => {} } }");
    is_found("impl crate::session::Trait for u8 {}");
    is_found("fn f() { fn g() { let _ = crate::session::AuthSession; } }");
}

#[test]
fn a_re_export_is_found() {
    is_found("pub use crate::session::AuthSession;");
    is_found("pub(crate) use crate::session::inner::f as renamed;");
}

#[test]
fn a_super_path_is_found() {
    is_found("use super::session::AuthSession;");
    is_found("use self::super::session::AuthSession;");
    is_found("fn f() { super::session::inner::f() }");
    is_found("mod deep { use super::super::session::AuthSession; }");
    is_found("mod deep { mod deeper { fn f() { super::super::super::session::inner::f() } } }");
}

#[test]
fn a_detour_by_the_crates_root_is_found() {
    is_found("use crate::AuthSession;");
    is_found("fn f(_: crate::Make) {}");
    is_found("use crate::*;");
    is_found("use super::*;");
    is_found("use crate as root;");
    is_found("use crate::NameThatNobodyKnows;");
}

#[test]
fn another_name_for_the_whole_crate_is_found() {
    let found = violations(&Sources::planted(&[("lib.rs", "extern crate self as root;")]));
    assert_eq!(
        found,
        ["lib.rs:1: extern crate self imports lib (extern crate self)"]
    );
}

#[test]
fn a_path_in_a_macro_or_an_attribute_is_found() {
    is_found("fn f() { println!(\"{}\", crate::session::NAME); }");
    is_found("fn f() { vec![vec![super::session::NAME]]; }");
    is_found("macro_rules! m { () => { $crate::session::inner::f() } }");
    is_found("m! { use crate::{token::Token, session::AuthSession}; }");
    is_found("struct S { #[serde(with = \"crate::session::inner\")] field: u8 }");
    is_found("#[derive(crate::session::Derive)] struct S;");
}

#[test]
fn a_violation_in_a_folders_file_is_found() {
    let files = [
        ("lib.rs", LIB),
        ("session/mod.rs", SESSION),
        ("token.rs", ""),
        ("wire/mod.rs", "mod answer;"),
        ("wire/answer.rs", "\n\nuse super::super::session::AuthSession;"),
    ];
    let found = violations(&Sources::planted(&files));
    assert_eq!(
        found,
        ["wire/answer.rs:3: wire imports session (super::super::session::AuthSession)"]
    );
}

#[test]
fn a_low_module_may_not_import_its_neighbour() {
    let files = [
        ("lib.rs", "mod time; mod random;"),
        ("time.rs", "use crate::random::Random;"),
        ("random.rs", ""),
    ];
    assert_eq!(
        violations(&Sources::planted(&files)),
        ["time.rs:1: time imports random (crate::random::Random)"]
    );
}

#[test]
fn a_module_that_the_table_does_not_know_is_found() {
    let found = violations(&Sources::planted(&[
        ("lib.rs", "mod helpers;"),
        ("helpers.rs", ""),
    ]));
    assert_eq!(found, ["helpers is not in the table"]);
}

#[test]
fn a_file_that_no_module_leads_to_is_found() {
    let found = violations(&Sources::planted(&[
        ("lib.rs", "mod wire;"),
        ("wire.rs", ""),
        ("wire/lost.rs", ""),
    ]));
    assert_eq!(found, ["no `mod` leads to wire/lost.rs"]);
}

#[test]
fn arrows_and_what_they_include_are_allowed() {
    is_allowed("use crate::token::Token;"); // wire -> profile -> token, and by itself
    is_allowed("use std::fmt; use session::x; fn f() { Self::g(); other::session::f(); }");
    is_allowed(
        "mod inner { use super::Local; use crate::wire::Local as L; use super::super::token::Token; } struct Local;",
    );
    is_allowed("pub(crate) struct S; pub(super) fn f() {} pub(in crate::wire) fn g() {}");
}

#[test]
fn tests_are_free() {
    is_allowed("#[cfg(test)] mod tests { use super::*; use crate::session::AuthSession; }");
    is_allowed("#[cfg(test)] use crate::session::AuthSession;");
    is_allowed("#[cfg(all(test, unix))] fn f() { crate::session::inner::f() }");
    is_allowed("struct S; impl S { #[cfg(test)] fn f() { crate::session::inner::f() } }");
    let files = [
        ("lib.rs", "mod session; mod wire;"),
        ("session.rs", ""),
        ("wire/mod.rs", "#[cfg(test)] mod tests;"),
        ("wire/tests.rs", "mod more; use crate::session::X;"),
        ("wire/tests/more.rs", "use crate::session::X;"),
    ];
    assert_eq!(violations(&Sources::planted(&files)), Vec::<String>::new());
}

#[test]
fn a_condition_that_also_holds_outside_of_tests_is_not_free() {
    is_found("#[cfg(any(test, unix))] use crate::session::AuthSession;");
    is_found("#[cfg(not(test))] use crate::session::AuthSession;");
    is_found("#[cfg(feature = \"test\")] use crate::session::AuthSession;");
}

#[test]
fn a_link_in_a_comment_is_no_import() {
    is_allowed(
        "/// See [`crate::session::AuthSession`].\n#[doc = \"crate::session::AuthSession\"] struct S;",
    );
}
