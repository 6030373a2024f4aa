//! `/openapi.json`: the committed description, cut down to what this server mounts.

use axum::Json;
use serde_json::{Value, json};

use crate::schemes::{AccessField, RefreshTokenIn, Scheme};

/// The whole description. `cargo xtask test backend` has schemathesis compare it with what the server does.
const DESCRIPTION: &str = include_str!("../../openapi.json");

/// What a server of this scheme answers.
pub(crate) fn of(scheme: Scheme) -> Json<Value> {
    let mut whole: Value = serde_json::from_str(DESCRIPTION).unwrap_or_default();
    let asks = scheme.asks();
    if let Some(paths) = whole["paths"].as_object_mut() {
        let elsewhere = if scheme == Scheme::OAuth2 {
            "/auth/"
        } else {
            "/oauth/"
        };
        paths.retain(|path, _| !path.starts_with(elsewhere) || path == "/auth/password");
    }
    let refresh = whole.pointer_mut("/paths/~1auth~1refresh");
    if let Some(refresh) = refresh.and_then(Value::as_object_mut) {
        let mut body = vec![];
        if asks.refresh_token {
            body.push("refresh_token");
        }
        if let AccessField::Named(name) = asks.access_token {
            body.push(name);
        }
        if asks.query {
            let parameter = |name: &&str| json!({ "name": name, "in": "query", "required": true, "schema": { "$ref": "#/components/schemas/Text" } });
            let query = body.iter().map(parameter);
            if let Some(parameters) = refresh["get"]["parameters"].as_array_mut() {
                parameters.extend(query);
            }
        } else {
            refresh.remove("get");
        }
        let schema = match asks.access_token {
            AccessField::Nowhere => "RefreshByToken",
            AccessField::Named(_) if asks.refresh_token => "RefreshByPair",
            AccessField::Named(_) => "RefreshByAccessToken",
        };
        if asks.cookies {
            by_cookies(&mut refresh["post"]);
        } else {
            refresh["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"] =
                json!({ "$ref": format!("#/components/schemas/{schema}") });
        }
    }
    if asks.cookies
        && let Some(logout) = whole.pointer_mut("/paths/~1auth~1logout/post")
    {
        by_cookies(logout);
    }
    answers(&mut whole, scheme);
    Json(whole)
}

/// Which members the tokens' answers have: exactly one of the two schemas is left at each.
fn answers(whole: &mut Value, scheme: Scheme) {
    let (sign_in, refresh) = (scheme.sign_in_gives(), scheme.refresh_gives());
    for (operation, gives) in [
        ("/paths/~1auth~1login/post", sign_in),
        ("/paths/~1auth~1refresh/post", refresh),
        ("/paths/~1auth~1refresh/get", refresh),
        ("/paths/~1oauth~1token/post", sign_in),
    ] {
        let Some(answer) = whole.pointer_mut(&format!("{operation}/responses/200")) else {
            continue; // not mounted
        };
        let schema = match gives {
            RefreshTokenIn::Body => "TokenPair",
            RefreshTokenIn::Cookie | RefreshTokenIn::Nothing => "AccessTokenOnly",
        };
        answer["content"]["application/json"]["schema"] =
            json!({ "$ref": format!("#/components/schemas/{schema}") });
        if gives == RefreshTokenIn::Cookie {
            set_cookie(answer, "Sent twice: `refresh`, which is HttpOnly, and `csrf`.");
        }
    }
    if scheme.asks().cookies
        && let Some(answer) = whole.pointer_mut("/paths/~1auth~1logout/post/responses/200")
    {
        set_cookie(
            answer,
            "Sent twice: `refresh` and `csrf`, both cleared by `Max-Age=0`.",
        );
    }
    if let Some(schemas) = whole["components"]["schemas"].as_object_mut() {
        schemas.remove("Tokens"); // nothing names the choice any more
    }
}

fn set_cookie(answer: &mut Value, description: &str) {
    let pattern =
        "^[A-Za-z_-]+=[A-Za-z0-9_-]*; Path=/(auth)?; Max-Age=[0-9]+; (HttpOnly; )?Secure; SameSite=Strict";
    answer["headers"]["Set-Cookie"] = json!({
        "description": description,
        "required": true,
        "schema": { "type": "string", "pattern": pattern },
    });
}

/// No body, two cookies, and one of them again in a header. Left out, it is a mismatch and no mistake of form: so none of
/// them is called required.
fn by_cookies(operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else {
        return;
    };
    operation.remove("requestBody");
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    let said_again = ("X-CSRF-Token", "header");
    for (name, place) in [("refresh", "cookie"), ("csrf", "cookie"), said_again] {
        if let Some(parameters) = parameters.as_array_mut() {
            let text = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$" });
            parameters.push(json!({ "name": name, "in": place, "required": false, "schema": text }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_describes_what_it_mounts() {
        let Json(rotation) = of(Scheme::Rotation);
        assert!(rotation["paths"].get("/oauth/token").is_none());
        assert!(rotation["paths"]["/auth/refresh"].get("get").is_none());
        let Json(pairs) = of(Scheme::ExchangeOnce);
        assert_eq!(
            pairs["paths"]["/auth/refresh"]["get"]["parameters"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
        let Json(oauth) = of(Scheme::OAuth2);
        assert!(
            oauth["paths"].get("/oauth/token").is_some() && oauth["paths"].get("/auth/refresh").is_none()
        );
        let Json(cookie) = of(Scheme::Cookie);
        for path in ["/auth/refresh", "/auth/logout"] {
            let operation = &cookie["paths"][path]["post"];
            assert!(operation.get("requestBody").is_none());
            let parameters = operation["parameters"].as_array().unwrap().iter();
            assert!(
                parameters
                    .clone()
                    .any(|parameter| parameter["name"] == "X-CSRF-Token")
            );
        }
    }
}
