use serde_json::Value;

use super::HttpResponse;
use crate::profile::{ServerProfile, VerdictRule};

/// The first rule of the profile that this answer meets.
pub(super) fn listed<'p>(
    profile: &'p ServerProfile,
    response: &HttpResponse,
    body: Option<&Value>,
) -> Option<&'p VerdictRule> {
    let mut rules = profile.verdicts().iter();
    rules.find(|rule| rule.status == response.status && holds(rule, profile, response, body))
}

fn holds(rule: &VerdictRule, profile: &ServerProfile, response: &HttpResponse, body: Option<&Value>) -> bool {
    let pointer = rule.at.as_ref().unwrap_or(&profile.answer().error);
    let value = body.and_then(|body| pointer.get(body));
    if let Some(error) = &rule.error {
        return value.and_then(Value::as_str) == Some(error);
    }
    if let Some(wanted) = &rule.is {
        return value == Some(wanted);
    }
    let Some(part) = &rule.contains else { return true };
    match (value, body) {
        (Some(Value::String(text)), _) => text.contains(part),
        // A list or an object of messages.
        (Some(value), _) => value.to_string().contains(part),
        (None, None) if rule.at.is_none() => String::from_utf8_lossy(&response.body).contains(part),
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zeroize::Zeroizing;

    use super::*;
    use crate::error::EndReason;
    use crate::profile::{OAuthClient, ProfileError, Verdict};

    /// What the profile takes this answer for; `None`: trouble that passes.
    fn read(profile: &ServerProfile, status: u16, body: &str) -> Option<Verdict> {
        let response = HttpResponse {
            status,
            headers: Vec::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        let json = serde_json::from_str(body).ok();
        listed(profile, &response, json.as_ref()).map(|rule| rule.means.clone())
    }

    fn with_rules(rules: Value) -> ServerProfile {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        let mut value = serde_json::to_value(profile).unwrap();
        value["verdicts"] = rules;
        ServerProfile::from_json(&value.to_string()).unwrap()
    }

    const REVOKED: Option<Verdict> = Some(Verdict::Dead(EndReason::Revoked));

    #[test]
    fn prose_is_found_in_a_value_and_in_a_body_that_is_no_json() {
        let profile = with_rules(json!([
            {"status": 401, "contains": "log in again", "means": {"dead": "revoked"}},
            {"status": 422, "at": "/errors/0/detail", "contains": "expired", "means": {"dead": "expired"}},
        ]));
        for body in [
            "Please log in again.",
            "<p>log in again</p>",
            r#"{"error":"you must log in again"}"#,
        ] {
            assert_eq!(read(&profile, 401, body), REVOKED, "{body}");
        }
        for body in ["", "Log out", r#"{"message":"log in again"}"#, r#"{"error":{}}"#] {
            assert_eq!(read(&profile, 401, body), None, "{body}");
        }
        assert_eq!(
            read(
                &profile,
                422,
                r#"{"errors":[{"detail":"Signature has expired"}]}"#
            ),
            Some(Verdict::Dead(EndReason::Expired))
        );
        assert_eq!(read(&profile, 422, "expired"), None, "`at` names a place in JSON");
    }

    #[test]
    fn a_value_is_compared_as_json() {
        let profile = with_rules(json!([
            {"status": 200, "at": "/code", "is": 40101, "means": {"dead": "revoked"}},
            {"status": 200, "at": "/ok", "is": false, "means": "transient"},
        ]));
        assert_eq!(read(&profile, 200, r#"{"code":40101}"#), REVOKED);
        assert_eq!(read(&profile, 200, r#"{"code":"40101"}"#), None);
        assert_eq!(read(&profile, 200, r#"{"ok":false}"#), Some(Verdict::Transient));
    }

    #[test]
    fn a_rule_by_status_alone_takes_any_body_and_the_first_rule_wins() {
        let profile = with_rules(json!([
            {"status": 401, "error": "csrf", "means": "transient"},
            {"status": 401, "means": {"dead": "revoked"}},
        ]));
        assert_eq!(read(&profile, 401, "<html>"), REVOKED);
        assert_eq!(
            read(&profile, 401, r#"{"error":"csrf"}"#),
            Some(Verdict::Transient)
        );
    }

    #[test]
    fn what_documented_servers_say_is_understood() {
        let dead = |reason| Some(Verdict::Dead(reason));
        let wrong = Some(Verdict::Misconfigured);
        let table: [(Preset, u16, &str, Option<Verdict>); 20] = [
            (
                simplejwt(),
                401,
                r#"{"detail":"Token is expired","code":"token_not_valid"}"#,
                dead(EndReason::Expired),
            ),
            (
                simplejwt(),
                401,
                r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#,
                REVOKED,
            ),
            (
                simplejwt(),
                401,
                r#"{"detail":"Token is invalid or expired","code":"token_not_valid"}"#,
                REVOKED,
            ),
            (
                simplejwt(),
                401,
                r#"{"detail":"Authentication credentials were not provided."}"#,
                None,
            ),
            (
                supabase(),
                400,
                r#"{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"}"#,
                REVOKED,
            ),
            (
                supabase(),
                400,
                r#"{"code":400,"error_code":"refresh_token_already_used","msg":""}"#,
                dead(EndReason::ReuseDetected),
            ),
            (
                supabase(),
                400,
                r#"{"error_code":"session_expired","msg":"Invalid Refresh Token: Session Expired (Revoked by Newer Login)"}"#,
                dead(EndReason::SignedInElsewhere),
            ),
            (
                supabase(),
                400,
                r#"{"error":"invalid_grant","error_description":"Invalid Refresh Token"}"#,
                REVOKED,
            ),
            (
                supabase(),
                409,
                r#"{"error_code":"conflict","msg":"Too many concurrent token refresh requests"}"#,
                None,
            ),
            (supabase(), 401, r#"{"message":"Invalid API key"}"#, wrong.clone()),
            (
                keycloak(),
                400,
                r#"{"error":"invalid_grant","error_description":"Token is not active"}"#,
                dead(EndReason::Expired),
            ),
            (
                keycloak(),
                400,
                r#"{"error":"invalid_grant","error_description":"Maximum allowed refresh token reuse exceeded"}"#,
                dead(EndReason::ReuseDetected),
            ),
            (
                keycloak(),
                400,
                r#"{"error":"invalid_grant","error_description":"Stale token"}"#,
                REVOKED,
            ),
            (
                keycloak(),
                400,
                r#"{"error":"invalid_grant","error_description":"Invalid refresh token. Token client and authorized client don't match"}"#,
                wrong.clone(),
            ),
            (
                auth0(),
                403,
                r#"{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
                REVOKED,
            ),
            (auth0(), 401, r#"{"error":"invalid_client"}"#, wrong.clone()),
            (
                firebase(),
                400,
                r#"{"error":{"code":400,"message":"TOKEN_EXPIRED","status":"INVALID_ARGUMENT"}}"#,
                dead(EndReason::Expired),
            ),
            (
                firebase(),
                400,
                r#"{"error":{"message":"API key not valid. Please pass a valid API key."}}"#,
                wrong,
            ),
            (
                cognito(),
                400,
                r#"{"__type":"NotAuthorizedException","message":"Refresh Token has been revoked"}"#,
                REVOKED,
            ),
            (
                cognito(),
                400,
                r#"{"__type":"NotAuthorizedException","message":"Client is not allowed"}"#,
                None,
            ),
        ];
        for (profile, status, body, means) in table {
            assert_eq!(read(&profile.unwrap(), status, body), means, "{status} {body}");
        }
    }

    type Preset = Result<ServerProfile, ProfileError>;

    const BASE: &str = "https://api.example.com";

    fn simplejwt() -> Preset {
        ServerProfile::django_simplejwt(BASE)
    }

    fn supabase() -> Preset {
        ServerProfile::supabase(BASE, "anon")
    }

    fn keycloak() -> Preset {
        ServerProfile::keycloak(BASE, OAuthClient::public("app"))
    }

    fn auth0() -> Preset {
        ServerProfile::auth0(BASE, OAuthClient::public("app"))
    }

    fn firebase() -> Preset {
        ServerProfile::firebase("key")
    }

    fn cognito() -> Preset {
        ServerProfile::cognito("eu-central-1", "app")
    }
}
