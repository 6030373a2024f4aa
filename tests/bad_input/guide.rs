//! The guide's profiles are read as they stand, and its tables name every field.

use serde_json::Value;
use tokencast::ServerProfile;
use tokencast::profile::{ExpiresUnit, TokenKind};

const GUIDE: &str = include_str!("../../docs/guides/server-profile.md");

fn profiles() -> Vec<ServerProfile> {
    let blocks = GUIDE.split("```json\n").skip(1);
    let texts = blocks.map(|rest| rest.split("```").next().unwrap());
    texts
        .map(|text| ServerProfile::from_json(text).unwrap())
        .collect()
}

#[test]
fn the_guides_first_profile_is_the_preset() {
    assert_eq!(
        profiles()[0],
        ServerProfile::rotation("https://api.example.com").unwrap()
    );
}

#[test]
fn the_guides_examples_are_profiles_of_what_they_show() {
    let [_, bearer, prose, cookies] = profiles().try_into().expect("a preset and three examples");
    assert_eq!(bearer.answer().expires_unit, ExpiresUnit::Rfc3339);
    assert_eq!(bearer.refresh().tokens[0].prefix.as_deref(), Some("Bearer "));
    assert!(prose.verdicts().iter().any(|rule| rule.contains.is_some()));
    assert_eq!(cookies.presents(), TokenKind::Cookie);
}

#[test]
fn the_guides_tables_name_every_field_of_the_schema_and_no_other() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/server-profile.schema.json")).unwrap();
    let mut fields: Vec<String> = names(&schema["properties"]);
    for part in ["sign_in", "request", "placement", "answer", "rule"] {
        fields.extend(names(&schema["$defs"][part]["properties"]));
    }
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| `"));
    let in_tables: Vec<&str> = rows
        .filter_map(|row| row.split_once("` |"))
        .map(|(name, _)| name)
        .collect();
    for field in &fields {
        assert!(in_tables.contains(&field.as_str()), "no row for `{field}`");
    }
    let presets = ["oauth2", "generic_oauth2"];
    for name in in_tables
        .iter()
        .filter(|name| !name.contains('`') && !presets.contains(name))
    {
        assert!(fields.iter().any(|field| field == name), "a row for `{name}`");
    }
}

fn names(properties: &Value) -> Vec<String> {
    properties.as_object().unwrap().keys().cloned().collect()
}
