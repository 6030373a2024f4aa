//! `tokencast-simulation --seeds N [--seed S] [--json FILE]`: N seeds from S on; exit 1 when one is not clean.
//! With `--trace`, one seed's steps are printed.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lexopt::{Arg, ValueExt as _};
use tokencast_simulation::{Report, run};

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
    let report = run_all(asked.first, asked.seeds);
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
    for (fault, step) in report.unmet() {
        eprintln!("no seed met {fault:?} in {step:?}");
    }
    let per_minute = asked.seeds as f64 * 60.0 / took.as_secs_f64();
    eprintln!("{} seeds, {per_minute:.0} a minute", asked.seeds);
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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

/// Each seed is alone on its thread; the sum does not depend on who ran it.
fn run_all(first: u64, seeds: u64) -> Report {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut whole = Report::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut part = Report::default();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= seeds {
                            return part;
                        }
                        part.add(&run(first.wrapping_add(at), false));
                    }
                })
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(part) => whole.merge(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    whole
}
