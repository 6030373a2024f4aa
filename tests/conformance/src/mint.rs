//! Fresh sessions: a command that prints one token set as JSON.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokencast::ServerProfile;
use tokencast::profile::TokenKind;
use tokencast::token::TokenSet;

use crate::SoakError;

/// The command, run by `sh -c` for every fresh session.
#[derive(Clone, Debug)]
pub struct Mint(pub String);

/// What it prints; other fields are ignored. The profile's pointers do not apply to it.
#[derive(Clone, Deserialize)]
pub(crate) struct Minted {
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// `name=value; name2=value2`, for a server that keeps its session in cookies.
    cookies: Option<String>,
    /// In seconds; a number may be written as a text.
    expires_in: Option<Value>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Mint {
    /// Runs the command. What it printed is in no error: it may hold tokens.
    pub(crate) async fn run(&self) -> Result<Minted, SoakError> {
        let mut command = tokio::process::Command::new("sh");
        command
            .args(["-c", &self.0])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let done = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = match done {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(SoakError::Mint(format!("`sh` could not be started: {error}"))),
            Err(_) => return Err(SoakError::Mint("it did not end within a minute".into())),
        };
        if !output.status.success() {
            return Err(SoakError::Mint(format!("it failed ({})", output.status)));
        }
        // The error's text would repeat what stands there.
        serde_json::from_slice(&output.stdout).map_err(|error| {
            SoakError::Mint(format!(
                "it printed no JSON object of tokens (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }
}

impl Minted {
    /// What the profile presents becomes something that no server gave.
    pub(crate) fn replaced(&mut self, presents: TokenKind) {
        if let Some(text) = self.presented(presents) {
            *text = text
                .split_once('=')
                .filter(|_| presents == TokenKind::Cookie)
                .map_or_else(
                    || "no-token-of-this-server".into(),
                    |(name, _)| format!("{name}=no-token-of-this-server"),
                );
        }
    }

    /// What the profile presents has one letter changed, well before its end: the last one of a base64 text may say nothing.
    pub(crate) fn tampered(&mut self, presents: TokenKind) {
        if let Some(text) = self.presented(presents) {
            let at = text.len().saturating_sub(5);
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) && at < text.len() {
                let other = if &text[at..=at] == "A" { "B" } else { "A" };
                text.replace_range(at..=at, other);
            }
        }
    }

    fn presented(&mut self, presents: TokenKind) -> Option<&mut String> {
        match presents {
            TokenKind::Cookie => self.cookies.as_mut(),
            TokenKind::Access => self.access_token.as_mut(),
            _ => self.refresh_token.as_mut(),
        }
    }

    /// What the profile presents, as it stands in a request.
    pub(crate) fn credential(&self, profile: &ServerProfile) -> Option<String> {
        match profile.presents() {
            TokenKind::Cookie => {
                let start = format!("{}=", profile.answer().cookies.first()?);
                let cookies = self.cookies.as_deref()?.split("; ");
                cookies
                    .map(str::to_owned)
                    .find(|cookie| cookie.starts_with(&start))
            }
            TokenKind::Access => self.access_token.clone(),
            _ => self.refresh_token.clone(),
        }
    }

    pub(crate) fn into_tokens(self, presents: TokenKind) -> Result<TokenSet, SoakError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let access = given(self.access_token);
        let missing =
            |name: &str| SoakError::Mint(format!("it printed no `{name}`, which the profile presents"));
        let set = match presents {
            TokenKind::Cookie => TokenSet::cookies(given(self.cookies).ok_or_else(|| missing("cookies"))?),
            TokenKind::Access => {
                TokenSet::only_access_token(access.clone().ok_or_else(|| missing("access_token"))?)
            }
            _ => TokenSet::refresh_token(given(self.refresh_token).ok_or_else(|| missing("refresh_token"))?),
        };
        let set = match access {
            Some(token) => set.access_token(token),
            None => set,
        };
        let life = match self.expires_in {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        Ok(match life.map(Duration::try_from_secs_f64) {
            Some(Ok(life)) => set.expires_in(life),
            _ => set,
        })
    }
}
