//! Which module of the core may import which: the table, and a test that reads the sources and holds them to it.
//!
//! A new arrow needs a decision record in `docs/adr`; the table here and the one in `ARCHITECTURE.md` then change
//! together.

mod danger;
mod directions;
mod imports;
mod planted;
mod sources;

use directions::{ARROWS, ROOT, may_import};
use imports::imports;
use sources::Sources;

#[test]
fn every_import_of_the_core_goes_in_a_direction_of_the_table() {
    let sources = Sources::of_the_core();
    let wrong = violations(&sources);
    assert!(
        wrong.is_empty(),
        "against the table in tests/architecture/directions.rs:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_core_imports_something_at_all() {
    // A reader of sources that finds nothing would agree with everything.
    let sources = Sources::of_the_core();
    assert!(imports(&sources).expect("the core parses").len() > 20);
}

#[test]
fn the_core_does_not_know_uniffi() {
    let sources = Sources::of_the_core();
    let knowing: Vec<_> = sources.mentioning("uniffi").collect();
    assert!(knowing.is_empty(), "the FFI is a crate of its own: {knowing:?}");
}

#[test]
fn the_table_has_no_circle() {
    for (module, _) in ARROWS {
        for (other, _) in ARROWS {
            let both = may_import(module, other) && may_import(other, module);
            assert!(
                module == other || !both,
                "{module} and {other} may import each other"
            );
        }
    }
}

/// One line for each import that no arrow allows, and for each module that the table does not know.
fn violations(sources: &Sources) -> Vec<String> {
    let imports = match imports(sources) {
        Ok(imports) => imports,
        Err(unreadable) => return vec![unreadable],
    };
    let mut wrong: Vec<_> = sources
        .top_modules()
        .filter(|module| !ARROWS.iter().any(|(known, _)| known == module))
        .map(|module| format!("{module} is not in the table"))
        .collect();
    let against = imports
        .iter()
        .filter(|import| import.from != ROOT && !may_import(&import.from, &import.to));
    wrong.extend(against.map(|import| {
        format!(
            "{}:{}: {} imports {} ({})",
            import.file, import.line, import.from, import.to, import.written
        )
    }));
    wrong
}
