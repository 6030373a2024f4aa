//! Signs in and prints the tokens: what `--mint` would be for a server of somebody else's.

use std::io::{Error, Read as _, Result, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// One sign-in of the demo's user, as the JSON object that a soak wants.
pub(crate) fn fresh(scheme: &str, url: &str) -> Result<String> {
    let (path, grant) = match scheme {
        "oauth2" => ("/oauth/token", "grant_type=password&client_id=app&"),
        _ => ("/auth/login", ""),
    };
    let body = format!("{grant}username=ada&password=lovelace");
    let host = url.trim_start_matches("http://");
    let mut server = TcpStream::connect(host)?;
    // HTTP/1.0: the connection's end is the answer's.
    write!(
        server,
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    let malformed = || Error::other("the sign-in was not answered with JSON");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let mut tokens: Value = serde_json::from_str(body).map_err(|_| malformed())?;
    let cookies: Vec<_> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .filter_map(|(_, value)| value.split(';').next())
        .collect();
    if !cookies.is_empty() {
        tokens["cookies"] = cookies.join("; ").into();
    }
    Ok(tokens.to_string())
}
