//! Fresh sessions: a command that prints one token set as JSON.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokencast::profile::TokenKind;
use tokencast::token::TokenSet;

use crate::SoakError;

/// The command, run by `sh -c` for every fresh session.
#[derive(Clone, Debug)]
pub struct Mint(pub String);

/// What it prints; other fields are ignored. The profile's pointers do not apply to it.
#[derive(Deserialize)]
struct Minted {
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// `name=value; name2=value2`, for a server that keeps its session in cookies.
    cookies: Option<String>,
    expires_in: Option<f64>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Mint {
    /// Runs the command. What it printed is in no error: it may hold tokens.
    pub(crate) async fn tokens(&self, presents: TokenKind) -> Result<TokenSet, SoakError> {
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
        let minted: Minted = serde_json::from_slice(&output.stdout).map_err(|error| {
            SoakError::Mint(format!(
                "it printed no JSON object of tokens (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        minted.into_tokens(presents)
    }
}

impl Minted {
    fn into_tokens(self, presents: TokenKind) -> Result<TokenSet, SoakError> {
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
        Ok(match self.expires_in.map(Duration::try_from_secs_f64) {
            Some(Ok(life)) => set.expires_in(life),
            _ => set,
        })
    }
}
