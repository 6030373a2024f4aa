//! What an app adds to the profile's requests: a device's id, the app's version, an attestation. It is checked against
//! the profile before anything is sent, and can override nothing of it.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::Failure;
use crate::profile::{
    BodyEncoding, Place, RequestShape, ServerProfile, belongs_to_the_connection, is_header_name,
};
use crate::token::{Credentials, Secret};

/// Headers and fields together.
const MOST: usize = 32;
/// One value, in bytes: an attestation has up to some ten thousand.
const LONGEST_VALUE: usize = 32 * 1024;
const LONGEST_NAME: usize = 128;

/// Headers that carry credentials, say how the body is to be read or are the idempotency contract's, whether the profile
/// uses them or not.
const NEVER_HEADERS: [&str; 8] = [
    "accept",
    "accept-encoding",
    "authorization",
    "content-encoding",
    "content-type",
    "cookie",
    "dpop",
    "idempotency-key",
];

/// Body fields that present tokens or authenticate the client (RFC 6749 §2.3.1 and §6, RFC 7521 §4.2), whether the
/// profile places them or not.
const NEVER_FIELDS: [&str; 7] = [
    "access_token",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "grant_type",
    "refresh_token",
];

/// Which of the profile's requests is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The user's sign-in.
    SignIn,
    /// The exchange that brings the next access token.
    Refresh,
    /// The revocation of what a session lived by.
    Revoke,
}

impl Purpose {
    fn as_words(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Refresh => "refresh",
            Self::Revoke => "revocation",
        }
    }
}

/// Headers and body fields that an app adds to one request. `Debug` shows their names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraFields {
    headers: Vec<(String, Secret)>,
    fields: Vec<(String, Secret)>,
}

impl ExtraFields {
    /// Nothing to add.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a field of the body.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.fields.is_empty()
    }
}

impl fmt::Debug for ExtraFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |pairs: &[(String, Secret)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("ExtraFields")
            .field("headers", &names(&self.headers))
            .field("fields", &names(&self.fields))
            .finish()
    }
}

/// [`ExtraFields`] that go with one of the profile's requests without touching what the profile places there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra(ExtraFields);

impl Extra {
    /// For the sign-in, whose credentials have fields too.
    pub(crate) fn of_sign_in(
        profile: &ServerProfile,
        credentials: &Credentials,
        given: ExtraFields,
    ) -> Result<Self, Failure> {
        Self::beside(profile, Purpose::SignIn, given, |taken| {
            if let Some(shape) = profile.sign_in() {
                taken.encoding = shape.encoding;
                taken.headers(shape.headers.keys());
                taken.fields(shape.fields.keys().chain(shape.query.keys()));
            }
            taken.fields(credentials.iter().map(|(name, _)| name));
        })
    }

    /// For the refresh.
    pub(crate) fn of_refresh(profile: &ServerProfile, given: ExtraFields) -> Result<Self, Failure> {
        Self::beside(profile, Purpose::Refresh, given, |taken| {
            taken.request(profile.refresh());
        })
    }

    /// For the revocation.
    pub(crate) fn of_revocation(profile: &ServerProfile, given: ExtraFields) -> Result<Self, Failure> {
        Self::beside(profile, Purpose::Revoke, given, |taken| {
            if let Some(shape) = profile.revoke() {
                taken.request(shape);
            }
        })
    }

    /// Most apps add nothing, and pay nothing for the look at what is taken.
    fn beside(
        profile: &ServerProfile,
        purpose: Purpose,
        given: ExtraFields,
        takes: impl FnOnce(&mut Taken),
    ) -> Result<Self, Failure> {
        if given.is_empty() {
            return Ok(Self::default());
        }
        let mut taken = Taken::new(profile, purpose);
        takes(&mut taken);
        taken.leaves_room_for(given)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0.headers)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0.fields)
    }
}

fn pairs(pairs: &[(String, Secret)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.expose()))
}

/// The names that a request has given out already: headers in lower case.
struct Taken {
    purpose: Purpose,
    encoding: BodyEncoding,
    headers: BTreeSet<String>,
    fields: BTreeSet<String>,
}

