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
    Bench(Bench),
    /// Runs the simulation with these flags.
    Simulate(Vec<OsString>),
    /// Soaks the reference backend, scheme by scheme, with these flags.
    Soak(Vec<OsString>),
    /// Runs a command inside the Swift root.
    Swift(Vec<OsString>),
    /// Runs a command beside a PostgreSQL.
    Postgres(Vec<OsString>),
    /// Not for people: see [`crate::leash`].
    Leash(Vec<OsString>),
}

/// The rows that `bench` can be asked for. P1 brings P1-8 and its peer, P9a and P9b bring a sealed file beside them,
/// P2 what an OkHttp call and the boundary to the JVM cost, P3 what the boundary to Swift costs, P7 and P13 a row for each
/// engine and way, P8 one for each system, P12 a peer.
pub(crate) const ROWS: [&str; 13] = [
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9a", "P9b", "P10", "P12", "P13",
];

/// What to measure, and where to write it besides the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bench {
    /// All when none is named.
    pub(crate) rows: Vec<String>,
    pub(crate) json: Option<OsString>,
}

impl Bench {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut bench = Self {
            rows: Vec::new(),
            json: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--json") => bench.json = Some(arguments.next().ok_or("--json wants a file")?),
                Some(row) if ROWS.contains(&row) => bench.rows.push(row.to_owned()),
                _ => {
                    let rows = ROWS.join(" ");
                    return Err(format!("bench has no row {argument:?}; there are: {rows}"));
                }
            }
        }
        Ok(bench)
    }

    /// Whether a row among them is of the reference backend.
    pub(crate) fn wants_a_postgres(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == "P10")
    }

    /// Whether a row among them is measured on a JVM.
    pub(crate) fn wants_kotlin(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == "P2")
    }

    /// Whether a row among them is measured in Swift.
    pub(crate) fn wants_swift(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == "P3")
    }

    /// Whether a row among them is of the library's size.
    pub(crate) fn wants_sizes(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == "P8")
    }

    /// Whether a row among them has pages.
    pub(crate) fn wants_webviews(&self) -> bool {
        self.rows.is_empty()
            || self
                .rows
                .iter()
                .any(|row| matches!(row.as_str(), "P7" | "P12" | "P13"))
    }

    /// Whether a row among them stores its record in the Secret Service.
    pub(crate) fn wants_a_keyring(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == "P6" || row.starts_with("P9"))
    }
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
        return Bench::parse(arguments).map(Verb::Bench);
    }
    if verb == "simulate" {
        return Ok(Verb::Simulate(arguments.collect()));
    }
    if verb == "soak" {
        return Ok(Verb::Soak(arguments.collect()));
    }
    if matches!(verb.as_str(), "leash" | "postgres" | "swift") {
        let command: Vec<OsString> = arguments.collect();
        if command.is_empty() {
            return Err(format!("{verb} wants a command"));
        }
        return Ok(match verb.as_str() {
            "leash" => Verb::Leash(command),
            "postgres" => Verb::Postgres(command),
            _ => Verb::Swift(command),
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
                         measure each row beside its floor; figures, not a test. Rows: P1 P2 P3 P4 P5 P6 P7 P8 P9a
                         P9b P10 P12 P13; a Secret Service of its own is started for P6, P9a and P9b, a PostgreSQL for P10,
                         Chromium and WebKitGTK for P7, P12 and P13
  simulate --seeds N [--seed S] [--json FILE]
                         play N seeds of the simulation from S on; fails when one loses a session
  soak [--exchanges N] [--callers K] [--faults SEED] [--json] [SCHEME…]
                         soak the reference backend, scheme by scheme; fails when the client lost a session
  postgres COMMAND…      run a command beside a PostgreSQL in a throw-away folder, e.g. `cargo test -p tokencast-backend`
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
    fn the_soak_reads_its_own_flags() {
        let Ok(Verb::Soak(flags)) = typed("soak --exchanges 5 salted") else {
            panic!("not understood");
        };
        assert_eq!(flags, ["--exchanges", "5", "salted"]);
    }

    #[test]
    fn bench_knows_its_rows_and_refuses_others() {
        let Ok(Verb::Bench(bench)) = typed("bench P5 --json out.json P9a") else {
            panic!("not understood");
        };
        assert_eq!(
            (bench.rows.join(" ").as_str(), bench.json),
            ("P5 P9a", Some("out.json".into()))
        );
        assert!(typed("bench P11").is_err_and(|misuse| misuse.contains("\"P11\"")));
        assert!(typed("bench --json").is_err() && typed("bench --fast").is_err());
        let sources = include_str!("../../benches/src/main.rs");
        assert!(ROWS.iter().all(|row| sources.contains(&format!("(\"{row}\", "))));
    }

    #[test]
    fn a_keyring_is_started_for_the_rows_that_need_one() {
        let wants = |line: &str| match typed(line) {
            Ok(Verb::Bench(bench)) => bench.wants_a_keyring(),
            other => panic!("{line}: {other:?}"),
        };
        assert!(wants("bench") && wants("bench P6") && wants("bench P1 P9b"));
        assert!(!wants("bench P1 P4 P5 --json P6.json"));
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
