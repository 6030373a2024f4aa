use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON pointer (RFC 6901) that is known to be well formed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPointer(String);

impl JsonPointer {
    /// Points at a field of the top-level object.
    pub fn to_field(name: &str) -> Self {
        Self(String::new()).then(name)
    }

    /// Points at a field of the object that stands here.
    #[must_use]
    pub fn then(&self, name: &str) -> Self {
        Self(format!(
            "{}/{}",
            self.0,
            name.replace('~', "~0").replace('/', "~1")
        ))
    }

    /// What stands at this place of `value`.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.0)
    }
}

impl TryFrom<String> for JsonPointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad_escape = |text: &str| {
            let mut rest = text;
            while let Some(at) = rest.find('~') {
                if !matches!(rest.as_bytes().get(at + 1), Some(b'0' | b'1')) {
                    return true;
                }
                rest = &rest[at + 1..];
            }
            false
        };
        if !text.starts_with('/') {
            return Err(format!(
                "`{text}` is not a JSON pointer: write it as `/field` or `/outer/inner`"
            ));
        }
        if bad_escape(&text) {
            return Err(format!(
                "`{text}` is not a JSON pointer: `~` is written `~0` and `/` is written `~1`"
            ));
        }
        Ok(Self(text))
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> String {
        pointer.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_without_a_slash_or_with_a_stray_tilde_is_refused() {
        for bad in ["", "access_token", "/a~", "/a~2"] {
            assert!(JsonPointer::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(JsonPointer::try_from("/data/a~1b~0".to_owned()).is_ok());
    }

    #[test]
    fn it_finds_the_nested_value() {
        let value = serde_json::json!({"data": {"token": 1}});
        let pointer = JsonPointer::try_from("/data/token".to_owned()).unwrap();
        assert_eq!(pointer.get(&value), Some(&Value::from(1)));
        assert_eq!(
            JsonPointer::to_field("a/b").get(&serde_json::json!({"a/b": true})),
            Some(&Value::Bool(true))
        );
    }
}
