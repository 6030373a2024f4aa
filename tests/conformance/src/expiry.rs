//! What an answer says of its access token's life, told for whoever writes the profile. No value is repeated but numbers.

use std::time::Duration;

use serde_json::Value;
use tokencast::profile::{AnswerShape, ExpiresUnit};

/// What stands there, and what the profile should say instead.
pub(crate) fn tell(shape: &AnswerShape, body: &Value, default: Duration) -> (String, Option<String>) {
    let number = match shape.expires_in.get(body) {
        None | Some(Value::Null) => {
            let place = String::from(shape.expires_in.clone());
            return (
                format!(
                    "nothing at {place}: the token's own claims say it, else {} s hold",
                    default.as_secs()
                ),
                elsewhere(body)
                    .map(|name| format!("`answer.expires_in`: there is a field {name} in the answer")),
            );
        }
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let Some(number) = number else {
        let change = (shape.expires_unit != ExpiresUnit::Rfc3339)
            .then(|| "`answer.expires_unit`: `rfc3339`, if it is a date".into());
        return ("a text".into(), change);
    };
    let likely = match number {
        n if n > 1e12 => ExpiresUnit::UnixMilliseconds,
        n if n > 1e9 => ExpiresUnit::UnixSeconds,
        n if n >= 1e6 && n % 1000.0 == 0.0 && shape.expires_unit == ExpiresUnit::Milliseconds => {
            ExpiresUnit::Milliseconds
        }
        _ => ExpiresUnit::Seconds,
    };
    let told = serde_json::to_value(likely)
        .ok()
        .and_then(|unit| unit.as_str().map(str::to_owned));
    let far_off =
        likely != shape.expires_unit && (number > 1e9 || shape.expires_unit != ExpiresUnit::Milliseconds);
    let change = far_off.then(|| {
        format!(
            "`answer.expires_unit`: it looks like `{}`",
            told.unwrap_or_default()
        )
    });
    let dead = if number <= 0.0 { ": dead on arrival" } else { "" };
    (format!("{number}{dead}"), change)
}

/// Names under which others keep it.
fn elsewhere(body: &Value) -> Option<&'static str> {
    [
        "expires_in",
        "expiresIn",
        "expires_at",
        "expiresAt",
        "expires",
        "exp",
    ]
    .into_iter()
    .find(|name| body.pointer(&format!("/{name}")).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_unit_and_a_field_elsewhere_are_told() {
        let tell = |body: Value| tell(&AnswerShape::default(), &body, Duration::from_secs(300));
        assert_eq!(tell(json!({"expires_in": 3600})), ("3600".into(), None));
        let (_, change) = tell(json!({"expires_in": 1_700_000_000}));
        assert!(change.is_some_and(|change| change.contains("unix_seconds")));
        let (does, change) = tell(json!({"expiresIn": 60}));
        assert!(
            does.contains("nothing at /expires_in")
                && change.is_some_and(|change| change.contains("expiresIn"))
        );
        assert_eq!(tell(json!({})).1, None);
    }
}
