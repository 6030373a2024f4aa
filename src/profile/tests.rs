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
