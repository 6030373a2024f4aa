//! The project's own tool: `cargo xtask VERB`.
//!
//! It needs a Rust toolchain to start; all else it sets up itself, by name, from the usual package registries. Few
//! dependencies on purpose: a newcomer waits seconds for it, and what it does is plain to read.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool talks to its terminal

use std::process::ExitCode;

use anyhow::Result;

mod backend;
mod bindings;
mod cli;
mod curtain;
mod folders;
mod kept;
mod leash;
mod licences;
mod mobile;
mod needs;
mod parts;
mod postgres;
mod readme;
mod reprise;
mod run;
mod screenless;
mod secret_service;
mod stamp;
mod swift_root;
mod tally;
mod tenancy;
mod toolbox;

use cli::Verb;
use toolbox::Toolbox;

fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Verb::Leash(command)) => return leash::hold(&command),
        Ok(Verb::Help) => {
            print!("{}", cli::help());
            Ok(true)
        }
        Ok(verb) => perform(verb),
        Err(misuse) => {
            eprint!("xtask: {misuse}\n\n{}", cli::help());
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well. An error is for what kept the verb from doing its work at all.
fn perform(verb: Verb) -> Result<bool> {
    let mut toolbox = Toolbox::open()?;
    if !matches!(verb, Verb::Fmt) {
        tenancy::move_in(&toolbox)?; // all others build
    }
    match verb {
        Verb::Test { parts, long } => {
            toolbox.long = long;
            run::test(&mut toolbox, &parts)
        }
        Verb::Setup { parts } => run::setup(&mut toolbox, &parts),
        Verb::Lint => run::test(&mut toolbox, &[&parts::LINT]),
        Verb::Fmt => toolbox.cargo(["fmt", "--all"]).succeeds().map(|()| true),
        Verb::Bindings { check: false } => bindings::write(&toolbox).map(|()| true),
        Verb::Bindings { check: true } => run::test(&mut toolbox, &[&parts::BINDINGS]),
        Verb::Bench(bench) => run::bench(&toolbox, &bench).map(|()| true),
        Verb::Simulate(flags) => run::simulate(&toolbox, &flags).map(|()| true),
        Verb::Soak(flags) => run::soak(&toolbox, &flags).map(|()| true),
        Verb::Swift(command) => swift_root::enter(&toolbox, &command),
        Verb::Postgres(command) => run::beside_postgres(&toolbox, &command).map(|()| true),
        Verb::Help | Verb::Leash(_) => Ok(true), // answered in main
    }
}
