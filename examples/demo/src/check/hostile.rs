//! What the hostile page does, without a browser: as a browser would send it, with the page's own `Origin`.

use anyhow::Result;
use axum::body::{Body, to_bytes};
use hyper::{Request, header};
use serde_json::Value;

use super::page::{self, exchange};
use crate::launcher::{Attempt, Invitation, Target};

/// Tries everything. Its address holds a key that was meant for another page.
pub(super) async fn attack(invitation: &Invitation, api: &str) -> Result<Vec<Attempt>> {
    let host = page::host_in(&invitation.address)?;
    let mut attempts = Vec::new();
    for (tries, key) in [
        ("Knocks at the app’s door without a key", None),
        ("Knocks with a stolen key", Some(host.key.as_str())),
    ] {
        let let_in = page::connect(&host.url, &invitation.origin, key).await.is_ok();
        let got = if let_in { "it was let in" } else { "refused" };
        attempts.push(attempt(Target::App, tries, got, !let_in));
    }
    let authority = api.trim_start_matches("http://");
    for (tries, method, path, body) in [
        (
            "Asks the server for new tokens",
            "POST",
            "/auth/refresh",
            "grant_type=refresh_token",
        ),
        ("Reads ada’s data without a token", "GET", "/api/me", ""),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::ORIGIN, &invitation.origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))?;
        let answer = exchange(authority, request).await?;
        let status = answer.status().as_u16();
        let readable = answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        let body = to_bytes(Body::new(answer.into_body()), 1 << 20).await?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let nothing = status >= 400 && !readable && body.get("access_token").is_none();
        attempts.push(attempt(Target::Server, tries, &status.to_string(), nothing));
    }
    Ok(attempts)
}

fn attempt(at: Target, tries: &str, got: &str, nothing: bool) -> Attempt {
    Attempt {
        at,
        tries: tries.to_owned(),
        got: got.to_owned(),
        nothing,
    }
}
