//! `cargo xtask bench [--json FILE] [ROW…]`: each row measures ours and its floor in turns within one run, and
//! shows the medians. Nothing fails for being slow: figures are read by people.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

mod bare_file;
mod bare_keyring;
mod cached_read;
mod elsewhere;
mod exchanges;
mod first_token;
mod kept_refresh;
mod many_callers;
mod measure;
mod one_refresh;
mod peer;
mod rig;
mod server;
mod webviews;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use measure::Row;

type Bench = (&'static str, fn() -> Result<Vec<Row>, String>);

/// A bench gives its row, and the rows that belong beside it.
const BENCHES: [Bench; 13] = [
    ("P1", cached_read::measure),
    ("P2", elsewhere::measured_on_a_jvm),
    ("P3", elsewhere::measured_in_swift),
    ("P4", many_callers::measure),
    ("P5", one_refresh::measure),
    ("P6", kept_refresh::measure),
    ("P7", webviews::token_to_pages::measure),
    ("P8", elsewhere::measured_by_the_linker),
    ("P9a", first_token::measure_persisted),
    ("P9b", first_token::measure_refreshed),
    ("P10", exchanges::measure),
    ("P12", webviews::live_fetch::measure),
    ("P13", webviews::replayed_call::measure),
];

fn main() -> ExitCode {
    let start = Instant::now();
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() == Some(first_token::CHILD) {
        return be_measured(start, given);
    }
    let (file, wanted) = match arguments() {
        Ok(given) => given,
        Err(error) => {
            let known = BENCHES.map(|(id, _)| id).join("|");
            eprintln!("{error}\nusage: bench [--json FILE] [{known} …]");
            return ExitCode::from(2);
        }
    };
    let (rows, all) = run(&wanted);
    print(&rows);
    let written = file.is_none_or(|file| write(&rows, &file));
    if all && written {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A process that one of the benches started.
fn be_measured(start: Instant, arguments: impl Iterator<Item = String>) -> ExitCode {
    match first_token::child(start, arguments) {
        Ok(time) => {
            println!("{}", time.as_nanos());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The rows, and whether all of the wanted ones could be measured.
fn run(wanted: &[String]) -> (Vec<Row>, bool) {
    let (mut rows, mut all) = (Vec::new(), true);
    for (id, bench) in BENCHES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == id) {
            continue;
        }
        eprintln!("measuring {id} …");
        match bench() {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                eprintln!("{id} could not be measured: {error}");
                all = false;
            }
        }
    }
    (rows, all)
}

fn print(rows: &[Row]) {
    println!(
        "{:<14} {:<64} {:>12} {:>12} {:<9} {:>6} {:>6}",
        "row", "act", "floor", "ours", "unit", "ratio", "goal"
    );
    for row in rows {
        println!("{row}");
    }
}

fn write(rows: &[Row], file: &OsString) -> bool {
    let json = serde_json::to_string_pretty(rows).expect("numbers and strings serialise");
    if let Err(error) = std::fs::write(file, json + "\n") {
        eprintln!("{}: {error}", file.to_string_lossy());
        return false;
    }
    true
}

fn arguments() -> Result<(Option<OsString>, Vec<String>), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut file, mut wanted) = (None, Vec::new());
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("json") => file = Some(parser.value()?),
            Value(name) => {
                let name = name.string()?;
                if !BENCHES.iter().any(|(id, _)| *id == name) {
                    return Err(format!("there is no row {name}").into());
                }
                wanted.push(name);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok((file, wanted))
}
