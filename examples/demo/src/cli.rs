use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    /// The dashboard.
    Play {
        storage: StorageChoice,
    },
    /// The script, without a browser.
    Check {
        storage: StorageChoice,
    },
    /// The other process; only the launcher asks for it.
    App,
}

/// Where the app keeps its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StorageChoice {
    /// The system's keyring if one answers, else a sealed file.
    #[default]
    Auto,
    Keyring,
    File,
}

/// The argument by which the launcher starts the app process.
pub(crate) const APP_PROCESS: &str = "app-process";

pub(crate) const HELP: &str = "\
One refresh feeds every open page: an app, a server and four pages on this machine.

    cargo demo [-- OPTIONS]

Without options it prints the address of a dashboard for your browser; Ctrl-C ends everything.

    --check            play the script without a browser, print what the server counted, and fail
                       unless every step did what it says
    --storage WHERE    where the app keeps its session: auto (the system's keyring if one answers,
                       else a sealed file), keyring, file
    -h, --help         this text

Nothing leaves this machine: all ports are on loopback, all data is in a temporary folder (a keyring's
entry is deleted at the end).
";

pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    use lexopt::prelude::*;
    let mut storage = StorageChoice::default();
    let mut check = false;
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("check") => check = true,
            Long("storage") => storage = parser.value()?.parse_with(choice)?,
            Value(word) if word == APP_PROCESS => return Ok(Command::App),
            _ => return Err(word.unexpected()),
        }
    }
    Ok(if check {
        Command::Check { storage }
    } else {
        Command::Play { storage }
    })
}

fn choice(text: &str) -> Result<StorageChoice, &'static str> {
    match text {
        "auto" => Ok(StorageChoice::Auto),
        "keyring" => Ok(StorageChoice::Keyring),
        "file" => Ok(StorageChoice::File),
        _ => Err("one of auto, keyring, file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Command, lexopt::Error> {
        parse(text.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_option_of_the_help_is_understood() {
        let auto = StorageChoice::Auto;
        assert_eq!(words("").unwrap(), Command::Play { storage: auto });
        assert_eq!(words("--check").unwrap(), Command::Check { storage: auto });
        assert_eq!(words("-h").unwrap(), Command::Help);
        assert_eq!(words("--check --help").unwrap(), Command::Help);
        assert_eq!(words(APP_PROCESS).unwrap(), Command::App);
        for (name, storage) in [
            ("auto", auto),
            ("keyring", StorageChoice::Keyring),
            ("file", StorageChoice::File),
        ] {
            assert_eq!(
                words(&format!("--storage {name}")).unwrap(),
                Command::Play { storage }
            );
            assert!(HELP.contains(name));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "--moon",
            "check",
            "--storage",
            "--storage cloud",
            "-x",
            "--check=yes",
        ] {
            assert!(words(text).is_err(), "{text}");
        }
    }
}
