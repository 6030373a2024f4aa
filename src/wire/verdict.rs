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
