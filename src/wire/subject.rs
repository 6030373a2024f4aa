//! The question whose an access token is.

use std::time::Duration;

use zeroize::Zeroizing;

use super::answer::{parse, retry_after};
use super::{HttpRequest, HttpResponse, Method};
use crate::profile::ServerProfile;
use crate::time::WallTime;
use crate::token::{Secret, Subject};

/// What the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectAnswer {
    Is(Subject),
    /// It does not take this token.
    Refused,
    /// Nothing that could be read.
    Unclear {
        after: Option<Duration>,
    },
}

/// The request; `None` when the profile has none, or the token goes into no header.
pub(crate) fn subject(profile: &ServerProfile, token: &Secret) -> Option<HttpRequest> {
    let shape = profile.subject()?;
    if token.is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut request = HttpRequest::new(Method::Get, shape.url.clone());
    let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
    request.headers.push(("Authorization".to_owned(), bearer));
    let json = Zeroizing::new("application/json".to_owned());
    request.headers.push(("Accept".to_owned(), json));
    Some(request)
}

/// Reads the answer. Only what the profile lists, and 403, refuses the token: a server in trouble refuses nobody.
pub(crate) fn read_subject(profile: &ServerProfile, response: &HttpResponse, now: WallTime) -> SubjectAnswer {
    let named = || {
        let body = parse(response)?;
        Subject::of(profile.subject()?.at.get(&body)?)
    };
    let unclear = SubjectAnswer::Unclear {
        after: retry_after(response, now),
    };
    match response.status {
        200..=299 => named().map_or(unclear, SubjectAnswer::Is),
        401 | 403 => SubjectAnswer::Refused,
        status if profile.rejected_statuses().contains(&status) => SubjectAnswer::Refused,
        _ => unclear,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn profile() -> ServerProfile {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        profile
            .with_subject("https://api.example.com/me", "/data/id")
            .unwrap()
    }

    fn read(status: u16, body: &str) -> SubjectAnswer {
        let response = HttpResponse {
            status,
            headers: vec![("Retry-After".into(), "7".into())],
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        read_subject(&profile(), &response, WallTime::from_unix_millis(0))
    }

    #[test]
    fn the_token_goes_as_a_bearer_to_the_endpoint_and_nowhere_else() {
        let request = subject(&profile(), &"t0k3n".into()).unwrap();
        assert_eq!(
            (request.method, request.url.as_str()),
            (Method::Get, "https://api.example.com/me")
        );
        assert_eq!(request.headers[0].1.as_str(), "Bearer t0k3n");
        assert!(request.body.is_empty() && !format!("{request:?}").contains("t0k3n"));
        assert_eq!(subject(&profile(), &"t0k\r\n3n".into()), None);
        let without = ServerProfile::rotation("https://api.example.com").unwrap();
        assert_eq!(subject(&without, &"t0k3n".into()), None);
    }

    #[test]
    fn an_answer_names_somebody_refuses_or_is_unclear() {
        let ada = Subject::of(&json!("ada")).unwrap();
        assert_eq!(read(200, r#"{"data":{"id":"ada"}}"#), SubjectAnswer::Is(ada));
        for status in [401, 403] {
            assert_eq!(read(status, r#"{"data":{"id":"ada"}}"#), SubjectAnswer::Refused);
        }
        let after = Some(Duration::from_secs(7));
        for (status, body) in [
            (200, "{}"),
            (200, "<html>"),
            (200, ""),
            (302, ""),
            (404, "{}"),
            (429, ""),
            (500, ""),
        ] {
            assert_eq!(
                read(status, body),
                SubjectAnswer::Unclear { after },
                "{status} {body}"
            );
        }
    }
}
