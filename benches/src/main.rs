//! `cargo xtask bench [--json FILE] [ROW…]`: each row measures ours and its floor in turns within one run, and
//! shows the medians. Nothing fails for being slow: figures are read by people.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

mod cached_read;
mod many_callers;
mod measure;
mod one_refresh;
mod rig;

use std::process::ExitCode;

use measure::Row;

type Bench = (&'static str, fn() -> Vec<Row>);

const BENCHES: [Bench; 3] = [
    ("P1", cached_read::measure),
    ("P4", many_callers::measure),
    ("P5", one_refresh::measure),
];

fn main() -> ExitCode {
    let (file, wanted) = match arguments() {
        Ok(given) => given,
        Err(error) => {
            eprintln!("{error}\nusage: bench [--json FILE] [P1|P4|P5 …]");
            return ExitCode::from(2);
        }
    };
    let mut rows = Vec::new();
    for (id, bench) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|name| name == id) {
            eprintln!("measuring {id} …");
            rows.extend(bench());
        }
    }
    println!(
        "{:<12} {:<52} {:>12} {:>12} {:<9} {:>6} {:>6}",
        "row", "act", "floor", "ours", "unit", "ratio", "goal"
    );
    for row in &rows {
        println!("{row}");
    }
    if let Some(file) = file {
        let json = serde_json::to_string_pretty(&rows).expect("numbers and strings serialise");
        if let Err(error) = std::fs::write(&file, json + "\n") {
            eprintln!("{}: {error}", file.to_string_lossy());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<(Option<std::ffi::OsString>, Vec<String>), lexopt::Error> {
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
