//! The parts of `cargo xtask test`, as data. A new part is a row in [`ALL`] and two functions in a file of this folder.

use anyhow::Result;

use crate::tally::Tally;
use crate::toolbox::Toolbox;

mod android;
mod backend;
mod ios;
pub(crate) mod kotlin;
mod lint;
mod mobile;
mod python;
mod rust;
mod secrets;
pub(crate) mod swift;
mod web;
pub(crate) mod webviews;

/// Something that can be set up and tested by itself.
#[derive(Debug)]
pub(crate) struct Part {
    /// As typed after `cargo xtask test`.
    pub(crate) name: &'static str,
    /// One line for the help; CONTRIBUTING.md has the same table with the minutes.
    pub(crate) proves: &'static str,
    /// Installs and downloads what is missing; quick when nothing is.
    pub(crate) setup: fn(&Toolbox) -> Result<()>,
    /// Runs the tests and adds them. A failed test is counted, not an error; an error counts as one more failed test.
    pub(crate) run: fn(&Toolbox, &mut Tally) -> Result<()>,
}

/// In the order in which they run: what is quick and what the others stand on comes first.
pub(crate) static ALL: &[&Part] = &[
    &LINT,
    &CORE,
    &BACKEND,
    &BINDINGS,
    &PYTHON,
    &KOTLIN,
    &SWIFT,
    &MOBILE,
    &WEB,
    &WEBVIEWS,
    &DEMO,
    &SIMULATION,
    &CONFORMANCE,
    &SECRETS,
];

pub(crate) static LINT: Part = Part {
    name: "lint",
    proves: "formatted, no warnings, only allowed licences and sources",
    setup: nothing,
    run: lint::run,
};
static CORE: Part = Part {
    name: "core",
    proves: "the core, its README and module directions, killed processes, the development host, xtask itself",
    setup: rust::set_up_core,
    run: rust::test_core,
};
static BACKEND: Part = Part {
    name: "backend",
    proves: "the reference backend: every scheme on SQLite and PostgreSQL, its contract, its description",
    setup: backend::set_up,
    run: backend::run,
};
pub(crate) static BINDINGS: Part = Part {
    name: "bindings",
    proves: "the FFI crate, and that the committed bindings are those it generates",
    setup: nothing,
    run: rust::test_bindings,
};
static PYTHON: Part = Part {
    name: "python",
    proves: "Python against the real library and the real backend",
    setup: python::set_up,
    run: python::run,
};
static KOTLIN: Part = Part {
    name: "kotlin",
    proves: "Kotlin on a JVM and for Android, against the real library, backend and framework classes; the JavaFX example",
    setup: kotlin::set_up,
    run: kotlin::run,
};
static SWIFT: Part = Part {
    name: "swift",
    proves: "Swift on Linux against the real library and the real backend; the iOS glue, unmodified, in WebKitGTK",
    setup: swift::set_up,
    run: swift::run,
};
static MOBILE: Part = Part {
    name: "mobile",
    proves: "the library for five targets of Android and iOS, linked against what API level 24 has, for pages of 16 KiB",
    setup: mobile::set_up,
    run: mobile::run,
};
static WEB: Part = Part {
    name: "web",
    proves: "the page's client, in Node and in a headless Chromium",
    setup: web::set_up,
    run: web::run,
};
static WEBVIEWS: Part = Part {
    name: "webviews",
    proves: "one suite in WebKitGTK, in Chromium and over the development host: one exchange reaches every open page",
    setup: webviews::set_up,
    run: webviews::run,
};
static DEMO: Part = Part {
    name: "demo",
    proves: "the demo's script and every scheme's stories, played without a browser, by what the server counted",
    setup: nothing,
    run: rust::check_demo,
};
static SIMULATION: Part = Part {
    name: "simulation",
    proves: "seeds of the simulated world: no session lost by the client, each run replayable",
    setup: nothing,
    run: rust::test_simulation,
};
static CONFORMANCE: Part = Part {
    name: "conformance",
    proves: "a soak against the reference backend and against odd servers: no session lost by the client",
    setup: nothing,
    run: rust::test_conformance,
};

/// The last one: it searches what the others said.
static SECRETS: Part = Part {
    name: "secrets",
    proves: "no token or password of this run stands in anything that its parts said, at trace level",
    setup: nothing,
    run: secrets::run,
};

fn nothing(_: &Toolbox) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let mut names: Vec<_> = ALL.iter().map(|part| part.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn the_table_in_contributing_has_a_row_for_every_part() {
        let contributing = include_str!("../../../CONTRIBUTING.md");
        for part in ALL {
            let row = format!("| `{}` | {} |", part.name, part.proves);
            assert!(contributing.contains(&row), "CONTRIBUTING.md lacks the row {row}");
        }
    }
}
