use std::collections::BTreeMap;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::profile::BodyEncoding;

/// Body fields by name.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    pub(super) fn add(&mut self, name: &'a str, value: &'a str) {
        self.0.insert(name, value);
    }

    /// The content type and the body.
    pub(super) fn written(&self, encoding: BodyEncoding) -> (Option<&'static str>, Zeroizing<Vec<u8>>) {
        match encoding {
            BodyEncoding::Form => (Some("application/x-www-form-urlencoded"), self.as_form()),
            BodyEncoding::Json => (Some("application/json"), self.as_json()),
            BodyEncoding::None => (None, Zeroizing::default()),
        }
    }

    fn as_form(&self) -> Zeroizing<Vec<u8>> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.0);
        Zeroizing::new(form.finish().into_bytes())
    }

    fn as_json(&self) -> Zeroizing<Vec<u8>> {
        // A map of strings to strings has no value that JSON cannot hold.
        Zeroizing::new(serde_json::to_vec(&self).expect("strings serialise"))
    }
}
