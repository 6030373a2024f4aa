//! What a session lives by, found in what passes: the newest that the server gave, and what the client presents.

use serde_json::Value;
use tokencast::ServerProfile;
use tokencast::profile::TokenKind;
use tokencast::wire::{HttpRequest, HttpResponse};
use url::form_urlencoded;

/// The refresh token of an answer, or its cookie, or, where the access token is presented, that.
pub(crate) fn successor(profile: &ServerProfile, response: &HttpResponse) -> Option<String> {
    if profile.presents() == TokenKind::Cookie {
        let name = profile.answer().cookies.first()?;
        let set = response.headers.iter().find(|(header, value)| {
            header.eq_ignore_ascii_case("set-cookie") && value.starts_with(&format!("{name}="))
        });
        return set.map(|(_, value)| value.split(';').next().unwrap_or_default().to_owned());
    }
    let body = serde_json::from_slice::<Value>(&response.body).ok()?;
    let shape = profile.answer();
    let pointer = match profile.presents() {
        TokenKind::Access => &shape.access_token,
        _ => &shape.refresh_token,
    };
    pointer
        .get(&body)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Whether `credential` stands anywhere in the request.
pub(crate) fn presents(request: &HttpRequest, credential: &str) -> bool {
    let in_headers = request
        .headers
        .iter()
        .any(|(_, value)| value.contains(credential));
    let in_query = request.url.query_pairs().any(|(_, value)| value == credential);
    let in_form = || form_urlencoded::parse(&request.body).any(|(_, value)| value == credential);
    let in_json = || match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => fields.values().any(|value| value == credential),
        _ => false,
    };
    in_headers || in_query || in_form() || in_json()
}
