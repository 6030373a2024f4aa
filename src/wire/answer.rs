use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::expiry::{LONGEST_LIFE, life};
use super::set_cookie::set_cookies;
use super::verdict::listed;
use super::{HttpResponse, Secrets, presentable};
use crate::claims;
use crate::error::EndReason;
use crate::profile::{AnswerShape, ServerProfile, TokenKind, Verdict};
use crate::time::WallTime;
use crate::token::{Credential, Secret, with_cookies};

/// The tokens of an accepted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// `None` when the answer held a value that no header can carry. The rest is kept all the same: the server
    /// has rotated.
    pub(crate) access_token: Option<Secret>,
    /// `None` when the answer brought none, or the same: the old one stays.
    pub(crate) refresh_token: Option<Secret>,
    /// All of the session's cookies, when the answer set one of them.
    pub(crate) cookies: Option<Secret>,
    /// Zero: dead on arrival.
    pub(crate) life: Duration,
    /// The server's clock, from its `Date` header.
    pub(crate) server_time: Option<WallTime>,
}

impl Tokens {
    /// What a session that held `held` and got these presents next.
    pub(crate) fn after<'a>(&'a self, held: &'a Credential) -> Secrets<'a> {
        Secrets {
            refresh_token: self.refresh_token.as_ref().or(held.refresh_token.as_ref()),
            access_token: self.access_token.as_ref(),
            cookies: self.cookies.as_ref().or(held.cookie.as_ref()),
        }
    }
}

/// What an answer of the refresh endpoint means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshAnswer {
    Tokens(Tokens),
    Dead {
        reason: EndReason,
    },
    Superseded {
        after: Option<Duration>,
    },
    /// Success by its status, without tokens that could be read: the exchange may have happened.
    Unreadable,
    Transient {
        after: Option<Duration>,
    },
    Misconfigured {
        what: String,
        fix: String,
    },
}

/// What an answer of the sign-in endpoint means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignInAnswer {
    Tokens(Tokens),
    Refused { code: String },
    Unreadable,
    Transient { after: Option<Duration> },
    Misconfigured { what: String, fix: String },
}

/// Reads an answer of the refresh endpoint to a request that presented `held`.
pub(crate) fn read_refresh(
    profile: &ServerProfile,
    response: &HttpResponse,
    held: &Credential,
    now: WallTime,
) -> RefreshAnswer {
    let body = parse(response);
    let code = body
        .as_ref()
        .and_then(|body| error_code(profile.answer(), body, held.presented()));
    let after = retry_after(response, now);
    if let Some(rule) = listed(profile, response, body.as_ref()) {
        return match &rule.means {
            Verdict::Dead(reason) => RefreshAnswer::Dead {
                reason: reason.clone(),
            },
            Verdict::Superseded => RefreshAnswer::Superseded { after },
            Verdict::Transient => RefreshAnswer::Transient { after },
            Verdict::Misconfigured => RefreshAnswer::Misconfigured {
                what: format!(
                    "the refresh endpoint answered {} {}",
                    response.status,
                    code.unwrap_or_default()
                ),
                fix: "check the client's registration at the server".into(),
            },
        };
    }
    match response.status {
        200..=299 => match body.and_then(|body| tokens(profile, &body, response, held, now)) {
            // A token that could not be presented must not take the place of one that can.
            Some(tokens) if presentable(profile, tokens.after(held)).is_ok() => RefreshAnswer::Tokens(tokens),
            _ => RefreshAnswer::Unreadable,
        },
        300..=399 => {
            let (what, fix) = redirected("refresh");
            RefreshAnswer::Misconfigured { what, fix }
        }
        _ => RefreshAnswer::Transient { after },
    }
}

/// What a server answered, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
}

/// What the refresh endpoint answered, for the history. `presented` is only used to keep it out of the code.
pub(crate) fn said(profile: &ServerProfile, response: &HttpResponse, presented: Option<&Secret>) -> Said {
    let code = parse(response).and_then(|body| error_code(profile.answer(), &body, presented));
    Said {
        status: response.status,
        code,
    }
}

