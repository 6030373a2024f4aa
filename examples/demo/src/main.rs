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
mod http;
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
        Ok(Command::Play { webview: true, .. }) if !cfg!(feature = "webview") => {
            return match with_webviews() {
                Ok(code) => code,
                Err(error) => fail(&error.into()),
            };
        }
        Ok(Command::Play {
            storage,
            scheme,
            webview,
        }) => launcher::run(storage, scheme, webview),
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
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Where else to tell it, if stderr is gone?
    let _ = writeln!(io::stderr(), "tokencast-demo: {error:#}");
    ExitCode::from(2)
}

/// The demo builds without WebKitGTK, which few machines have; who asks for webviews gets a build that has it.
fn with_webviews() -> io::Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--package",
            "tokencast-demo",
            "--features",
            "webview",
            "--",
        ])
        .args(std::env::args_os().skip(1))
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(2)))
}
