//! The reference backend as a program. Its only output on stdout is one line, `ready URL`; it ends at SIGTERM or
//! SIGINT, and with `--stop-with-stdin` when its standard input does.

mod cli;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tokencast_backend::Backend;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Command, Options};

fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => io::stderr().write_all(cli::HELP.as_bytes()).map_err(Into::into),
        Ok(Command::Run(options)) => run(*options),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where else to tell it, if stderr is gone?
            let _ = writeln!(io::stderr(), "tokencast-backend: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    if options.log {
        tracing_subscriber::fmt()
            .with_writer(io::stderr)
            .with_ansi(false)
            .init();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before `ready`, so that nobody's signal comes too early.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let backend = Backend::start(options.config).await?;
        if let (Some(path), Some(pem)) = (options.ca_out, backend.ca_pem()) {
            std::fs::write(path, pem)?;
        }
        writeln!(io::stdout(), "ready {}", backend.url())?;
        io::stdout().flush()?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end_of_stdin(), if options.stop_with_stdin => {}
        }
        backend.shutdown().await;
        Ok::<_, Box<dyn Error>>(())
    })?;
    // A read of stdin that still waits must not keep the process.
    runtime.shutdown_background();
    Ok(())
}

async fn end_of_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
