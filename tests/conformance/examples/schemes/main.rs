//! `cargo xtask soak`: the soak against the reference backend, scheme by scheme.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

mod mint;
mod rows;

use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt as _};
use serde_json::json;
use tokencast_conformance::{Report, Stop};

use rows::{Contract, Row, Size, rows};

const HELP: &str = "\
cargo xtask soak [--exchanges N] [--callers K] [--faults SEED] [--json] [SCHEME…]

Starts the reference backend for each scheme, with and without the idempotency contract, and soaks it. A row for each,
on stdout; progress on stderr. Exit 1 when the client lost a session. [10000 exchanges, 50 callers, seed 1]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let mut size = Size {
        exchanges: 10_000,
        callers: 50,
        seed: 1,
        stop: Stop::default(),
    };
    let (mut as_json, mut wanted) = (false, Vec::new());
    let mut arguments = Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("exchanges") => size.exchanges = arguments.value()?.parse()?,
            Arg::Long("callers") => size.callers = arguments.value()?.parse()?,
            Arg::Long("faults") => size.seed = arguments.value()?.parse()?,
            Arg::Long("json") => as_json = true,
            Arg::Long("mint") => {
                let (scheme, url) = (arguments.value()?.string()?, arguments.value()?.string()?);
                println!("{}", mint::fresh(&scheme, &url)?);
                return Ok(true);
            }
            Arg::Long("help") | Arg::Short('h') => {
                println!("{HELP}");
                return Ok(true);
            }
            Arg::Value(scheme) => wanted.push(scheme.string()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let stop = size.stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await; // where signals cannot be heard, the default ends the process
        stop.pull();
    });
    let mint = format!("'{}' --mint", std::env::current_exe()?.display());
    let mut done = Vec::new();
    if !as_json {
        println!(
            "| scheme | contract | exchanges | faults | sessions | lost by the client | lost by the server | seconds |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    }
    for row in rows() {
        if size.stop.is_pulled() || !(wanted.is_empty() || wanted.contains(&row.scheme)) {
            continue;
        }
        let name = row.scheme.name();
        let report = row.soak(&size, &mint, |line| eprintln!("{name}: {line}")).await?;
        if !as_json {
            println!("{}", line(row, &report));
        }
        for what in &report.violations {
            eprintln!("{name}: violation: {what}");
        }
        for loss in report.losses.iter().filter(|loss| loss.by == "client").take(10) {
            eprintln!(
                "{name}: session {}, told \"{}\": {}",
                loss.session, loss.told, loss.because
            );
        }
        done.push((row, report));
    }
    if as_json {
        let list: Vec<_> = done
            .iter()
            .map(|(row, report)| json!({ "scheme": row.scheme.name(), "contract": row.contract, "report": report }))
            .collect();
        println!("{:#}", json!(list));
    }
    Ok(done.iter().all(|(_, report)| report.is_clean()))
}

fn line(row: Row, report: &Report) -> String {
    let contract = match row.contract {
        Contract::Kept => "on",
        Contract::Off => "off",
        Contract::NotNeeded => "–",
    };
    format!(
        "| `{}` | {contract} | {} | {} | {} | {} | {} | {:.0} |",
        row.scheme.name(),
        report.exchanges,
        report.faults,
        report.sessions,
        report.lost_by_client,
        report.lost_by_server,
        report.seconds
    )
}
