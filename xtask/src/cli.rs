//! What may be typed after `cargo xtask`, parsed once into a [`Verb`].

use std::ffi::OsString;
use std::fmt::Write as _;

use crate::parts::{self, Part};

#[derive(Debug)]
pub(crate) enum Verb {
    Help,
    Test {
        parts: Vec<&'static Part>,
        long: bool,
    },
    Setup {
        parts: Vec<&'static Part>,
    },
    Fmt,
    Lint,
    Bindings {
        check: bool,
    },
    /// Runs the benchmarks with these arguments.
    Bench(Vec<OsString>),
    /// Runs the simulation with these flags.
    Simulate(Vec<OsString>),
    /// Runs a command inside the Swift root.
    Swift(Vec<OsString>),
    /// Not for people: see [`crate::leash`].
    Leash(Vec<OsString>),
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// A sentence for the person who typed it.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Verb, String> {
    let mut arguments = arguments.into_iter();
    let Some(verb) = arguments.next() else {
        return Ok(Verb::Help);
    };
    let verb = verb.to_string_lossy().into_owned();
    if verb == "bench" {
        return Ok(Verb::Bench(arguments.collect()));
    }
    if verb == "simulate" {
        return Ok(Verb::Simulate(arguments.collect()));
    }
    if verb == "leash" || verb == "swift" {
        let command: Vec<OsString> = arguments.collect();
        if command.is_empty() {
            return Err(format!("{verb} wants a command"));
        }
        return Ok(if verb == "leash" {
            Verb::Leash(command)
        } else {
            Verb::Swift(command)
        });
    }

    let mut names = Vec::new();
    let mut flags = Vec::new();
    for argument in arguments {
        let argument = argument
            .into_string()
            .map_err(|_| "an argument is not UTF-8".to_owned())?;
        if argument.starts_with('-') {
            flags.push(argument);
        } else {
            names.push(argument);
        }
    }
    if matches!(verb.as_str(), "help" | "--help" | "-h") || flags.iter().any(|f| f == "--help" || f == "-h") {
        return Ok(Verb::Help);
    }
    let mut flag = |name: &str| {
        let found = flags.iter().position(|given| given == name);
        found.map(|at| flags.remove(at)).is_some()
    };
    let parsed = match verb.as_str() {
        "test" => Verb::Test {
            long: flag("--long"),
            parts: named(std::mem::take(&mut names))?,
        },
        "setup" => Verb::Setup {
            parts: named(std::mem::take(&mut names))?,
        },
        "fmt" => Verb::Fmt,
        "lint" => Verb::Lint,
        "bindings" => Verb::Bindings {
            check: flag("--check"),
        },
        other => return Err(format!("no verb is named {other:?}")),
    };
    match flags.first().or(names.first()) {
        Some(unknown) => Err(format!("{verb} does not take {unknown:?}")),
        None => Ok(parsed),
    }
}

pub(crate) fn help() -> String {
    let mut text = String::from(
        "\
cargo xtask VERB

  test [PART…] [--long]  set up what the parts need, run them one after another, count the tests
  setup [PART…]          only set up what the parts need
  lint                   the part of that name
  fmt                    format all Rust sources
  bindings [--check]     generate the Kotlin, Swift and Python bindings, or fail when the committed ones are stale
  bench [--json FILE] [ROW…]
                         measure each row beside its floor; figures, not a test
  simulate --seeds N [--seed S] [--json FILE]
                         play N seeds of the simulation from S on; fails when one loses a session
  swift COMMAND…         run a command inside the Swift root, e.g. `swift build`

Without PART all of them, in this order:

",
    );
    for part in parts::ALL {
        let _ = writeln!(text, "  {:<9} {}", part.name, part.proves); // writing to a String cannot fail
    }
    text
}

/// The parts of these names, in the order of the table; all when none is named.
fn named(names: Vec<String>) -> Result<Vec<&'static Part>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !parts::ALL.iter().any(|part| part.name == **name))
    {
        let known: Vec<_> = parts::ALL.iter().map(|part| part.name).collect();
        return Err(format!(
            "no part is named {unknown:?}; there are: {}",
            known.join(" ")
        ));
    }
    let wanted = |part: &&&'static Part| names.is_empty() || names.iter().any(|name| name == part.name);
    Ok(parts::ALL.iter().filter(wanted).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Verb, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn parts_of(line: &str) -> Vec<&'static str> {
        match typed(line) {
            Ok(Verb::Test { parts, .. } | Verb::Setup { parts }) => {
                parts.iter().map(|part| part.name).collect()
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn test_without_parts_means_every_part() {
        assert_eq!(parts_of("test").len(), parts::ALL.len());
    }

    #[test]
    fn parts_run_in_the_order_of_the_table_and_not_as_typed() {
        assert_eq!(parts_of("test web core --long"), ["core", "web"]);
        assert_eq!(parts_of("setup swift python"), ["python", "swift"]);
    }

    #[test]
    fn long_is_off_unless_asked_for() {
        assert!(matches!(typed("test core"), Ok(Verb::Test { long: false, .. })));
        assert!(matches!(
            typed("test --long core"),
            Ok(Verb::Test { long: true, .. })
        ));
    }

    #[test]
    fn the_simulation_reads_its_own_flags() {
        let Ok(Verb::Simulate(flags)) = typed("simulate --seeds 5 --seed 7") else {
            panic!("not understood");
        };
        assert_eq!(flags, ["--seeds", "5", "--seed", "7"]);
    }

    #[test]
    fn an_unknown_word_is_refused_by_name() {
        assert!(typed("test cores").is_err_and(|misuse| misuse.contains("\"cores\"")));
        assert!(typed("frobnicate").is_err_and(|misuse| misuse.contains("\"frobnicate\"")));
        assert!(typed("lint --check").is_err_and(|misuse| misuse.contains("\"--check\"")));
        assert!(typed("fmt core").is_err_and(|misuse| misuse.contains("\"core\"")));
    }

    #[test]
    fn the_help_names_every_part() {
        let help = help();
        assert!(parts::ALL.iter().all(|part| help.contains(part.name)));
    }
}
