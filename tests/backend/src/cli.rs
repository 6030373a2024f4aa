//! The command line.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};
use tokencast_backend::{Config, ConfigError, Database, OAuthClient, Tls};

pub(crate) const HELP: &str = "\
tokencast-backend: the reference backend

  --listen ADDR:PORT        where to listen [127.0.0.1:0]; `ready URL` is printed on stdout
  --database-url URL        sqlite:///path/to/file.db, postgres://user:password@host:port/name [a temporary file]
  --scheme NAME             exchange-once, access-only, per-user, salted, single-device, rotation, cookie,
                            oauth2 [rotation]
  --access-ttl TIME         life of an access token, such as 900, 30s, 15m, 1h, 14d [15m; per-user 30m; salted,
                            single-device 1h]
  --refresh-ttl TIME        life of a refresh token [14d; salted, single-device 7d]
  --grace TIME              how long a token exchanged without a key may be exchanged again [0]
  --late-window TIME        how long a late repeat is told `superseded` [120s]
  --renew-window TIME       how long after its end access-only renews an access token [7d]
  --idempotency on|off      honour Idempotency-Key [on]
  --rate-limit N|off        sign-ins of a user, and refreshes with a token, that are answered within a minute; of an
                            address twenty times as many [120]
  --client-id ID            the client of oauth2 [app]
  --client-secret SECRET    its secret
  --client-auth HOW         none, post or basic [none; with a secret basic]
  --user NAME:PASSWORD      a user; repeatable [ada:lovelace]
  --cors-origin ORIGIN      pages of this origin may call; repeatable
  --tls [wrong-name]        https by a fresh test authority; with a certificate of another name: --tls=wrong-name
  --tls-ca-out FILE         where to write that authority's certificate (PEM)
  --test-faults             mount /test/*
  --stop-with-stdin         end when standard input ends
  --log                     write the audit log to stderr

TOKENCAST_TOKEN_MARK: letters and digits that every token begins with, so that a search of logs finds tokens
";

pub(crate) enum Command {
    Help,
    Run(Box<Options>),
}

pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) ca_out: Option<PathBuf>,
    pub(crate) stop_with_stdin: bool,
    pub(crate) log: bool,
}

/// Errors name the flag, never the value of `--user` or `--database-url`.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut options = Options {
        config: Config::default(),
        ca_out: None,
        stop_with_stdin: false,
        log: false,
    };
    let config = &mut options.config;
    let mut users = Vec::new();
    let (mut client_id, mut client_secret, mut client_auth) = (String::from("app"), None, None);
    let (mut access_ttl, mut refresh_ttl) = (None, None);
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Command::Help),
            Arg::Long("listen") => config.listen = parser.value()?.parse()?,
            Arg::Long("database-url") => config.database = Database::Url(parser.value()?.string()?),
            Arg::Long("scheme") => config.scheme = parser.value()?.parse()?,
            Arg::Long("access-ttl") => access_ttl = Some(parser.value()?.parse_with(time)?),
            Arg::Long("refresh-ttl") => refresh_ttl = Some(parser.value()?.parse_with(time)?),
            Arg::Long("grace") => config.reuse_leeway = parser.value()?.parse_with(time)?,
            Arg::Long("late-window") => config.late_window = parser.value()?.parse_with(time)?,
            Arg::Long("renew-window") => config.renew_window = parser.value()?.parse_with(time)?,
            Arg::Long("idempotency") => config.idempotency = parser.value()?.parse_with(on_or_off)?,
            Arg::Long("rate-limit") => config.rate_limit = parser.value()?.parse_with(limit)?,
            Arg::Long("client-id") => client_id = parser.value()?.string()?,
            Arg::Long("client-secret") => client_secret = Some(parser.value()?.string()?),
            Arg::Long("client-auth") => client_auth = Some(parser.value()?.string()?),
            Arg::Long("user") => match parser.value()?.to_str().map(str::parse) {
                Some(Ok(user)) => users.push(user),
                _ => return Err("--user takes NAME:PASSWORD, both not empty".into()),
            },
            Arg::Long("cors-origin") => config.cors_origins.push(parser.value()?.parse()?),
            Arg::Long("tls") => {
                config.tls = match parser.optional_value() {
                    None => Tls::TestAuthority,
                    Some(kind) if kind == "wrong-name" => Tls::WrongName,
                    Some(_) => return Err("--tls takes nothing or =wrong-name".into()),
                }
            }
            Arg::Long("tls-ca-out") => options.ca_out = Some(parser.value()?.into()),
            Arg::Long("test-faults") => config.test_faults = true,
            Arg::Long("stop-with-stdin") => options.stop_with_stdin = true,
            Arg::Long("log") => options.log = true,
            other => return Err(other.unexpected()),
        }
    }
    if !users.is_empty() {
        config.users = users;
    }
    config.oauth_client = match (client_auth.as_deref(), client_secret) {
        (None | Some("none"), None) => OAuthClient::public(client_id),
        (Some("post"), Some(secret)) => OAuthClient::post(client_id, secret),
        (None | Some("basic"), Some(secret)) => OAuthClient::basic(client_id, secret),
        _ => return Err(ConfigError::Client.to_string().into()),
    };
    let (usual_access, usual_refresh) = config.scheme.usual_lives();
    config.access_ttl = access_ttl.unwrap_or(usual_access);
    config.refresh_ttl = refresh_ttl.unwrap_or(usual_refresh);
    Ok(Command::Run(Box::new(options)))
}

fn time(text: &str) -> Result<Duration, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err("a time is a number and s, m, h or d"),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a time is a whole number and s, m, h or d")?;
    number
        .checked_mul(factor)
        .map(Duration::from_secs)
        .ok_or("a time so long does not fit")
}

fn limit(text: &str) -> Result<Option<NonZeroU32>, &'static str> {
    match text {
        "off" => Ok(None),
        number => match number.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err("either off or a whole number above zero"),
        },
    }
}

fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("either on or off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Options, String> {
        match parse(words.split_whitespace().map(OsString::from)) {
            Ok(Command::Run(options)) => Ok(*options),
            Ok(Command::Help) => Err("help".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_flag_of_the_help_is_understood() {
        let options = parse_words(
            "--listen 127.0.0.1:8080 --database-url sqlite:///x.db --scheme rotation --access-ttl 30s \
             --refresh-ttl 14d --grace 5 --renew-window 1d --late-window 2m --idempotency off --rate-limit off --client-id x \
             --client-secret y --client-auth post --user a:b --user c:d \
             --cors-origin http://127.0.0.1:1 --tls=wrong-name --tls-ca-out ca.pem --test-faults \
             --stop-with-stdin --log",
        )
        .unwrap();
        let config = options.config;
        assert_eq!(config.access_ttl, Duration::from_secs(30));
        assert_eq!(config.refresh_ttl, Duration::from_secs(14 * 86_400));
        assert_eq!(config.late_window, Duration::from_secs(120));
        assert!(!config.idempotency && config.test_faults && options.log && options.stop_with_stdin);
        assert_eq!(
            (config.users.len(), config.cors_origins.len(), config.tls),
            (2, 1, Tls::WrongName)
        );
        let flags = |text: &str| {
            text.split_whitespace()
                .filter(|word| word.starts_with("--"))
                .count()
        };
        // `--tls` is named twice in its line.
        assert_eq!(flags(HELP) - 1, 20);
    }

    #[test]
    fn a_bad_flag_is_named_and_a_password_is_not() {
        for words in [
            "--moon",
            "--access-ttl 1.5s",
            "--access-ttl -1",
            "--grace 99999999999999999999d",
            "--scheme magic",
            "--rate-limit 0",
            "--client-auth post",
            "--client-auth none --client-secret x",
        ] {
            assert!(parse_words(words).is_err(), "{words}");
        }
        let error = parse_words("--user :s3cret").err().unwrap();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
