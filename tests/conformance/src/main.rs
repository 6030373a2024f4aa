//! `tokencast-conformance soak …`: see docs/guides/soak.md.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};
use tokencast::ServerProfile;
use tokencast_conformance::{Mint, Order, Report, Stop, Storage, check, soak};

const HELP: &str = "\
tokencast-conformance soak --profile FILE --mint CMD [options]
tokencast-conformance check --profile FILE --mint CMD [--json]

  --profile FILE     the server, as docs/guides/server-profile.md describes it
  --mint CMD         run by `sh -c` for every fresh session; prints one JSON object: access_token,
                     refresh_token, expires_in where known (cookies, for a server that keeps its session there)
  --exchanges N      exchanges at the server [1000]
  --callers K        calls at one time [8]
  --faults SEED      decides what the network does [1]
  --storage KIND     memory or file: where the client keeps its session [memory]
  --max-seconds S    ends in any case
  --pause MS         real milliseconds between two rounds, for a server whose tokens of one second are alike [0]
  --json             the result as one JSON object on stdout

`check` plays no faults: it tells what the server does, and which fields of the profile should say otherwise.

Ctrl-C ends it with the report so far; progress goes to stderr.
Exit: 0, 1 when the client lost a session (check: when something should change), 2 when there is no result, or none
of all exchanges because --mint failed again and again.";

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match parse() {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(misuse) => {
            eprintln!("{misuse}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if asked.only_checks {
        return check_and_tell(&asked).await;
    }
    end_on_signals(asked.order.stop.clone());
    let done = soak(&asked.order, |line| eprintln!("{line}")).await;
    let report = match done {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if asked.json {
        // Numbers and strings serialise.
        println!(
            "{}",
            serde_json::to_string_pretty(&report).expect("a report is plain data")
        );
    } else {
        print!("{}", told(&report));
    }
    match &report.ended_early {
        _ if !report.is_clean() => ExitCode::FAILURE,
        Some(why) if report.exchanges == 0 || why.contains("--mint") => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

/// The first Ctrl-C or TERM ends the soak with its report so far, the second at once.
fn end_on_signals(stop: Stop) {
    tokio::spawn(async move {
        signal().await;
        eprintln!("ending; once more to end at once");
        stop.pull();
        signal().await;
        std::process::exit(130);
    });
}

async fn signal() {
    #[cfg(unix)]
    if let Ok(mut term) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            _ = term.recv() => (),
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await; // where signals cannot be heard, the default ends the process
}

async fn check_and_tell(asked: &Asked) -> ExitCode {
    let findings = match check(&asked.order.profile, &asked.order.mint).await {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if asked.json {
        // Strings serialise.
        let text = serde_json::to_string_pretty(&findings).expect("findings are plain data");
        println!("{text}");
    } else {
        for finding in &findings {
            println!("{}: {}", finding.about, finding.does);
            if let Some(change) = &finding.change {
                println!("    change {change}");
            }
        }
    }
    if findings.iter().all(|finding| finding.change.is_none()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Asked {
    only_checks: bool,
    order: Order,
    json: bool,
}

fn parse() -> Result<Option<Asked>, lexopt::Error> {
    let (mut profile, mut mint, mut json) = (None, None, false);
    let (mut exchanges, mut callers, mut seed) = (1000, 8, 1);
    let (mut storage, mut most, mut pause) = (Storage::Memory, None, Duration::ZERO);
    let mut arguments = Parser::from_env();
    let only_checks = match arguments.next()? {
        Some(Arg::Value(verb)) if verb == "soak" => false,
        Some(Arg::Value(verb)) if verb == "check" => true,
        Some(Arg::Long("help") | Arg::Short('h')) => return Ok(None),
        _ => return Err("say `soak` or `check`".into()),
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long("profile") => profile = Some(read_profile(&arguments.value()?)?),
            Arg::Long("mint") => mint = Some(Mint(arguments.value()?.string()?)),
            Arg::Long("exchanges") => exchanges = arguments.value()?.parse()?,
            Arg::Long("callers") => callers = arguments.value()?.parse()?,
            Arg::Long("faults") => seed = arguments.value()?.parse()?,
            Arg::Long("max-seconds") => most = Some(Duration::from_secs(arguments.value()?.parse()?)),
            Arg::Long("pause") => pause = Duration::from_millis(arguments.value()?.parse()?),
            Arg::Long("json") => json = true,
            Arg::Long("storage") => {
                storage = match arguments.value()?.to_str() {
                    Some("memory") => Storage::Memory,
                    Some("file") => Storage::File,
                    _ => return Err("--storage is memory or file".into()),
                }
            }
            other => return Err(other.unexpected()),
        }
    }
    if callers == 0 || exchanges == 0 {
        return Err("--callers and --exchanges are at least 1".into());
    }
    let order = Order {
        profile: profile.ok_or("--profile is missing")?,
        mint: mint.ok_or("--mint is missing")?,
        exchanges,
        callers,
        seed,
        storage,
        most,
        pause,
        stop: Stop::default(),
        server_clock: None,
    };
    Ok(Some(Asked {
        only_checks,
        order,
        json,
    }))
}

fn read_profile(file: &std::ffi::OsStr) -> Result<ServerProfile, lexopt::Error> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| lexopt::Error::from(format!("{}: {error}", file.to_string_lossy())))?;
    ServerProfile::from_json(&text).map_err(|error| lexopt::Error::from(error.to_string()))
}

fn told(report: &Report) -> String {
    let mut text = format!(
        "{} exchanges, {} faults, {} sessions in {:.0} s ({:.0} exchanges a second)\n\
         lost by the client {}, by the server {}\n\
         calls: {} served, {} told to try again\n",
        report.exchanges,
        report.faults,
        report.sessions,
        report.seconds,
        report.exchanges_per_second,
        report.lost_by_client,
        report.lost_by_server,
        report.served,
        report.unserved
    );
    if let Some(why) = &report.ended_early {
        text += &format!("ended early: {why}\n");
    }
    for (kind, times) in &report.faults_by_kind {
        text += &format!("  {times:>6} {kind}\n");
    }
    for answer in &report.answers {
        let listed = if answer.listed {
            ""
        } else {
            "  (in no verdict of the profile: taken as trouble that passes)"
        };
        text += &format!(
            "  {:>6} answers {} {}{listed}\n",
            answer.times, answer.status, answer.code
        );
    }
    for violation in &report.violations {
        text += &format!("violation: {violation}\n");
    }
    for loss in report.losses.iter().filter(|loss| loss.by == "client").take(10) {
        text += &format!(
            "session {}, lost by the client: told \"{}\"; {}\n",
            loss.session, loss.told, loss.because
        );
    }
    text
}
