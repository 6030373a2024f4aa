//! What a stranger can do to a JWT: read it, change it, sign another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// Header and payload.
pub(crate) fn read(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut json = || serde_json::from_slice(&parts.next().unwrap_or_default()).unwrap_or_default();
    (json(), json())
}

/// The names in an object, sorted.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

pub(crate) fn hs256(header: &Value, payload: &Value, key: &[u8]) -> String {
    let signed = unsigned(header, payload);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) fn unsigned(header: &Value, payload: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(payload))
}

/// The same token with one of its three parts changed: others of it, all of them plausible.
pub(crate) fn tampered(token: &str) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let (head, payload, signature) = (parts[0], parts[1], parts[2]);
    let turned: String = signature.chars().rev().collect();
    let (header, claims) = read(token);
    let with = |object: &Value, name: &str, value: Value| {
        let mut object = object.clone();
        object[name] = value;
        object
    };
    let none = with(&header, "alg", "none".into());
    vec![
        format!("{head}.{payload}.{turned}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}"),
        format!(
            "{}.{signature}",
            unsigned(&header, &with(&claims, "sub", "root".into()))
        ),
        format!(
            "{}.{signature}",
            unsigned(&header, &with(&claims, "exp", 99_999_999_999_u64.into()))
        ),
        format!("{}.{signature}", unsigned(&none, &claims)),
        format!("{}.", unsigned(&none, &claims)),
        hs256(&header, &claims, b""),
        hs256(&header, &claims, b"secret"),
        "x".into(),
        "a.b.c".into(),
    ]
}
