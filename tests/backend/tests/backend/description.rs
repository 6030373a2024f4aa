//! What `/openapi.json` says of the answers with tokens is what they are: these members, and no more.

use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokencast_backend::{Config, Scheme};

use crate::every_scheme::{Held, log_out, refresh, refresh_by_query, sign_in};
use crate::jwt;
use crate::support::{Answer, Client, MINUTE, start_with};

const PAIR: &[&str] = &["access_token", "expires_in", "refresh_token", "token_type"];
const ACCESS_ONLY: &[&str] = &["access_token", "expires_in", "token_type"];

#[tokio::test]
async fn every_schemes_answers_have_exactly_the_members_that_its_description_names() {
    for scheme in Scheme::all() {
        let (signed_in, refreshed) = members(scheme);
        let backend = start_with(Config::for_tests().with_scheme(scheme)).await;
        let client = Client::of(&backend);
        let description = client.get("/openapi.json", "").await.json;
        let [sign_in_at, refresh_at] = match scheme {
            Scheme::OAuth2 => ["/oauth/token"; 2],
            _ => ["/auth/login", "/auth/refresh"],
        };

        let answer = sign_in(&client, scheme, "ada", "lovelace").await;
        let held = Held::of(scheme, &answer);
        is_as_described(
            scheme,
            &description["paths"][sign_in_at]["post"],
            &description,
            &answer,
            signed_in,
        );

        backend.advance_clock(scheme.usual_lives().0 + MINUTE);
        assert_eq!(client.get("/api/me", &held.access).await.status, 401, "{scheme}");
        let answer = refresh(&client, &held, "key-1").await;
        let held = held.then(&answer);
        is_as_described(
            scheme,
            &description["paths"][refresh_at]["post"],
            &description,
            &answer,
            refreshed,
        );
        assert_eq!(client.get("/api/me", &held.access).await.status, 200, "{scheme}");

        let by_query = &description["paths"]["/auth/refresh"]["get"];
        let drawn = [Scheme::ExchangeOnce, Scheme::AccessOnly].contains(&scheme);
        assert_eq!(by_query.is_object(), drawn, "{scheme}");
        if drawn {
            backend.advance_clock(scheme.usual_lives().0 + MINUTE);
            let answer = refresh_by_query(&client, &held).await;
            is_as_described(scheme, by_query, &description, &answer, refreshed);
        }
        if scheme == Scheme::Cookie {
            let logout = &description["paths"]["/auth/logout"]["post"];
            sets_cookies_as_described(scheme, logout, &log_out(&client, &held).await);
        }
    }
}

/// As the page of the schemes has it: after a sign-in, and after a refresh.
fn members(scheme: Scheme) -> (&'static [&'static str], &'static [&'static str]) {
    match scheme {
        Scheme::Rotation | Scheme::ExchangeOnce | Scheme::OAuth2 => (PAIR, PAIR),
        Scheme::PerUser | Scheme::Salted | Scheme::SingleDevice => (PAIR, ACCESS_ONLY),
        Scheme::AccessOnly | Scheme::Cookie => (ACCESS_ONLY, ACCESS_ONLY),
        other => panic!("the scheme {other} is new: say what it answers"),
    }
}

fn is_as_described(scheme: Scheme, operation: &Value, whole: &Value, answer: &Answer, members: &[&str]) {
    assert_eq!(answer.status, 200, "{scheme}: {:?}", answer.error());
    let described = &operation["responses"]["200"];
    let types = jwt::names(&described["content"]);
    assert_eq!(types, [answer.header("content-type")], "{scheme}");
    let no_store = &described["headers"]["Cache-Control"];
    assert_eq!(
        no_store,
        &json!({ "required": true, "schema": { "const": "no-store" } }),
        "{scheme}"
    );
    assert_eq!(answer.header("cache-control"), "no-store", "{scheme}");
    sets_cookies_as_described(scheme, operation, answer);

    let schema = resolved(whole, &described["content"]["application/json"]["schema"]);
    let mut required: Vec<_> = schema["required"].as_array().unwrap().iter().collect();
    required.sort_by_key(|name| name.as_str());
    assert_eq!(json!(required), json!(members), "{scheme}");
    assert_eq!(jwt::names(&schema["properties"]), members, "{scheme}");
    assert_eq!(schema["additionalProperties"], false, "{scheme}");
    assert_eq!(jwt::names(&answer.json), members, "{scheme}");
    let (_, claims) = jwt::read(&answer.access());
    assert_eq!(
        jwt::names(&claims),
        ["exp", "iat", "jti", "sub", "type"],
        "{scheme}"
    );
    for (name, value) in answer.json.as_object().unwrap() {
        let property = resolved(whole, &schema["properties"][name]);
        let fits = match (property["const"].as_str(), property["type"].as_str()) {
            (Some(one), _) => value == one,
            (None, Some("string")) => value.as_str().is_some_and(|text| !text.is_empty()),
            (None, Some("integer")) => value.as_i64() >= property["minimum"].as_i64(),
            other => panic!("{scheme}: {name} is described by {other:?}"),
        };
        // Not the value: it may be a token.
        assert!(fits, "{scheme}: {name} is not as described");
    }
}

fn sets_cookies_as_described(scheme: Scheme, operation: &Value, answer: &Answer) {
    let described = &operation["responses"]["200"]["headers"]["Set-Cookie"];
    let cookies = answer.headers.get_all(SET_COOKIE).iter().count();
    let expected = if scheme == Scheme::Cookie { 2 } else { 0 };
    assert_eq!(cookies, expected, "{scheme}");
    assert_eq!(described["required"] == true, cookies > 0, "{scheme}");
}

fn resolved<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => whole.pointer(place.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}
