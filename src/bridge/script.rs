//! The script of a guarded push.

use std::fmt;

use super::action::Payload;
use super::answer;
use super::origin::Origin;
use crate::token::Secret;

/// JavaScript for the main frame of a page, in ASCII. It may hold an access token: `Debug` shows its message's kind
/// and size only, and there is no `Display`.
///
/// It is evaluated to `"k"` when the page's client took the message, to `"o"` in a document of another origin and to
/// `"c"` where there is no client.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    kind: &'static str,
    text: Secret,
}

impl Script {
    /// Hands a message to the client of a document of this origin, and to nobody else. In strict mode: from sloppy
    /// mode a page could read the script through `fn.caller`. Nothing that a page may have put in place of something
    /// else is touched before the origin is compared: `location` is the browser's own.
    pub(super) fn guarded(origin: &Origin, payload: &Payload) -> Self {
        let origin = answer::literal(&origin.to_string());
        let message = answer::literal(payload.expose());
        let (origin, message) = (origin.expose(), message.expose());
        let mut text = zeroize::Zeroizing::new(String::with_capacity(message.len() + origin.len() + FRAME));
        for part in [BEFORE_ORIGIN, origin, BEFORE_MESSAGE, message, AFTER_MESSAGE] {
            text.push_str(part);
        }
        Self {
            kind: payload.kind(),
            text: Secret::new(text.as_str()),
        }
    }

    /// The script's text, to be evaluated in the page and to be kept nowhere.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The message's kind: `state` or `ended`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({}, {} bytes)", self.kind, self.text.expose().len())
    }
}

const BEFORE_ORIGIN: &str = r#"(function(){"use strict";if(location.origin!=="#;
const BEFORE_MESSAGE: &str =
    r#")return"o";const c=globalThis.tokencast;if(!c||typeof c.receive!=="function")return"c";c.receive("#;
const AFTER_MESSAGE: &str = r#");return"k"})()"#;
/// The text around both literals; a buffer that never grows leaves no copy behind.
const FRAME: usize = BEFORE_ORIGIN.len() + BEFORE_MESSAGE.len() + AFTER_MESSAGE.len();

#[cfg(test)]
pub(super) mod reading {
    use super::*;

    /// Reads a script as the fixed text around two string literals, and gives what they stand for.
    pub(in crate::bridge) fn read(text: &str) -> (String, String) {
        let rest = text.strip_prefix(BEFORE_ORIGIN).unwrap();
        let (origin, rest) = literal(rest);
        let rest = rest.strip_prefix(BEFORE_MESSAGE).unwrap();
        let (message, rest) = literal(rest);
        assert_eq!(rest, AFTER_MESSAGE, "nothing stands behind the call");
        (origin, message)
    }

    /// The string literal at the beginning, read as JavaScript does it: up to the first quote that no backslash
    /// precedes.
    fn literal(text: &str) -> (String, &str) {
        assert!(text.starts_with('"'));
        let mut escaped = false;
        let end = text[1..].find(|character| match character {
            _ if escaped => {
                escaped = false;
                false
            }
            '\\' => {
                escaped = true;
                false
            }
            character => character == '"',
        });
        let (literal, rest) = text.split_at(end.unwrap() + 2);
        (serde_json::from_str(literal).unwrap(), rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::reading::read;
    use super::*;

    fn script(origin: &str, text: &str) -> Script {
        let payload = Payload::new("state", text.into());
        Script::guarded(&Origin::parse(origin).unwrap(), &payload)
    }

    #[test]
    fn the_script_asks_for_the_origin_first_and_in_strict_mode() {
        assert_eq!(
            script("https://app.example.com", "{}").expose(),
            r#"(function(){"use strict";if(location.origin!=="https://app.example.com")return"o";const c=globalThis.tokencast;if(!c||typeof c.receive!=="function")return"c";c.receive("{}");return"k"})()"#
        );
    }

    #[test]
    fn a_hostile_message_stays_one_literal() {
        for hostile in [
            "\");alert(1);(\"",
            "\\\");alert(1)//",
            "</script><script>alert(1)</script>",
            "<!--",
            "${alert(1)}`",
            "'",
            "\u{2028}\u{2029}\r\n\0",
            "\u{feff}é😀&amp;",
            &"\\".repeat(4096),
            &"\"".repeat(16 * 1024),
        ] {
            let script = script("https://app.example.com", hostile);
            let text = script.expose();
            assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            assert!(!text.contains(['<', '&', '>']));
            assert_eq!(
                read(text),
                ("https://app.example.com".to_owned(), hostile.to_owned())
            );
        }
    }

    #[test]
    fn a_script_never_prints_its_token() {
        let printed = format!("{:?}", script("https://app.example.com", "s3cr3t"));
        assert!(
            printed.contains("state") && !printed.contains("s3cr3t"),
            "{printed}"
        );
    }

    proptest! {
        #[test]
        fn any_message_and_any_origin_stay_literals(
            message in any::<String>(),
            origin in "https://[a-z0-9%\"'<>\\\\-]{1,12}(\\.[a-z\u{e9}\"']{1,6})?(:[0-9]{1,5})?",
        ) {
            let origin = Origin::parse(&origin).unwrap_or_else(|_| Origin::parse("https://a.example").unwrap());
            let payload = Payload::new("state", message.as_str().into());
            let script = Script::guarded(&origin, &payload);
            prop_assert!(script.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(!script.expose().contains(['<', '&', '>']));
            prop_assert_eq!(read(script.expose()), (origin.to_string(), message));
        }
    }
}