impl Taken {
    fn new(profile: &ServerProfile, purpose: Purpose) -> Self {
        let mut taken = Self {
            purpose,
            encoding: BodyEncoding::Form,
            headers: BTreeSet::new(),
            fields: BTreeSet::new(),
        };
        taken.headers(NEVER_HEADERS);
        taken.fields(NEVER_FIELDS);
        // The key of the refresh, and on any other request a name that a server may take for it.
        taken.headers(profile.idempotency_key());
        taken
    }

    fn request(&mut self, shape: &RequestShape) {
        self.encoding = shape.encoding;
        self.headers(shape.headers.keys());
        self.headers(shape.csrf.as_ref().map(|csrf| &csrf.header));
        // Some servers read the query and the body as one.
        self.fields(shape.fields.keys().chain(shape.query.keys()));
        for placement in &shape.tokens {
            match placement.place {
                Place::Header => self.headers([&placement.field]),
                Place::Body | Place::Query | Place::Cookie => self.fields([&placement.field]),
            }
        }
    }

    fn headers(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        let lower = names.into_iter().map(|name| name.as_ref().to_ascii_lowercase());
        self.headers.extend(lower);
    }

    fn fields(&mut self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        self.fields
            .extend(names.into_iter().map(|name| name.as_ref().to_owned()));
    }

    fn leaves_room_for(mut self, given: ExtraFields) -> Result<Extra, Failure> {
        if given.headers.len() + given.fields.len() > MOST {
            return Err(self.refusal("more than 32 of them", "add fewer headers and fields"));
        }
        for (name, value) in pairs(&given.headers) {
            self.header(name, value)?;
        }
        for (name, value) in pairs(&given.fields) {
            self.field(name, value)?;
        }
        Ok(Extra(given))
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if !is_header_name(name) || name.len() > LONGEST_NAME {
            let fix = "use letters, digits and hyphens (RFC 9110 §5.1)";
            return Err(self.refusal("one of the headers has no header's name", fix));
        }
        let lower = name.to_ascii_lowercase();
        if belongs_to_the_connection(&lower) {
            let what = format!("the header `{name}` belongs to the connection");
            return Err(self.refusal(what, "leave it out; the transport writes it"));
        }
        if !self.headers.insert(lower) {
            let what = format!("the header `{name}` is not the app's to give, or is given twice");
            return Err(self.refusal(what, "use a name that the server profile's request does not have"));
        }
        let trimmed = value.trim_matches(' ').len() == value.len();
        let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !trimmed || !visible || value.len() > LONGEST_VALUE {
            let what = format!("the value of the header `{name}` is no header value");
            let fix = "use at most 32 KiB of visible ASCII, encoded by base64 or percent signs if need be";
            return Err(self.refusal(what, fix));
        }
        Ok(())
    }

