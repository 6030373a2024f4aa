//! Looks for secrets in what programs said: as they are, percent-encoded, in hex, as a list of bytes, and inside
//! base64, wherever in a group of three bytes they begin there.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

/// Secrets to look for. Its `Debug` shows how many there are.
pub struct Search {
    secrets: usize,
    forms: Vec<(&'static str, Finder<'static>)>,
}

/// Where a secret stands; never which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// `plain`, `percent-encoded`, `hex`, `list of bytes` or `base64`.
    pub form: &'static str,
    /// Bytes before it.
    pub offset: usize,
}

impl Search {
    /// A search for these. Ones that are shorter than eight bytes would be found by chance.
    ///
    /// # Panics
    /// When one is shorter than that.
    pub fn of<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut search = Self {
            secrets: 0,
            forms: Vec::new(),
        };
        for secret in secrets {
            let secret = secret.as_ref();
            assert!(
                secret.len() >= 8,
                "a secret of {} bytes is too short",
                secret.len()
            );
            search.secrets += 1;
            for (form, text) in forms(secret) {
                search.forms.push((form, Finder::new(&text).into_owned()));
            }
        }
        search
    }

    /// How many secrets it looks for.
    pub fn secrets(&self) -> usize {
        self.secrets
    }

    /// The first form of any of them that stands in `content`.
    pub fn find(&self, content: &[u8]) -> Option<Found> {
        self.forms.iter().find_map(|(form, finder)| {
            let offset = finder.find(content)?;
            Some(Found { form, offset })
        })
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({} secrets)", self.secrets)
    }
}

/// Every form of a secret: what to call it, and the bytes to look for.
pub fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let percent = |byte: &u8| match byte {
        b if b.is_ascii_alphanumeric() || b"-._~".contains(b) => char::from(*b).to_string(),
        b => format!("%{b:02X}"),
    };
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{secret:?}");
    let mut forms = vec![
        ("plain", secret.to_owned()),
        (
            "percent-encoded",
            secret.iter().map(percent).collect::<String>().into_bytes(),
        ),
        ("hex", hex.to_uppercase().into_bytes()),
        ("hex", hex.into_bytes()),
        (
            "list of bytes",
            list.trim_matches(['[', ']']).as_bytes().to_owned(),
        ),
    ];
    // Base64 depends on where in a group of three the secret begins; the characters shared with its neighbours go.
    for lead in 0..3 {
        let mut shifted = vec![0; lead];
        shifted.extend_from_slice(secret);
        let whole = shifted.len() / 3 * 4;
        let first = if lead == 0 { 0 } else { 4 };
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push((
                "base64",
                engine.encode(&shifted).as_bytes()[first..whole].to_owned(),
            ));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_each_of_its_forms() {
        let secret = b"r3fr3sh+t0ken";
        let search = Search::of([secret]);
        for (form, text) in [
            ("plain", "x r3fr3sh+t0ken x".to_owned()),
            ("base64", STANDARD_NO_PAD.encode(secret)),
            ("base64", STANDARD_NO_PAD.encode("{\"t\":\"r3fr3sh+t0ken\"}")),
            ("base64", URL_SAFE_NO_PAD.encode(".r3fr3sh+t0ken.")),
            ("base64", URL_SAFE_NO_PAD.encode("..r3fr3sh+t0ken..")),
            ("hex", "723366723373682b74306b656e".to_owned()),
            ("hex", "723366723373682B74306B656E".to_owned()),
            ("percent-encoded", "form=r3fr3sh%2Bt0ken&".to_owned()),
            ("list of bytes", format!("{secret:?}")),
        ] {
            let found = search.find(text.as_bytes());
            assert_eq!(found.map(|found| found.form), Some(form), "{text}");
        }
        assert_eq!(search.find(b"r3fr3sh+t0ke"), None);
    }

    #[test]
    fn each_of_many_secrets_is_found_and_none_is_named() {
        let search = Search::of(["first-secret", "second-secret"]);
        assert_eq!(search.find(b"...second-secret").unwrap().offset, 3);
        assert!(search.find(b"...first-secret").is_some());
        assert_eq!(format!("{search:?}"), "Search(2 secrets)");
    }

    #[test]
    #[should_panic(expected = "too short")]
    fn a_secret_that_would_be_found_by_chance_is_refused() {
        let _ = Search::of(["short"]);
    }
}