/// Reads an answer of the sign-in endpoint.
pub(crate) fn read_sign_in(profile: &ServerProfile, response: &HttpResponse, now: WallTime) -> SignInAnswer {
    let body = parse(response);
    let refusals = profile.sign_in().map_or(&[][..], |shape| &shape.refused_statuses);
    let wrong = listed(profile, response, body.as_ref()).filter(|rule| rule.means == Verdict::Misconfigured);
    if wrong.is_some() {
        let code = body
            .as_ref()
            .and_then(|body| error_code(profile.answer(), body, None));
        return SignInAnswer::Misconfigured {
            what: format!(
                "the sign-in endpoint answered {} {}",
                response.status,
                code.unwrap_or_default()
            ),
            fix: "check the client's registration at the server".into(),
        };
    }
    let none = Credential::default();
    match response.status {
        200..=299 => match body.and_then(|body| tokens(profile, &body, response, &none, now)) {
            None => SignInAnswer::Unreadable,
            // What a refresh presents must have come; there is no older one to fall back on.
            Some(tokens) => match presentable(profile, tokens.after(&none)) {
                Ok(()) => SignInAnswer::Tokens(tokens),
                Err(reason) => SignInAnswer::Misconfigured {
                    what: format!("what the sign-in endpoint answered cannot be kept: {reason}"),
                    fix: reason.fix().into(),
                },
            },
        },
        300..=399 => {
            let (what, fix) = redirected("sign-in");
            SignInAnswer::Misconfigured { what, fix }
        }
        status if refusals.contains(&status) => {
            let code = body
                .as_ref()
                .and_then(|body| error_code(profile.answer(), body, None));
            SignInAnswer::Refused {
                code: code.unwrap_or_else(|| format!("status_{status}")),
            }
        }
        404 | 405 => SignInAnswer::Misconfigured {
            what: format!("the sign-in endpoint answered {}", response.status),
            fix: "check `sign_in.url` of the server profile".into(),
        },
        _ => SignInAnswer::Transient {
            after: retry_after(response, now),
        },
    }
}

/// Whether a revocation is done: 2xx, or what the profile lists as "already gone".
pub(crate) fn read_revocation(profile: &ServerProfile, response: &HttpResponse) -> bool {
    let done = profile.revoke().map_or(&[][..], |shape| &shape.done_statuses);
    (200..300).contains(&response.status) || done.contains(&response.status)
}

fn redirected(endpoint: &str) -> (String, String) {
    // Following it would show the token to a place that the profile does not name.
    (
        format!("the {endpoint} endpoint redirects"),
        "name its final address in the server profile".into(),
    )
}

pub(super) fn parse(response: &HttpResponse) -> Option<Value> {
    serde_json::from_slice(&response.body).ok()
}

fn tokens(
    profile: &ServerProfile,
    body: &Value,
    response: &HttpResponse,
    held: &Credential,
    now: WallTime,
) -> Option<Tokens> {
    let shape = profile.answer();
    let access_token = shape.access_token.get(body);
    let access_token = access_token
        .and_then(Value::as_str)
        .filter(|text| fits_a_header(text))
        .map(Secret::from);
    let refresh_token = match shape.refresh_token.get(body) {
        // What no refresh presents is not kept.
        _ if !profile.refresh().places(TokenKind::Refresh) => None,
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(Secret::from(text.as_str())),
        // The server rotated to something that cannot be read: keep the old token and its key.
        Some(_) => return None,
    };
    let set = set_cookies(response, &shape.cookies)?;
    let cookies = (!set.is_empty()).then(|| with_cookies(held.cookie.as_ref(), &set));
    if access_token.is_none() && refresh_token.is_none() && cookies.is_none() {
        return None;
    }
    let server_time = date(response);
    let life = match &access_token {
        None => Duration::ZERO,
        Some(token) => life(shape, body, server_time.unwrap_or(now))
            .or_else(|| claims::lifetime(token))
            .unwrap_or_else(|| profile.default_life())
            .min(LONGEST_LIFE),
    };
    Some(Tokens {
        access_token,
        refresh_token,
        cookies,
        life,
        server_time,
    })
}

