//! The reference backend marks every token of a run; this searches everything that the run's other parts said for the
//! mark and for the password, and shows that the same search finds a token that was planted.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};
use tokencast_secret_search::{Search, forms};

use crate::backend::Backend;
use crate::kept::Kept;
use crate::tally::Tally;
use crate::toolbox::Toolbox;

pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let kept = toolbox
        .kept
        .as_ref()
        .context("nothing is kept outside of a test run")?;
    let search = search_for(kept.mark());
    let files = kept.files()?;
    if files.is_empty() {
        bail!("no part ran before this one: name some, as in `cargo xtask test backend secrets`");
    }
    for file in files {
        let content = fs::read(&file)?;
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        *tally += match search.find(&content) {
            None => {
                println!("{name}: {} bytes, no secret", content.len());
                Tally::ONE_PASSED
            }
            Some(found) => {
                let line = content[..found.offset]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1;
                eprintln!(
                    "a secret stands in {}, line {line}, {}",
                    file.display(),
                    found.form
                );
                Tally::ONE_FAILED
            }
        };
        // A search of silence proves nothing.
        if name == "core" {
            *tally += heard(&content, &["trace: ", " TRACE ", " DEBUG "]);
        }
    }
    planted(toolbox, kept, &search, tally)
}

/// The demo user's, with which nearly every test signs in.
const PASSWORD: &str = "lovelace";

/// The mark as it is and as it stands inside a JWT, and the password.
fn search_for(mark: &str) -> Search {
    let mut secrets = vec![mark.as_bytes().to_owned(), PASSWORD.into()];
    let in_base64 = forms(mark.as_bytes())
        .into_iter()
        .filter(|(form, _)| *form == "base64");
    secrets.extend(in_base64.map(|(_, text)| text));
    Search::of(secrets)
}

fn heard(content: &[u8], voices: &[&str]) -> Tally {
    let text = String::from_utf8_lossy(content);
    let missing: Vec<_> = voices.iter().filter(|voice| !text.contains(**voice)).collect();
    if missing.is_empty() {
        return Tally::ONE_PASSED;
    }
    eprintln!("the core's tests did not run at trace level: their output lacks {missing:?}");
    Tally::ONE_FAILED
}

/// Real tokens of this run and the password, put into a kept file in every form: each must be found.
fn planted(toolbox: &Toolbox, kept: &Kept, search: &Search, tally: &mut Tally) -> Result<()> {
    let backend = Backend::start(toolbox)?;
    let answer = sign_in(&backend.url)?;
    for name in ["access_token", "refresh_token", "password"] {
        let token = match name {
            "password" => PASSWORD,
            name => answer[name].as_str().context("the backend issues tokens")?,
        };
        let mut missed = Vec::new();
        for (form, planted) in forms(token.as_bytes()) {
            let words = [b"trace: said ", &planted[..], b" by mistake\n"].concat();
            kept.add("planted", &words)?;
            if search.find(&words).is_none() {
                missed.push(form);
            }
        }
        *tally += if missed.is_empty() {
            println!("planted {name}: found in each form");
            Tally::ONE_PASSED
        } else {
            eprintln!("a planted {name} is not found as {missed:?}");
            Tally::ONE_FAILED
        };
    }
    Ok(())
}

/// One request by hand: a client library would be xtask's largest dependency.
fn sign_in(url: &str) -> Result<serde_json::Value> {
    let address = url
        .strip_prefix("http://")
        .context("the backend speaks http on loopback")?;
    let form = format!("username=ada&password={PASSWORD}");
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /auth/login HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("the backend answers")?;
    Ok(serde_json::from_str(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_token_is_found_wherever_it_stands_and_another_is_not() {
        let search = search_for("mark0123456789abcdef01234567");
        assert!(
            search
                .find(b"refresh_token=mark0123456789abcdef01234567Zx")
                .is_some()
        );
        assert!(
            search
                .find(b"refresh_token=mark0123456789abcdef01234568Zx")
                .is_none()
        );
    }
}
