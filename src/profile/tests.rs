use serde_json::json;
use url::Url;

use super::*;

fn json(edit: impl FnOnce(&mut serde_json::Value)) -> String {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    let mut value = serde_json::to_value(profile).unwrap();
    edit(&mut value);
    value.to_string()
}

#[test]
fn a_profile_survives_its_text_form() {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    assert_eq!(ServerProfile::from_json(&json(|_| ())), Ok(profile));
}

#[test]
fn an_unknown_field_is_named() {
    let error = ServerProfile::from_json(&json(|v| v["refresh"]["endpiont"] = "x".into())).unwrap_err();
    assert!(error.to_string().contains("endpiont"), "{error}");
}

#[test]
fn each_unusable_field_is_refused_by_name() {
    type Edit = fn(&mut serde_json::Value);
    let table: [(&str, Edit); 8] = [
        ("id", |v| v["id"] = "".into()),
        ("refresh.url", |v| {
            v["refresh"]["url"] = "http://api.example.com/refresh".into()
        }),
        ("refresh.url", |v| {
            v["refresh"]["url"] = "https://u:p@api.example.com/".into()
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"] = serde_json::json!([])
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["fields"]["refresh_token"] = "x".into()
        }),
        ("resource_origins", |v| {
            v["resource_origins"] = serde_json::json!(["ftp://x.example"])
        }),
        ("idempotency_key", |v| {
            v["idempotency_key"] = "Idempotency Key".into()
        }),
        ("verdicts", |v| {
            v["verdicts"] = serde_json::json!([{"status": 200, "means": {"dead": "revoked"}}]);
        }),
    ];
    for (field, edit) in table {
        let error = ServerProfile::from_json(&json(edit)).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn clear_text_is_allowed_on_loopback_only() {
    for good in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"] {
        assert!(ServerProfile::rotation(good).is_ok(), "{good}");
    }
    for bad in [
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ws://localhost",
        "api",
    ] {
        assert!(ServerProfile::rotation(bad).is_err(), "{bad}");
    }
}

#[test]
fn tokens_go_to_the_listed_origins_only() {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    let may = |url: &str| profile.may_send_to(&Url::parse(url).unwrap());
    assert!(may("https://api.example.com/me") && may("https://api.example.com:443/"));
    for evil in [
        "http://api.example.com/",
        "https://api.example.com:444/",
        "https://api.example.com.evil.example/",
        "https://evil.example/?https://api.example.com",
        "data:text/plain,x",
    ] {
        assert!(!may(evil), "{evil}");
    }
}

/// Every preset, for what must hold of each.
pub(crate) fn presets() -> Vec<ServerProfile> {
    let base = "https://api.example.com";
    let client = || OAuthClient::public("app");
    let url = |path: &str| format!("{base}{path}");
    vec![
        ServerProfile::rotation(base),
        ServerProfile::exchange_once(base),
        ServerProfile::access_only(base),
        ServerProfile::per_user(base),
        ServerProfile::salted(base),
        ServerProfile::single_device(base),
        ServerProfile::cookie(base),
        ServerProfile::oauth2(&url("/oauth/token"), Some(&url("/oauth/revoke")), client()),
        ServerProfile::generic_oauth2(&url("/token"), None, OAuthClient::basic("app", "s3cr3t")),
        ServerProfile::django_simplejwt(base),
        ServerProfile::supabase(base, "anon"),
        ServerProfile::keycloak(&url("/realms/app"), client()),
        ServerProfile::auth0(base, OAuthClient::post("app", "s3cr3t")),
        ServerProfile::firebase("key"),
        ServerProfile::cognito("eu-central-1", "app"),
    ]
    .into_iter()
    .map(Result::unwrap)
    .collect()
}

#[test]
fn every_preset_survives_its_text_form_and_has_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for profile in presets() {
        let text = serde_json::to_string(&profile).unwrap();
        assert_eq!(ServerProfile::from_json(&text), Ok(profile.clone()), "{text}");
        assert!(names.insert(profile.id().to_owned()), "{text}");
        assert!(!format!("{profile:?}").contains("s3cr3t"));
    }
}

