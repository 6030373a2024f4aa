//! The demo: an app, a server and four pages, and a dashboard to play with them.
//!
//! One binary, two processes. The **launcher** ([`launcher`]) runs the reference backend, serves the pages and the
//! dashboard, and starts the **app** ([`app`]) by executing itself: an `AuthSession` and a development host, told
//! what to do by lines of JSON ([`control`]) that never hold a token. So the app can be killed, as a phone kills one,
//! and started again. What happens at a button is a [`step::Step`]; [`check`] plays the same steps without a browser.
//!
//! The server keeps sessions alive by one of eight [schemes](scheme); a [story](mod@story) shows what that is good for.

mod app;
mod check;
mod cli;
mod control;
mod launcher;
mod scheme;
mod step;
mod story;

use std::io::{self, Write as _};
use std::process::ExitCode;

use cli::Command;

fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => io::stdout().write_all(cli::HELP.as_bytes()).map_err(Into::into),
        Ok(Command::App) => return app::run(),
        Ok(Command::ListSchemes) => io::stdout()
            .write_all(cli::list_of_schemes().as_bytes())
            .map_err(Into::into),
        Ok(Command::Play { storage, scheme }) => launcher::run(storage, scheme),
        Ok(Command::Check { storage, schemes }) => match check::run(storage, schemes) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        // Its text says it all; its source would say it again.
        Err(error) => Err(anyhow::anyhow!("{error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where else to tell it, if stderr is gone?
            let _ = writeln!(io::stderr(), "tokencast-demo: {error:#}");
            ExitCode::from(2)
        }
    }
}
