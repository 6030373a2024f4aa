//! `tokencast-simulation --seeds N [--seed S] [--json FILE]`: N seeds from S on; exit 1 when one is not clean,
//! or when 10,000 seeds leave out a possible pair of fault and step. The first failing seed is shrunk.
//! With `--trace`, one seed's steps are printed.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

use std::process::ExitCode;
use std::time::Instant;

use lexopt::{Arg, ValueExt as _};
use tokencast_simulation::{Plan, play, run, shrink, sweep};

/// So many seeds meet every possible pair of fault and step; fewer may not.
const ENOUGH_SEEDS: u64 = 10_000;

struct Asked {
    first: u64,
    seeds: u64,
    json: Option<String>,
    trace: bool,
}

fn main() -> ExitCode {
    let asked = match parse() {
        Ok(asked) => asked,
        Err(misuse) => {
            eprintln!("{misuse}\n\ntokencast-simulation --seeds N [--seed S] [--json FILE] [--trace]");
            return ExitCode::from(2);
        }
    };
    if asked.trace {
        let outcome = run(asked.first, true);
        outcome.trace.iter().for_each(|line| println!("{line}"));
    }
    let started = Instant::now();
    let report = sweep(asked.first, asked.seeds, |begun| {
        eprintln!("{begun} of {} seeds", asked.seeds);
    });
    let took = started.elapsed();
    let json = report.to_json();
    match &asked.json {
        Some(file) => {
            if let Err(error) = std::fs::write(file, format!("{json:#}\n")) {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        }
        None => println!("{json:#}"),
    }
    for (seed, what) in report.failed() {
        eprintln!("seed {seed}: {what}");
    }
    if let Some((seed, _)) = report.failed().first() {
        tell_smallest(*seed);
    }
    let unmet = report.unmet();
    let enough = asked.seeds >= ENOUGH_SEEDS;
    if enough {
        for (fault, step) in &unmet {
            eprintln!("no seed met {fault:?} in {step:?}, which is possible");
        }
    } else if !unmet.is_empty() {
        eprintln!(
            "{} possible pairs of fault and step were not met; {ENOUGH_SEEDS} seeds meet each",
            unmet.len()
        );
    }
    let per_minute = asked.seeds as f64 * 60.0 / took.as_secs_f64();
    eprintln!("{} seeds, {per_minute:.0} a minute", asked.seeds);
    if report.is_clean() && (unmet.is_empty() || !enough) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Shrinks the first failing seed, and tells it as a test can hold it.
fn tell_smallest(seed: u64) {
    eprintln!("shrinking seed {seed}...");
    let Some(plan) = shrink(&Plan::of(seed)) else {
        return;
    };
    let outcome = play(&plan, false);
    eprintln!("the smallest plan found that fails alike, for tests/simulation/tests/seeds.rs:\n");
    eprintln!("    {plan},");
    eprintln!("\n    // {}\n", outcome.failure().unwrap_or_default());
}

fn parse() -> Result<Asked, lexopt::Error> {
    let mut asked = Asked {
        first: 1,
        seeds: 1,
        json: None,
        trace: false,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("seeds") => asked.seeds = arguments.value()?.parse()?,
            Arg::Long("seed") => asked.first = arguments.value()?.parse()?,
            Arg::Long("json") => asked.json = Some(arguments.value()?.string()?),
            Arg::Long("trace") => asked.trace = true,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(asked)
}