#[test]
fn a_session_lives_by_the_refresh_token_else_cookies_else_the_access_token() {
    let base = "https://api.example.com";
    let presents = |profile: Result<ServerProfile, _>| profile.unwrap().presents();
    assert_eq!(presents(ServerProfile::salted(base)), TokenKind::Refresh);
    assert_eq!(presents(ServerProfile::cookie(base)), TokenKind::Cookie);
    assert_eq!(presents(ServerProfile::access_only(base)), TokenKind::Access);
}

#[test]
fn a_subject_is_added_and_survives_its_text_form() {
    let profile = || ServerProfile::rotation("https://api.example.com").unwrap();
    let with = profile()
        .with_subject("https://api.example.com/me", "/data/id")
        .unwrap();
    let text = serde_json::to_string(&with).unwrap();
    assert_eq!(ServerProfile::from_json(&text), Ok(with.clone()));
    assert_eq!(
        with.subject().unwrap().at,
        JsonPointer::to_field("data").then("id")
    );
    let short = json(|v| v["subject"] = json!({"url": "https://api.example.com/me"}));
    let short = ServerProfile::from_json(&short).unwrap();
    assert_eq!(short.subject().unwrap().at, JsonPointer::to_field("sub"));
    let refused = |url, at| profile().with_subject(url, at).unwrap_err().field;
    assert_eq!(refused("http://api.example.com/me", "/sub"), "subject.url");
    assert_eq!(refused("https://api.example.com/me", "sub"), "subject.at");
}

#[test]
fn a_region_that_would_lead_to_another_host_is_refused() {
    for bad in ["", "evil.example/", "x@evil.example", "EU"] {
        assert_eq!(ServerProfile::cognito(bad, "app").unwrap_err().field, "region");
    }
}