/// A bearer token is visible ASCII (RFC 6750 §2.1 is narrower; real tokens are not).
fn fits_a_header(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The server's error code, if it is one: short, of name characters, and not the token handed back.
fn error_code(shape: &AnswerShape, body: &Value, presented: Option<&Secret>) -> Option<String> {
    let code = shape.error.get(body)?.as_str()?;
    let name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    let leaks = presented.is_some_and(|token| code.contains(token.expose()));
    (!code.is_empty() && code.len() <= 64 && code.chars().all(name) && !leaks).then(|| code.to_owned())
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), against the server's own `Date` where it sends one.
pub(super) fn retry_after(response: &HttpResponse, now: WallTime) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds.min(24 * 3600)));
    }
    let until = http_date(text)?;
    Some(
        date(response)
            .unwrap_or(now)
            .until(until)
            .min(Duration::from_secs(24 * 3600)),
    )
}

fn date(response: &HttpResponse) -> Option<WallTime> {
    http_date(response.header("date")?)
}

fn http_date(text: &str) -> Option<WallTime> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(WallTime::from_unix_millis(i64::try_from(since.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const NOW: WallTime = WallTime::from_unix_millis(1_700_000_000_000);

    fn profile() -> ServerProfile {
        ServerProfile::rotation("https://api.example.com").unwrap()
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            headers: Vec::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    fn read(status: u16, body: &str) -> RefreshAnswer {
        read_refresh(&profile(), &response(status, body), &presented(), NOW)
    }

    fn presented() -> Credential {
        Credential {
            refresh_token: Some("presented".into()),
            ..Credential::default()
        }
    }

    fn life_of(expires_in: &str) -> Duration {
        let body = format!(r#"{{"access_token":"a","refresh_token":"r","expires_in":{expires_in}}}"#);
        match read(200, &body) {
            RefreshAnswer::Tokens(tokens) => tokens.life,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_life_in_any_spelling_never_loses_the_tokens() {
        assert_eq!(life_of("60"), Duration::from_secs(60));
        assert_eq!(life_of("\"3600\""), Duration::from_secs(3600));
        assert_eq!(life_of("0"), Duration::ZERO);
        assert_eq!(life_of("-1"), Duration::ZERO);
        assert_eq!(life_of("1e300"), LONGEST_LIFE);
        for default in ["null", "[]", "\"soon\"", "\"NaN\"", "true"] {
            assert_eq!(life_of(default), Duration::from_secs(300), "{default}");
        }
    }

    #[test]
    fn only_a_listed_verdict_is_one() {
        let dead = |reason| RefreshAnswer::Dead { reason };
        assert_eq!(
            read(401, r#"{"error":"reuse_detected"}"#),
            dead(EndReason::ReuseDetected)
        );
        assert_eq!(read(401, r#"{"error":"expired"}"#), dead(EndReason::Expired));
        for (status, body) in [
            (401, "{}"),
            (401, r#"{"error":"csrf_mismatch"}"#),
            (401, r#"{"error":42}"#),
            (401, "<html>"),
            (400, r#"{"error":"invalid_token"}"#),
            (403, ""),
            (408, ""),
            (425, ""),
            (429, ""),
            (500, "<html>"),
            (503, ""),
        ] {
            assert_eq!(
                read(status, body),
                RefreshAnswer::Transient { after: None },
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_success_that_cannot_be_read_may_be_an_exchange() {
        for body in [
            "",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"access_token":"a","refresh_token":7}"#,
            r#"{"access_token":"","refresh_token":""}"#,
            r#"{"access_token":"a","refresh_tok"#,
        ] {
            assert_eq!(read(200, body), RefreshAnswer::Unreadable, "{body}");
        }
    }

    #[test]
    fn a_rotated_refresh_token_is_kept_beside_an_unusable_access_token() {
        for access in ["42", "\"a\\u0000b\"", "\"new\\nline\"", "\"é\"", "null"] {
            let body = format!(r#"{{"access_token":{access},"refresh_token":"next","expires_in":60}}"#);
            let RefreshAnswer::Tokens(tokens) = read(200, &body) else {
                panic!("{access}")
            };
            assert_eq!(
                (tokens.access_token, tokens.life),
                (None, Duration::ZERO),
                "{access}"
            );
            assert_eq!(tokens.refresh_token, Some("next".into()));
        }
    }

    #[test]
    fn a_redirect_is_a_matter_for_the_developer() {
        assert!(matches!(read(307, ""), RefreshAnswer::Misconfigured { .. }));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let after = |value: &str| {
            let mut response = response(429, "");
            response.headers.push(("Retry-After".into(), value.into()));
            response
                .headers
                .push(("date".into(), "Tue, 14 Nov 2023 22:13:20 GMT".into()));
            retry_after(&response, WallTime::from_unix_millis(0))
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            after("Tue, 14 Nov 2023 22:13:50 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(after("999999999999"), Some(Duration::from_secs(86_400)));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn a_code_that_hands_the_token_back_is_not_repeated() {
        let answer = read_sign_in(
            &profile(),
            &response(401, r#"{"error":"no such user <ada>"}"#),
            NOW,
        );
        assert_eq!(
            answer,
            SignInAnswer::Refused {
                code: "status_401".into()
            }
        );
        assert_eq!(
            error_code(
                profile().answer(),
                &serde_json::json!({"error": "presented"}),
                Some(&"presented".into())
            ),
            None
        );
    }

    #[test]
    fn cookies_are_merged_and_one_that_did_not_come_stays() {
        let profile = ServerProfile::cookie("https://api.example.com").unwrap();
        let held = Credential {
            cookie: Some("refresh=1; csrf=x".into()),
            ..Credential::default()
        };
        let answer = |lines: &[&str]| {
            let mut response = response(200, r#"{"access_token":"a","refresh_token":"ignored"}"#);
            for line in lines {
                response.headers.push(("set-cookie".into(), (*line).to_owned()));
            }
            read_refresh(&profile, &response, &held, NOW)
        };
        let RefreshAnswer::Tokens(tokens) = answer(&["refresh=2; HttpOnly; Path=/auth"]) else {
            panic!()
        };
        assert_eq!(tokens.cookies, Some("refresh=2; csrf=x".into()));
        assert_eq!(tokens.refresh_token, None, "no refresh presents it");
        assert_eq!(answer(&["refresh=a\u{7f}b"]), RefreshAnswer::Unreadable);
        let RefreshAnswer::Tokens(tokens) = answer(&[]) else {
            panic!()
        };
        assert_eq!(tokens.cookies, None);
    }

    #[test]
    fn an_answer_that_could_not_be_presented_next_does_not_replace_what_can() {
        let profile = ServerProfile::exchange_once("https://api.example.com").unwrap();
        let held = Credential {
            refresh_token: Some("r".into()),
            access_token: Some("a".into()),
            cookie: None,
        };
        let half = response(200, r#"{"access_token":null,"refresh_token":"next"}"#);
        assert_eq!(
            read_refresh(&profile, &half, &held, NOW),
            RefreshAnswer::Unreadable
        );
    }

    #[test]
    fn a_sign_in_that_brings_too_little_says_what_is_missing() {
        let profile = ServerProfile::exchange_once("https://api.example.com").unwrap();
        let answer = read_sign_in(
            &profile,
            &response(200, r#"{"access_token":"a","token":"r"}"#),
            NOW,
        );
        let SignInAnswer::Misconfigured { what, .. } = answer else {
            panic!("{answer:?}")
        };
        assert!(what.contains("refresh token"), "{what}");
    }

    #[test]
    fn a_client_that_the_server_does_not_know_is_no_wrong_password() {
        let url = "https://id.example.com/token";
        let client = crate::profile::OAuthClient::public("app");
        let profile = ServerProfile::oauth2(url, None, client).unwrap();
        let said = |status, body| read_sign_in(&profile, &response(status, body), NOW);
        assert!(matches!(
            said(401, r#"{"error":"invalid_client"}"#),
            SignInAnswer::Misconfigured { .. }
        ));
        let refused = said(400, r#"{"error":"invalid_grant"}"#);
        assert_eq!(
            refused,
            SignInAnswer::Refused {
                code: "invalid_grant".into()
            }
        );
    }
}
