use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use super::HttpRequest;
use crate::profile::{BodyEncoding, RequestShape, ServerProfile, TokenKind};
use crate::token::{AttemptKey, Credential, Credentials, Secret};

/// What one refresh presents: the credential and the key that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) credential: Credential,
    pub(crate) attempt_key: AttemptKey,
}

/// The sign-in request; `None` when the profile has none.
pub(crate) fn sign_in(profile: &ServerProfile, credentials: &Credentials) -> Option<HttpRequest> {
    let shape = profile.sign_in()?;
    let mut fields = Fields::fixed(&shape.fields);
    fields.extend(credentials.iter().map(|(name, value)| (name, value.expose())));
    Some(post(&shape.url, &shape.headers, shape.encoding, &fields))
}

/// The refresh request.
pub(crate) fn refresh(profile: &ServerProfile, presented: &Presented) -> HttpRequest {
    let shape = profile.refresh();
    let mut request = token_request(shape, &presented.credential);
    if let Some(header) = profile.idempotency_key() {
        request.headers.push((
            header.to_owned(),
            Zeroizing::new(presented.attempt_key.expose().to_owned()),
        ));
    }
    request
}

/// The revocation of one token (RFC 7009 §2.1); `None` when the profile has none.
pub(crate) fn revoke(profile: &ServerProfile, token: &Secret) -> Option<HttpRequest> {
    let shape = profile.revoke()?;
    let credential = Credential {
        refresh_token: Some(token.clone()),
        ..Credential::default()
    };
    Some(token_request(shape, &credential))
}

fn token_request(shape: &RequestShape, credential: &Credential) -> HttpRequest {
    let mut fields = Fields::fixed(&shape.fields);
    for placement in &shape.tokens {
        let token = match placement.token {
            TokenKind::Refresh => credential.refresh_token.as_ref(),
            TokenKind::Access => credential.access_token.as_ref(),
        };
        fields.extend(token.map(|token| (placement.field.as_str(), token.expose())));
    }
    post(&shape.url, &shape.headers, shape.encoding, &fields)
}

fn post(
    url: &Url,
    headers: &BTreeMap<String, String>,
    encoding: BodyEncoding,
    fields: &Fields<'_>,
) -> HttpRequest {
    let (content_type, body) = match encoding {
        BodyEncoding::Form => ("application/x-www-form-urlencoded", fields.as_form()),
        BodyEncoding::Json => ("application/json", fields.as_json()),
    };
    let mut request = HttpRequest::new(url.clone());
    let own = [("accept", "application/json"), ("content-type", content_type)];
    let given = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    request.headers = own
        .into_iter()
        .chain(given)
        .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))
        .collect();
    request.body = body;
    request
}

/// Body fields by name.
#[derive(Serialize)]
#[serde(transparent)]
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn fixed(fields: &'a BTreeMap<String, String>) -> Self {
        Self(
            fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        )
    }

    fn extend(&mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.extend(fields);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn profile() -> ServerProfile {
        ServerProfile::rotation("https://api.example.com").unwrap()
    }

    fn body(request: &HttpRequest) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    #[test]
    fn a_refresh_carries_the_token_in_the_body_and_the_key_in_its_header() {
        let presented = Presented {
            credential: Credential {
                refresh_token: Some("a b&c=d".into()),
                ..Credential::default()
            },
            attempt_key: AttemptKey::draw(&SystemRandom::default()).unwrap(),
        };
        let request = refresh(&profile(), &presented);
        assert_eq!(request.url.as_str(), "https://api.example.com/auth/refresh");
        assert_eq!(
            body(&request),
            "grant_type=refresh_token&refresh_token=a+b%26c%3Dd"
        );
        let key = request
            .headers
            .iter()
            .find(|(name, _)| name == "Idempotency-Key")
            .unwrap();
        assert_eq!(key.1.as_str(), presented.attempt_key.expose());
        assert!(!format!("{request:?}").contains("a+b"));
    }

    #[test]
    fn a_json_body_is_one_flat_object() {
        let mut json = serde_json::to_value(profile()).unwrap();
        json["sign_in"]["encoding"] = "json".into();
        let profile: ServerProfile = serde_json::from_value(json).unwrap();
        let request = sign_in(&profile, &Credentials::password("ada", "pa\"ss")).unwrap();
        assert_eq!(body(&request), r#"{"password":"pa\"ss","username":"ada"}"#);
    }

    #[test]
    fn revocation_names_the_token_as_rfc_7009_does() {
        let request = revoke(&profile(), &"r".into()).unwrap();
        assert_eq!((request.url.path(), body(&request)), ("/auth/logout", "token=r"));
    }
}
