//! The core's enums are `#[non_exhaustive]`, so a variant added there compiles here without a mirror. This test
//! reads both sources instead: every mirrored type has the same variants, in the same order, with the same fields.

use std::fs;
use std::path::Path;

use syn::{Fields, Item};

/// Type, where the core declares it, where it is mirrored.
const MIRRORS: &[(&str, &str, &str)] = &[
    ("SessionError", "error.rs", "error.rs"),
    ("EndReason", "error.rs", "error.rs"),
    ("TryAgainCause", "error.rs", "error.rs"),
    ("LockedCause", "error.rs", "error.rs"),
    ("StorageFailure", "error.rs", "error.rs"),
    ("SessionState", "state/mod.rs", "state.rs"),
    ("SessionEvent", "state/mod.rs", "state.rs"),
    ("Notice", "state/mod.rs", "state.rs"),
    ("Cause", "state/transition.rs", "history.rs"),
    ("Transition", "state/transition.rs", "history.rs"),
    ("Purpose", "wire/extra.rs", "request_fields.rs"),
    ("Account", "accounts/mod.rs", "accounts.rs"),
    ("AccountList", "accounts/mod.rs", "accounts.rs"),
    ("GoneReason", "pages/mod.rs", "pages.rs"),
    ("KeyFailure", "storage/key.rs", "storage.rs"),
    ("ReadOutcome", "storage/mod.rs", "storage.rs"),
    ("WriteOutcome", "storage/mod.rs", "storage.rs"),
    ("Generation", "token/generation.rs", "token.rs"),
];

/// Fields that only a mirror has: the text and advice of an error do not cross by themselves.
const ADDED: &[&str] = &["detail", "advice"];

#[test]
fn every_variant_and_field_of_the_core_has_its_mirror() {
    for (name, core, mirror) in MIRRORS {
        let core = shape(&read("../src", core), name);
        let mirror = shape(&read("src", mirror), name);
        assert_eq!(differences(&core, &mirror), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_variant_that_the_mirror_lacks_is_found() {
    let core = shape("enum E { A, B { x: u8 }, C(u8) }", "E");
    let lacking = [
        "enum E { A, B { x: u8 } }",
        "enum E { A, B {}, C(u8) }",
        "enum E { A, B { x: u8 }, C }",
        "enum E { B { x: u8 }, A, C(u8) }",
        "enum E { A, B { x: u8 }, C(u8), D }",
        "enum E { A, B { x: u8, y: u8 }, C(u8) }",
    ];
    for mirror in lacking {
        assert!(!differences(&core, &shape(mirror, "E")).is_empty(), "{mirror}");
    }
    let with_text = shape(
        "enum E { A { detail: String }, B { x_ms: i64 }, C { cause: u8 } }",
        "E",
    );
    assert!(differences(&core, &with_text).is_empty());
}

/// A variant's name and its fields; one unnamed for each field of a tuple. A struct is one variant.
type Shape = Vec<(String, Vec<Option<String>>)>;

fn differences(core: &Shape, mirror: &Shape) -> Vec<String> {
    let mut found = Vec::new();
    for index in 0..core.len().max(mirror.len()) {
        match (core.get(index), mirror.get(index)) {
            (Some((known, fields)), Some((name, mirrored))) if known == name => {
                let mirrored: Vec<_> = mirrored
                    .iter()
                    .filter(|field| !field.as_deref().is_some_and(|field| ADDED.contains(&field)))
                    .collect();
                let alike = fields.len() == mirrored.len()
                    && fields
                        .iter()
                        .zip(&mirrored)
                        .all(|(core, mirror)| same(core, mirror));
                if !alike {
                    found.push(format!("the fields of {known}"));
                }
            }
            (core, mirror) => found.push(format!("{core:?} beside {mirror:?}")),
        }
    }
    found
}

/// A mirror may give a tuple's field a name, a duration its unit, and an error's cause a name that Kotlin takes.
fn same(core: &Option<String>, mirror: &Option<String>) -> bool {
    let (Some(core), Some(mirror)) = (core, mirror) else {
        return core.is_none();
    };
    let renamed = [
        format!("{core}_ms"),
        core.replace("_at", "_in_ms"),
        core.replace("cause", "why"),
    ];
    core == mirror || renamed.contains(mirror)
}

fn read(folder: &str, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{folder}/{file}: {error}"))
}

fn shape(source: &str, name: &str) -> Shape {
    let file = syn::parse_file(source).expect("the source compiles");
    let found = file.items.iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == name => Some(
            item.variants
                .iter()
                .map(|variant| (variant.ident.to_string(), fields(&variant.fields)))
                .collect(),
        ),
        Item::Struct(item) if item.ident == name => Some(vec![(name.to_owned(), fields(&item.fields))]),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn fields(fields: &Fields) -> Vec<Option<String>> {
    fields
        .iter()
        .map(|field| field.ident.as_ref().map(ToString::to_string))
        .collect()
}
