//! `docs/server-profile.schema.json` says of each object what serde says of it, takes every preset and refuses what
//! serde refuses.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::tests::{presets, refusals};
use super::*;

const POINTER: &str = "^/([^~]|~[01])*$";

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/server-profile.schema.json")).unwrap()
}

/// Whether `value` is as `rule` says. It knows the keywords that the schema uses and no others.
fn takes(schema: &Value, rule: &Value, value: &Value) -> bool {
    let rule = rule.as_object().unwrap();
    rule.iter().all(|(keyword, asked)| match keyword.as_str() {
        "$schema" | "title" | "description" | "$defs" => true,
        "$ref" => {
            let pointer = asked.as_str().unwrap().strip_prefix('#').unwrap();
            takes(schema, schema.pointer(pointer).unwrap(), value)
        }
        "type" => match asked.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "boolean" => value.is_boolean(),
            other => panic!("{other}"),
        },
        "enum" => asked.as_array().unwrap().contains(value),
        "anyOf" => asked
            .as_array()
            .unwrap()
            .iter()
            .any(|one| takes(schema, one, value)),
        "required" => {
            let names = asked.as_array().unwrap().iter();
            names
                .map(|name| name.as_str().unwrap())
                .all(|name| value.get(name).is_some())
        }
        "properties" => fields(value)
            .iter()
            .all(|(name, field)| asked.get(name).is_none_or(|one| takes(schema, one, field))),
        "additionalProperties" => fields(value)
            .iter()
            .filter(|(name, _)| {
                rule.get("properties")
                    .is_none_or(|known| known.get(name).is_none())
            })
            .all(|(_, field)| asked.is_object() && takes(schema, asked, field)),
        "items" => {
            let items = value.as_array().into_iter().flatten();
            items.into_iter().all(|item| takes(schema, asked, item))
        }
        "pattern" => {
            assert_eq!(asked, POINTER);
            JsonPointer::try_from(value.as_str().unwrap_or("/").to_owned()).is_ok()
        }
        "minLength" => value
            .as_str()
            .is_none_or(|text| text.len() as u64 >= asked.as_u64().unwrap()),
        "maxLength" => value
            .as_str()
            .is_none_or(|text| text.len() as u64 <= asked.as_u64().unwrap()),
        "minimum" => value
            .as_i64()
            .is_none_or(|number| number >= asked.as_i64().unwrap()),
        "maximum" => value
            .as_i64()
            .is_none_or(|number| number <= asked.as_i64().unwrap()),
        other => panic!("the test does not know the keyword {other}"),
    })
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The names that serde lists when it meets one that it does not know.
fn named_by_serde(at: &str) -> BTreeSet<String> {
    // Everything that can be given, once.
    let mut profile = json!({
        "id": "x", "client": {"id": "a", "auth": "none"}, "sign_in": {"url": "https://x.example/"},
        "refresh": {"url": "https://x.example/", "csrf": {"cookie": "c", "header": "h"},
                    "tokens": [{"token": "refresh", "field": "f"}]},
        "subject": {"url": "https://x.example/"},
        "answer": {}, "verdicts": [{"status": 401, "means": {"dead": "expired"}}],
    });
    let place = profile.pointer_mut(at).unwrap();
    match place {
        Value::Object(fields) => drop(fields.insert("?".into(), 1.into())),
        text => *text = "?".into(),
    }
    let error = ServerProfile::from_json(&profile.to_string())
        .unwrap_err()
        .problem;
    let names: Vec<&str> = error.split('`').skip(1).step_by(2).collect();
    assert_eq!(names.first(), Some(&"?"), "{error}");
    names[1..].iter().map(|name| (*name).to_owned()).collect()
}

fn named_by_schema(at: &str) -> BTreeSet<String> {
    let schema = schema();
    let found = schema.pointer(at).unwrap_or_else(|| panic!("{at}"));
    match found {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn each_object_has_the_same_fields_in_both() {
    for (in_profile, in_schema) in [
        ("", "/properties"),
        ("/client", "/$defs/client/properties"),
        ("/sign_in", "/$defs/sign_in/properties"),
        ("/refresh", "/$defs/request/properties"),
        ("/refresh/csrf", "/$defs/csrf/properties"),
        ("/refresh/tokens/0", "/$defs/placement/properties"),
        ("/subject", "/$defs/subject/properties"),
        ("/answer", "/$defs/answer/properties"),
        ("/verdicts/0", "/$defs/rule/properties"),
    ] {
        assert_eq!(
            named_by_serde(in_profile),
            named_by_schema(in_schema),
            "{in_profile}"
        );
    }
}

#[test]
fn each_choice_has_the_same_values_in_both() {
    let of = |type_error: serde_json::Error| {
        let text = type_error.to_string();
        let names = text.split('`').skip(3).step_by(2);
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    fn refused<T: serde::de::DeserializeOwned>() -> serde_json::Error {
        serde_json::from_str::<T>("\"?\"").err().unwrap()
    }
    let mut reasons = of(refused::<crate::error::EndReason>());
    assert!(reasons.remove("server"));
    let mut verdicts = of(refused::<Verdict>());
    assert!(verdicts.remove("dead"));
    for (values, in_schema) in [
        (of(refused::<Method>()), "/$defs/method/enum"),
        (of(refused::<BodyEncoding>()), "/$defs/encoding/enum"),
        (
            of(refused::<TokenKind>()),
            "/$defs/placement/properties/token/enum",
        ),
        (of(refused::<Place>()), "/$defs/placement/properties/in/enum"),
        (of(refused::<ClientAuth>()), "/$defs/client/properties/auth/enum"),
        (
            of(refused::<ExpiresUnit>()),
            "/$defs/answer/properties/expires_unit/enum",
        ),
        (of(refused::<Renew>()), "/properties/renew/enum"),
        (verdicts, "/$defs/verdict/enum"),
        (reasons, "/$defs/reason/enum"),
    ] {
        assert_eq!(values, named_by_schema(in_schema), "{in_schema}");
    }
}

#[test]
fn the_schema_takes_every_preset_and_refuses_what_serde_refuses() {
    let schema = schema();
    for profile in presets() {
        let value = serde_json::to_value(&profile).unwrap();
        assert!(takes(&schema, &schema, &value), "{value}");
    }
    let mut refused = 0;
    for (field, value) in refusals() {
        if field == "profile" {
            refused += 1;
            assert!(!takes(&schema, &schema, &value), "{value}");
        }
    }
    assert!(refused > 5);
    for edit in [
        json!({"id": 1}),
        json!({"refresh": null}),
        json!({"default_life_seconds": -1}),
        json!({"verdicts": [{"status": 401, "means": {"dead": "gone"}}]}),
        json!({"verdicts": [{"status": 401, "means": "dead"}]}),
        json!({"verdicts": [{"status": 70000, "means": "transient"}]}),
        json!({"answer": {"error": "/~2"}}),
        json!({"rejected_statuses": 401}),
    ] {
        let mut value = serde_json::to_value(&presets()[0]).unwrap();
        for (name, field) in fields(&edit) {
            value[name] = field;
        }
        assert!(!takes(&schema, &schema, &value), "{edit}");
        assert!(ServerProfile::from_json(&value.to_string()).is_err(), "{edit}");
    }
}
