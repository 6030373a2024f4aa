//! A run whose tokens carry a mark (`TOKENCAST_TOKEN_MARK`, see `xtask`) is searched for it. There everything that any
//! crate says, at every level, goes to the output that the test harness captures.

use std::io::{self, Write};
use std::sync::Once;

/// `xtask` keeps lines that begin so and does not show them.
const PREFIX: &str = "trace: ";

pub(crate) fn into_the_output() {
    static ONCE: Once = Once::new();
    if std::env::var_os("TOKENCAST_TOKEN_MARK").is_none() {
        return;
    }
    ONCE.call_once(|| {
        // A test program that listens itself has come first.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(|| Captured)
            .try_init();
    });
}

/// The harness captures what goes through `print!`, and nothing that is written to the stream itself.
struct Captured;

impl Write for Captured {
    #[allow(clippy::print_stdout)] // see above
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            println!("{PREFIX}{line}");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