    fn field(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if self.encoding == BodyEncoding::None {
            let what = "the server profile's request has no body to put fields into";
            return Err(self.refusal(what, "use headers, or another `encoding` in the profile"));
        }
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
            let fix = "use 1 to 128 characters, none of which is a control character";
            return Err(self.refusal("one of the fields has no field's name", fix));
        }
        if !self.fields.insert(name.to_owned()) {
            let what = format!("the field `{name}` is not the app's to give, or is given twice");
            return Err(self.refusal(what, "use a name that the server profile's request does not have"));
        }
        if value.len() > LONGEST_VALUE || value.contains(char::is_control) {
            let what = format!("the value of the field `{name}` is none");
            let fix = "use at most 32 KiB without control characters, encoded by base64 if need be";
            return Err(self.refusal(what, fix));
        }
        Ok(())
    }

    fn refusal(&self, what: impl fmt::Display, fix: &str) -> Failure {
        let purpose = self.purpose.as_words();
        Failure::misconfigured(
            format!("what the app's `RequestFields` add to the {purpose}: {what}"),
            fix,
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn profile() -> ServerProfile {
        ServerProfile::rotation("https://api.example.com").unwrap()
    }

    fn refused(profile: &ServerProfile, given: ExtraFields) -> String {
        match Extra::of_refresh(profile, given) {
            Err(Failure::Misconfigured { what, fix }) => {
                assert!(!fix.is_empty());
                what
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_that_the_profile_places_can_be_given() {
        let mut json = serde_json::to_value(profile()).unwrap();
        json["refresh"]["headers"] = json!({"X-App": "1"});
        json["refresh"]["query"] = json!({"v": "2"});
        json["refresh"]["tokens"] = json!([
            {"token": "refresh", "field": "rt"},
            {"token": "access", "in": "header", "field": "X-Old-Token"},
        ]);
        json["idempotency_key"] = "X-Once".into();
        let profile = ServerProfile::from_json(&json.to_string()).unwrap();
        let headers = [
            "x-app",
            "X-OLD-TOKEN",
            "x-once",
            "Idempotency-Key",
            "Authorization",
            "Cookie",
            "Content-Type",
            "Host",
            "content-length",
            "Transfer-Encoding",
            "DPoP",
        ];
        for name in headers {
            let what = refused(&profile, ExtraFields::none().header(name, "v4lue"));
            assert!(what.contains(name) && !what.contains("v4lue"), "{what}");
        }
        for name in [
            "grant_type",
            "rt",
            "v",
            "refresh_token",
            "client_id",
            "client_secret",
            "client_assertion",
        ] {
            let what = refused(&profile, ExtraFields::none().field(name, "v4lue"));
            assert!(what.contains(name) && !what.contains("v4lue"), "{what}");
        }
    }

    #[test]
    fn the_csrf_header_is_the_profiles() {
        let profile = ServerProfile::cookie("https://api.example.com").unwrap();
        refused(&profile, ExtraFields::none().header("x-csrf-token", "1"));
    }

    #[test]
    fn the_fields_of_the_credentials_are_the_users() {
        let credentials = Credentials::password("ada", "pw").field("otp", "123456");
        for name in ["username", "password", "otp", "grant_type"] {
            let given = ExtraFields::none().field(name, "x");
            assert!(
                Extra::of_sign_in(&profile(), &credentials, given).is_err(),
                "{name}"
            );
        }
        let given = ExtraFields::none().field("device", "x");
        assert!(Extra::of_sign_in(&profile(), &credentials, given).is_ok());
    }

    #[test]
    fn names_and_values_that_could_break_out_of_their_place_are_refused() {
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("é", "x"),
            ("a\r\nb", "x"),
            ("a", "x\r\nB: y"),
            ("a", "x\0"),
            ("a", "é"),
            ("a", " x"),
            ("a", "x\t"),
        ] {
            refused(&profile(), ExtraFields::none().header(name, value));
        }
        for (name, value) in [("", "x"), ("a\n", "x"), ("a", "x\u{7f}"), ("a", "x\u{85}")] {
            refused(&profile(), ExtraFields::none().field(name, value));
        }
        let long = "x".repeat(LONGEST_VALUE + 1);
        refused(&profile(), ExtraFields::none().header("a", long.as_str()));
        refused(&profile(), ExtraFields::none().field("a", long));
        let many = (0..33).fold(ExtraFields::none(), |given, at| {
            given.field(format!("f{at}"), "x")
        });
        refused(&profile(), many);
        refused(&profile(), ExtraFields::none().header("A", "1").header("a", "2"));
        refused(&profile(), ExtraFields::none().field("a", "1").field("a", "2"));
    }

    #[test]
    fn a_request_without_a_body_takes_headers_only() {
        let profile = ServerProfile::cookie("https://api.example.com").unwrap();
        let what = refused(&profile, ExtraFields::none().field("device", "x"));
        assert!(what.contains("no body"), "{what}");
        assert!(Extra::of_refresh(&profile, ExtraFields::none().header("X-Device", "x")).is_ok());
    }

    #[test]
    fn no_value_is_printed() {
        let given = ExtraFields::none()
            .header("X-Attestation", "s3cr3t")
            .field("device", "1d");
        let text = format!("{given:?}");
        assert!(
            text.contains("X-Attestation") && !text.contains("s3cr3t") && !text.contains("1d"),
            "{text}"
        );
    }
}
