use std::ffi::OsString;

use serde::{Deserialize, Serialize};
use tokencast_backend::Scheme;

use crate::scheme;

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    /// What there is to play.
    ListSchemes,
    /// The dashboard.
    Play {
        storage: StorageChoice,
        scheme: Scheme,
        /// Whether the app shows the pages in webviews of its own, too.
        webview: bool,
    },
    /// The same without a browser.
    Check {
        storage: StorageChoice,
        schemes: Schemes,
    },
    /// The other process; only the launcher asks for it.
    App,
}

/// Which schemes are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemes {
    One(Scheme),
    All,
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

    --scheme NAME      how the server keeps sessions alive (rotation unless named): exchange-once,
                       access-only, per-user, salted, single-device, rotation, cookie, oauth2
    --webview          the app shows the pages in webviews of its own, too (Linux; builds with
                       WebKitGTK, so it needs libwebkitgtk-6.0-dev and a screen)
    --list-schemes     what each of them does, in a line, and its stories
    --check            play the script and the scheme's stories without a browser, print what the
                       server counted, and fail unless every step did what it says
    --all-schemes      with --check: one scheme after the other
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
    let mut named = None;
    let mut all = false;
    let mut webview = false;
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(word) = parser.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("check") => check = true,
            Long("scheme") => named = Some(parser.value()?.parse_with(scheme_of)?),
            Long("list-schemes") => return Ok(Command::ListSchemes),
            Long("all-schemes") => all = true,
            Long("webview") => webview = true,
            Long("storage") => storage = parser.value()?.parse_with(choice)?,
            Value(word) if word == APP_PROCESS => return Ok(Command::App),
            _ => return Err(word.unexpected()),
        }
    }
    let scheme = named.unwrap_or(scheme::USUAL);
    if check && webview {
        return Err("--check plays without a screen: leave --webview out".into());
    }
    match (check, all) {
        (true, true) if named.is_some() => Err("--all-schemes and --scheme: which one?".into()),
        (true, true) => Ok(Command::Check {
            storage,
            schemes: Schemes::All,
        }),
        (true, false) => Ok(Command::Check {
            storage,
            schemes: Schemes::One(scheme),
        }),
        (false, true) => Err("--all-schemes goes with --check: a dashboard shows one".into()),
        (false, false) => Ok(Command::Play {
            storage,
            scheme,
            webview,
        }),
    }
}

/// What there is to play, for people.
pub(crate) fn list_of_schemes() -> String {
    let mut list = String::new();
    for shown in scheme::all() {
        list += &format!("{:<14} {}\n", shown.scheme.name(), shown.line);
        for story in shown.stories {
            list += &format!("{:<14}   - {}\n", "", story.title);
        }
    }
    list
}

fn scheme_of(name: &str) -> Result<Scheme, String> {
    let names: Vec<_> = Scheme::all().map(Scheme::name).collect();
    name.parse()
        .map_err(|_| format!("no such scheme; there are {}", names.join(", ")))
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
        let scheme = scheme::USUAL;
        let (storage, schemes) = (auto, Schemes::One(scheme));
        let play = |storage, scheme, webview| Command::Play {
            storage,
            scheme,
            webview,
        };
        assert_eq!(words("").unwrap(), play(storage, scheme, false));
        assert_eq!(words("--webview").unwrap(), play(storage, scheme, true));
        assert_eq!(words("--check").unwrap(), Command::Check { storage, schemes });
        let schemes = Schemes::All;
        assert_eq!(
            words("--check --all-schemes").unwrap(),
            Command::Check { storage, schemes }
        );
        assert_eq!(words("--list-schemes").unwrap(), Command::ListSchemes);
        for scheme in Scheme::all() {
            let schemes = Schemes::One(scheme);
            assert_eq!(
                words(&format!("--scheme {scheme}")).unwrap(),
                play(storage, scheme, false)
            );
            assert_eq!(
                words(&format!("--check --scheme={scheme}")).unwrap(),
                Command::Check { storage, schemes }
            );
            assert!(HELP.contains(scheme.name()));
        }
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
                play(storage, scheme, false)
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
            "--scheme",
            "--scheme moon",
            "--all-schemes",
            "--check --webview",
            "--check --all-schemes --scheme salted",
        ] {
            assert!(words(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_told_which_there_are() {
        let told = words("--scheme moon").unwrap_err().to_string();
        assert!(Scheme::all().all(|scheme| told.contains(scheme.name())), "{told}");
        assert!(told.contains("moon"), "{told}");
    }

    #[test]
    fn the_list_has_every_scheme_and_every_story() {
        let list = list_of_schemes();
        for shown in scheme::all() {
            assert!(list.contains(shown.line));
            assert!(shown.stories.iter().all(|story| list.contains(story.title)));
        }
    }
}