/// A refusal by its field, for each thing that a profile can get wrong.
pub(crate) fn refusals() -> Vec<(&'static str, serde_json::Value)> {
    type Edit = fn(&mut serde_json::Value);
    let edits: [(&str, Edit); 47] = [
        ("profile", |v| v["danger_tokens_in_querry"] = true.into()),
        ("profile", |v| v["answer"]["access_token"] = "access_token".into()),
        ("profile", |v| v["answer"]["access_token"] = "/a~2".into()),
        ("profile", |v| v["verdicts"][0]["at"] = "error".into()),
        ("profile", |v| v["refresh"]["method"] = "TRACE".into()),
        ("profile", |v| v["refresh"]["tokens"][0]["in"] = "path".into()),
        ("profile", |v| v["answer"]["expires_unit"] = "minutes".into()),
        ("profile", |v| v["renew"] = "never".into()),
        ("refresh.url", |v| {
            v["refresh"]["url"] = "http://api.example.com/".into()
        }),
        ("refresh.url", |v| {
            v["refresh"]["url"] = "http://127.0.0.1.example.com/".into()
        }),
        ("revoke.url", |v| v["revoke"]["url"] = "ws://localhost/".into()),
        ("sign_in.url", |v| {
            v["sign_in"]["url"] = "https://api.example.com/#x".into()
        }),
        ("subject.url", |v| {
            v["subject"] = json!({"url": "http://api.example.com/me"})
        }),
        ("profile", |v| {
            v["subject"] = json!({"url": "https://api.example.com/me", "at": "sub"})
        }),
        ("profile", |v| v["subject"] = json!({"at": "/sub"})),
        ("refresh.tokens", |v| v["refresh"]["tokens"] = json!([])),
        // One token in two places, two values in one place.
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"] = json!([{"token": "refresh", "field": "a"},
                                            {"token": "refresh", "in": "header", "field": "X-Refresh"}]);
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"] =
                json!([{"token": "refresh", "field": "a"}, {"token": "access", "field": "a"}]);
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["fields"]["refresh_token"] = "x".into()
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"][0]["field"] = "".into()
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"][0]["prefix"] = "Bearer ".into()
        }),
        // Query tokens without the flag.
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"][0]["in"] = "query".into()
        }),
        ("refresh.query", |v| {
            v["danger_tokens_in_query"] = true.into();
            v["refresh"]["tokens"][0]["in"] = "query".into();
            v["refresh"]["query"] = json!({"refresh_token": "x"});
        }),
        ("refresh.query", |v| {
            v["refresh"]["url"] = "https://api.example.com/r?a=1".into();
            v["refresh"]["query"] = json!({"a": "2"});
        }),
        // Cookies.
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"] = json!([{"token": "cookie", "in": "cookie", "field": "refresh"}]);
        }),
        ("refresh.tokens", |v| {
            v["answer"]["cookies"] = json!(["refresh"]);
            v["refresh"]["tokens"] = json!([{"token": "cookie", "field": "refresh"}]);
        }),
        ("answer.cookies", |v| v["answer"]["cookies"] = json!(["refresh"])),
        ("answer.cookies", |v| v["answer"]["cookies"] = json!(["a b"])),
        ("refresh.csrf", |v| {
            v["refresh"]["csrf"] = json!({"cookie": "csrf", "header": "X-CSRF-Token"})
        }),
        // Reserved headers, and those that something else writes.
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"Host": "evil.example"})
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"content-length": "0"})
        }),
        ("sign_in.headers", |v| {
            v["sign_in"]["headers"] = json!({"Transfer-Encoding": "chunked"})
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"X-A": "line\nbreak"})
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"X A": "x"})
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"X-A": "1", "x-a": "2"})
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"Authorization": "Basic x"});
            v["refresh"]["tokens"][0] = json!({"token": "refresh", "in": "header", "field": "authorization"});
        }),
        ("refresh.headers", |v| {
            v["refresh"]["headers"] = json!({"Cookie": "a=b"});
            v["refresh"]["tokens"][0]["in"] = "cookie".into();
        }),
        ("refresh.tokens", |v| {
            v["refresh"]["tokens"][0] = json!({"token": "refresh", "in": "header", "field": "Cookie"});
        }),
        ("idempotency_key", |v| {
            v["refresh"]["tokens"][0] =
                json!({"token": "refresh", "in": "header", "field": "Idempotency-Key"});
        }),
        ("refresh.encoding", |v| v["refresh"]["method"] = "GET".into()),
        ("refresh.encoding", |v| v["refresh"]["encoding"] = "none".into()),
        ("sign_in.encoding", |v| v["sign_in"]["encoding"] = "none".into()),
        ("refresh.done_statuses", |v| {
            v["refresh"]["done_statuses"] = json!([404])
        }),
        ("revoke.tokens", |v| {
            v["revoke"]["tokens"][0]["token"] = "access".into()
        }),
        ("client.secret", |v| {
            v["client"] = json!({"id": "a", "auth": "basic"})
        }),
        ("verdicts", |v| {
            v["verdicts"][0] = json!({"status": 401, "at": "/x", "means": "transient"})
        }),
        ("verdicts", |v| {
            v["verdicts"][0] = json!({"status": 401, "error": "a", "contains": "b", "means": "transient"});
        }),
    ];
    let edited = |edit: Edit| {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        let mut value = serde_json::to_value(profile).unwrap();
        edit(&mut value);
        value
    };
    edits.map(|(field, edit)| (field, edited(edit))).into()
}

#[test]
fn each_refusal_names_its_field_and_the_mend() {
    for (field, value) in refusals() {
        let error = ServerProfile::from_json(&value.to_string()).expect_err(&value.to_string());
        assert_eq!(error.field, field, "{error}");
        assert!(!error.fix.is_empty() && !error.problem.is_empty(), "{error}");
    }
}

#[test]
fn a_rule_about_null_is_not_one_about_everything() {
    let text = json(|v| v["verdicts"][0] = json!({"status": 401, "is": null, "means": "transient"}));
    let profile = ServerProfile::from_json(&text).unwrap();
    assert_eq!(profile.verdicts()[0].is, Some(serde_json::Value::Null));
}
