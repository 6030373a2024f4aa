use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CredentialHash;

/// Whose tokens these are, as the server says it: the SHA-256 of that, which is all that is needed to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Subject(CredentialHash);

impl Subject {
    /// `None` for what names nobody.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let names_somebody = match value {
            Value::String(text) => !text.is_empty(),
            value => value.is_i64() || value.is_u64(),
        };
        // As JSON: the number 1 is not the text "1".
        names_somebody.then(|| Self(CredentialHash::of_text(&value.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_whole_numbers_name_somebody() {
        assert_eq!(Subject::of(&json!("ada")), Subject::of(&json!("ada")));
        assert_ne!(Subject::of(&json!("ada")), Subject::of(&json!("Ada")));
        assert_ne!(Subject::of(&json!("1")), Subject::of(&json!(1)));
        assert!(Subject::of(&json!(0)).is_some());
        for nobody in [
            json!(""),
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!(1.5),
        ] {
            assert_eq!(Subject::of(&nobody), None, "{nobody}");
        }
    }
}
