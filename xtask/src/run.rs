//! Parts one after another, and the count at the end.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cli::Bench;
use crate::kept::Kept;
use crate::mobile;
use crate::needs;
use crate::parts::{Part, kotlin, swift, webviews};
use crate::postgres::{self, Postgres};
use crate::reprise;
use crate::secret_service::{self, SecretService};
use crate::tally::Tally;
use crate::toolbox::{Toolbox, clock};

/// Sets up and runs each part, goes on after one that fails, and says whether all were clean.
pub(crate) fn test(toolbox: &mut Toolbox, parts: &[&'static Part]) -> Result<bool> {
    toolbox.kept = Some(Kept::begin(&toolbox.folders)?);
    let mut rows = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        println!(
            "\n=== {} ({} of {}): {}",
            part.name,
            index + 1,
            parts.len(),
            part.proves
        );
        toolbox.now.set(part.name);
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = (part.setup)(toolbox).and_then(|()| (part.run)(toolbox, &mut tally));
        let trouble = match outcome {
            Err(error) => Some(format!("{error:#}")),
            Ok(()) if tally.executed() == 0 => Some("no test was executed".to_owned()),
            Ok(()) => None,
        };
        if let Some(trouble) = trouble {
            let said = format!("{}: error: {trouble}\n", part.name);
            eprint!("{said}");
            if let Some(kept) = &toolbox.kept {
                kept.add(part.name, said.as_bytes())?;
            }
            tally += Tally::ONE_FAILED;
        }
        rows.push(Row {
            name: part.name,
            tally,
            took: started.elapsed(),
        });
    }
    for row in rows.iter().filter(|row| !row.tally.is_clean()) {
        let said = toolbox.kept.as_ref().map(|kept| kept.said_by(row.name));
        print!(
            "\n=== {} failed\n{}",
            row.name,
            reprise::of(&said.unwrap_or_default())
        );
    }
    print!("\n{}", summary(&rows));
    Ok(rows.iter().all(|row| row.tally.is_clean()))
}

pub(crate) fn setup(toolbox: &mut Toolbox, parts: &[&'static Part]) -> Result<bool> {
    for part in parts {
        toolbox.now.set(part.name);
        (part.setup)(toolbox)?;
        println!("[{} {}] set up", part.name, toolbox.clock());
    }
    Ok(true)
}

/// Measures, optimised, with a Secret Service where a row needs one.
pub(crate) fn bench(toolbox: &Toolbox, bench: &Bench) -> Result<()> {
    let mut task = if bench.wants_webviews() {
        webviews::bench(toolbox)?
    } else {
        toolbox.cargo(["run", "--quiet", "--release", "-p", "tokencast-bench"])
    };
    task = task.arg("--").args(&bench.rows);
    if let Some(file) = &bench.json {
        // Seen from where it was typed: the program itself runs in the repository.
        task = task.arg("--json").arg(std::path::absolute(file)?);
    }
    if bench.wants_kotlin() {
        task = task.env("TOKENCAST_ROWS_P2", kotlin::bench(toolbox)?);
    }
    if bench.wants_swift() {
        task = task.env("TOKENCAST_ROWS_P3", swift::bench(toolbox)?);
    }
    if bench.wants_sizes() {
        task = task.env("TOKENCAST_ROWS_P8", mobile::bench(toolbox)?);
    }
    let postgres = if bench.wants_a_postgres() {
        postgres::set_up(toolbox)?;
        Some(Postgres::start(toolbox)?)
    } else {
        None
    };
    if let Some(postgres) = &postgres {
        task = postgres.visible_to(task);
    }
    if !bench.wants_a_keyring() {
        return task.succeeds();
    }
    needs::install(toolbox, secret_service::NEEDS)?;
    let service = SecretService::start(toolbox)?;
    service.visible_to(task).succeeds()
}

/// A command that finds a PostgreSQL as its tests do.
pub(crate) fn beside_postgres(toolbox: &Toolbox, command: &[OsString]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(()); // the command line asks for one
    };
    postgres::set_up(toolbox)?;
    let postgres = Postgres::start(toolbox)?;
    postgres
        .visible_to(toolbox.program(program).args(arguments))
        .succeeds()
}

/// Plays seeds of the simulation, optimised: it is the number of seeds that finds things.
pub(crate) fn simulate(toolbox: &Toolbox, flags: &[OsString]) -> Result<()> {
    toolbox
        .cargo(["run", "--quiet", "--release", "-p", "tokencast-simulation", "--"])
        .args(flags)
        .succeeds()
}

/// Soaks the reference backend, scheme by scheme, optimised: ten thousand exchanges take a while.
pub(crate) fn soak(toolbox: &Toolbox, flags: &[OsString]) -> Result<()> {
    let package = ["--package", "tokencast-conformance", "--example", "schemes", "--"];
    toolbox
        .cargo(["run", "--quiet", "--release"].into_iter().chain(package))
        .args(flags)
        .succeeds()
}

struct Row {
    name: &'static str,
    tally: Tally,
    took: Duration,
}

/// A skipped test counts as failed: the last line must not look better than what was proven.
fn summary(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<10} {:>6} {:>6} {:>7} {:>7}\n",
        "part", "passed", "failed", "skipped", "time"
    );
    let mut sum = Tally::default();
    for Row { name, tally, took } in rows {
        let Tally {
            passed,
            failed,
            skipped,
        } = *tally;
        let verdict = if tally.is_clean() { "" } else { "  <-- failed" };
        text += &format!(
            "{name:<10} {passed:>6} {failed:>6} {skipped:>7} {:>7}{verdict}\n",
            clock(*took)
        );
        sum += *tally;
    }
    text + &format!("{} passed, {} failed\n", sum.passed, sum.failed + sum.skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, passed: usize, failed: usize, skipped: usize) -> Row {
        Row {
            name,
            tally: Tally {
                passed,
                failed,
                skipped,
            },
            took: Duration::from_secs(61),
        }
    }

    #[test]
    fn the_last_line_counts_the_tests_of_all_parts() {
        let text = summary(&[row("core", 40, 0, 0), row("web", 2, 1, 0)]);
        assert_eq!(text.lines().last(), Some("42 passed, 1 failed"));
        assert!(
            text.lines()
                .any(|line| line.starts_with("core") && line.ends_with("01:01"))
        );
        assert!(
            text.lines()
                .any(|line| line.starts_with("web") && line.ends_with("<-- failed"))
        );
    }

    #[test]
    fn a_skipped_test_is_not_hidden_from_the_last_line() {
        assert_eq!(
            summary(&[row("swift", 3, 0, 2)]).lines().last(),
            Some("3 passed, 2 failed")
        );
    }
}
