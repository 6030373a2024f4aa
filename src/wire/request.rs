use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::HttpRequest;
use super::body::Fields;
use super::extra::Extra;
use crate::profile::{
    BodyEncoding, ClientAuth, Method, OAuthClient, Place, Placement, RequestShape, ServerProfile, TokenKind,
};
use crate::token::{AttemptKey, Credential, Credentials, Secret, cookie};

/// The longest token that is placed, in bytes.
const LONGEST_TOKEN: usize = 64 * 1024;

/// What one refresh presents: the credential and the key that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) credential: Credential,
    pub(crate) attempt_key: AttemptKey,
}

/// Why a credential cannot be put into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unplaceable {
    #[error("there is no {}, which the profile's requests place", .0.as_words())]
    Missing(TokenKind),
    #[error("the {} does not fit into its place in the request", .0.as_words())]
    Unfit(TokenKind),
}

impl Unplaceable {
    /// What to do about it.
    pub(crate) fn fix(self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "check `refresh.tokens` and `answer` of the server profile, then sign in again"
            }
            Self::Unfit(_) => {
                "a token has at most 64 KiB and, outside a body, visible ASCII only: look at the server"
            }
        }
    }
}

/// The sign-in request; `None` when the profile has none.
pub(crate) fn sign_in(
    profile: &ServerProfile,
    credentials: &Credentials,
    extra: &Extra,
) -> Option<HttpRequest> {
    let shape = profile.sign_in()?;
    let mut draft = Draft::new(extra, &shape.fields, &shape.headers);
    draft.client(profile.client());
    for (name, value) in credentials.iter() {
        draft.fields.add(name, value.expose());
    }
    Some(draft.written(shape.method, &shape.url, &shape.query, shape.encoding))
}

/// The refresh request.
pub(crate) fn refresh(
    profile: &ServerProfile,
    presented: &Presented,
    extra: &Extra,
) -> Result<HttpRequest, Unplaceable> {
    let mut request = token_request(profile, profile.refresh(), &presented.credential, extra)?;
    if let Some(header) = profile.idempotency_key() {
        request.headers.push((
            header.to_owned(),
            Zeroizing::new(presented.attempt_key.expose().to_owned()),
        ));
    }
    Ok(request)
}

/// Whether a refresh could present these.
pub(crate) fn presentable(profile: &ServerProfile, secrets: Secrets<'_>) -> Result<(), Unplaceable> {
    let shape = profile.refresh();
    for placement in &shape.tokens {
        fitting(placement, secrets)?;
    }
    echo(shape, secrets).map(drop)
}

/// The revocation of what a session lived by (RFC 7009 §2.1); `None` when the profile has none, or it cannot be sent.
pub(crate) fn revoke(profile: &ServerProfile, token: &Secret, extra: &Extra) -> Option<HttpRequest> {
    let shape = profile.revoke()?;
    let mut credential = Credential::default();
    let place = match profile.presents() {
        TokenKind::Refresh => &mut credential.refresh_token,
        TokenKind::Cookie => &mut credential.cookie,
        TokenKind::Access => &mut credential.access_token,
    };
    *place = Some(token.clone());
    token_request(profile, shape, &credential, extra).ok()
}

fn token_request(
    profile: &ServerProfile,
    shape: &RequestShape,
    credential: &Credential,
    extra: &Extra,
) -> Result<HttpRequest, Unplaceable> {
    let mut draft = Draft::new(extra, &shape.fields, &shape.headers);
    draft.client(profile.client());
    let secrets = Secrets::of(credential);
    for placement in &shape.tokens {
        draft.place(placement, fitting(placement, secrets)?);
    }
    if let Some((name, value)) = echo(shape, secrets)? {
        draft.header(name, "", value);
    }
    Ok(draft.written(shape.method, &shape.url, &shape.query, shape.encoding))
}

/// A credential that is only looked at.
#[derive(Clone, Copy)]
pub(crate) struct Secrets<'a> {
    pub(super) refresh_token: Option<&'a Secret>,
    pub(super) access_token: Option<&'a Secret>,
    pub(super) cookies: Option<&'a Secret>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn of(credential: &'a Credential) -> Self {
        Self {
            refresh_token: credential.refresh_token.as_ref(),
            access_token: credential.access_token.as_ref(),
            cookies: credential.cookie.as_ref(),
        }
    }

    /// As [`Credential::presented`].
    pub(crate) fn presented(self) -> Option<&'a Secret> {
        self.refresh_token.or(self.cookies).or(self.access_token)
    }

    fn cookie(self, name: &str) -> Option<&'a str> {
        self.cookies.and_then(|jar| cookie(jar, name))
    }
}

/// The text that goes there, if there is one that can.
fn fitting<'a>(placement: &Placement, secrets: Secrets<'a>) -> Result<&'a str, Unplaceable> {
    let kind = placement.token;
    let found = match kind {
        TokenKind::Refresh => secrets.refresh_token.map(Secret::expose),
        TokenKind::Access => secrets.access_token.map(Secret::expose),
        TokenKind::Cookie => secrets.cookie(&placement.field),
    };
    let found = found.filter(|text| !text.is_empty());
    let text = found.ok_or(Unplaceable::Missing(kind))?;
    let mut bytes = text.bytes();
    let fits = match placement.place {
        Place::Body | Place::Query => true,
        Place::Header => bytes.all(|byte| byte.is_ascii_graphic()),
        Place::Cookie => bytes.all(|byte| byte.is_ascii_graphic() && byte != b';'),
    };
    if fits && text.len() <= LONGEST_TOKEN {
        Ok(text)
    } else {
        Err(Unplaceable::Unfit(kind))
    }
}

/// The header and the value of the cookie that is said twice.
fn echo<'a>(
    shape: &'a RequestShape,
    secrets: Secrets<'a>,
) -> Result<Option<(&'a str, &'a str)>, Unplaceable> {
    let Some(csrf) = &shape.csrf else { return Ok(None) };
    let value = secrets.cookie(&csrf.cookie);
    let value = value.ok_or(Unplaceable::Missing(TokenKind::Cookie))?;
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unplaceable::Unfit(TokenKind::Cookie));
    }
    Ok(Some((&csrf.header, value)))
}

/// The parts of one request, before they are written.
#[derive(Default)]
struct Draft<'a> {
    fields: Fields<'a>,
    query: Vec<(&'a str, &'a str)>,
    headers: Vec<(String, Zeroizing<String>)>,
    cookies: Zeroizing<String>,
}

impl<'a> Draft<'a> {
    /// What the app adds comes first: should a name be there twice, against all checks, the profile's stands.
    fn new(
        extra: &'a Extra,
        fields: &'a BTreeMap<String, String>,
        headers: &'a BTreeMap<String, String>,
    ) -> Self {
        let mut draft = Self::default();
        for (name, value) in extra.fields().chain(texts(fields)) {
            draft.fields.add(name, value);
        }
        for (name, value) in extra.headers().chain(texts(headers)) {
            draft.header(name, "", value);
        }
        draft
    }

    fn client(&mut self, client: Option<&'a OAuthClient>) {
        let Some(client) = client else { return };
        let secret = client.secret().map_or("", Secret::expose);
        match client.auth() {
            ClientAuth::None => self.fields.add("client_id", client.id()),
            ClientAuth::Post => {
                self.fields.add("client_id", client.id());
                self.fields.add("client_secret", secret);
            }
            ClientAuth::Basic => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let secret = Zeroizing::new(encoded(secret));
                let pair = Zeroizing::new(format!("{}:{}", encoded(client.id()), secret.as_str()));
                let value = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                let value = Zeroizing::new(format!("Basic {}", value.as_str()));
                self.headers.push(("authorization".into(), value));
            }
        }
    }

    fn place(&mut self, placement: &'a Placement, text: &'a str) {
        let name = &placement.field;
        match placement.place {
            Place::Body => self.fields.add(name, text),
            Place::Query => self.query.push((name, text)),
            Place::Header => self.header(name, placement.prefix.as_deref().unwrap_or_default(), text),
            Place::Cookie => {
                let separator = if self.cookies.is_empty() { "" } else { "; " };
                self.cookies = Zeroizing::new(format!("{}{separator}{name}={text}", self.cookies.as_str()));
            }
        }
    }

    fn header(&mut self, name: &str, prefix: &str, text: &str) {
        let value = Zeroizing::new(format!("{prefix}{text}"));
        self.headers.push((name.to_owned(), value));
    }

    fn written(
        self,
        method: Method,
        url: &Url,
        query: &BTreeMap<String, String>,
        encoding: BodyEncoding,
    ) -> HttpRequest {
        let (content_type, body) = self.fields.written(encoding);
        let mut request = HttpRequest::new(method, url.clone());
        if !query.is_empty() || !self.query.is_empty() {
            let mut pairs = request.url.query_pairs_mut();
            pairs.extend_pairs(query);
            pairs.extend_pairs(&self.query);
        }
        let own = [
            ("accept", Some("application/json")),
            ("content-type", content_type),
        ];
        for (name, value) in own {
            // A header of the profile's own goes before what is written here.
            let given = self
                .headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name));
            if let Some(value) = value.filter(|_| !given) {
                request
                    .headers
                    .push((name.to_owned(), Zeroizing::new(value.to_owned())));
            }
        }
        request.headers.extend(self.headers);
        if !self.cookies.is_empty() {
            request.headers.push(("cookie".into(), self.cookies));
        }
        request.body = body;
        request
    }
}

fn texts(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::random::SystemRandom;

    fn profile() -> ServerProfile {
        ServerProfile::rotation("https://api.example.com").unwrap()
    }

    /// The rotation preset with another refresh request and other fields of its own.
    fn edited(edit: impl FnOnce(&mut Value)) -> ServerProfile {
        let mut json = serde_json::to_value(profile()).unwrap();
        edit(&mut json);
        ServerProfile::from_json(&json.to_string()).unwrap()
    }

    fn body(request: &HttpRequest) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
        let mut found = request
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    fn presented(credential: Credential) -> Presented {
        Presented {
            credential,
            attempt_key: AttemptKey::draw(&SystemRandom::default()).unwrap(),
        }
    }

    fn fits(profile: &ServerProfile, credential: &Credential) -> Result<(), Unplaceable> {
        presentable(profile, Secrets::of(credential))
    }

    fn pair(refresh_token: &str) -> Credential {
        Credential {
            refresh_token: Some(refresh_token.into()),
            access_token: Some("acc3ss".into()),
            cookie: None,
        }
    }

    #[test]
    fn a_refresh_carries_the_token_in_the_body_and_the_key_in_its_header() {
        let presented = presented(pair("a b&c=d"));
        let request = refresh(&profile(), &presented, &Extra::default()).unwrap();
        assert_eq!(request.url.as_str(), "https://api.example.com/auth/refresh");
        assert_eq!(request.method, Method::Post);
        assert_eq!(
            body(&request),
            "grant_type=refresh_token&refresh_token=a+b%26c%3Dd"
        );
        assert_eq!(
            header(&request, "idempotency-key"),
            Some(presented.attempt_key.expose())
        );
        assert!(!format!("{request:?}").contains("a+b"));
    }

    #[test]
    fn a_json_body_is_one_flat_object() {
        let profile = edited(|json| json["sign_in"]["encoding"] = "json".into());
        let request = sign_in(
            &profile,
            &Credentials::password("ada", "pa\"ss"),
            &Extra::default(),
        )
        .unwrap();
        assert_eq!(body(&request), r#"{"password":"pa\"ss","username":"ada"}"#);
        assert_eq!(header(&request, "content-type"), Some("application/json"));
    }

    #[test]
    fn a_refresh_token_can_be_a_bearer_header_without_a_body() {
        let profile = edited(|json| {
            json["refresh"] = json!({
                "url": "https://api.example.com/refresh", "encoding": "none", "method": "PUT",
                "tokens": [{"token": "refresh", "in": "header", "field": "Authorization", "prefix": "Bearer "}],
            });
        });
        let request = refresh(&profile, &presented(pair("r3fr3sh")), &Extra::default()).unwrap();
        assert_eq!((request.method, body(&request)), (Method::Put, ""));
        assert_eq!(header(&request, "authorization"), Some("Bearer r3fr3sh"));
        assert_eq!(header(&request, "content-type"), None);
    }

    #[test]
    fn tokens_in_the_query_are_encoded_and_not_printed() {
        let profile = edited(|json| {
            json["danger_tokens_in_query"] = true.into();
            json["refresh"] = json!({
                "url": "https://api.example.com/refresh?v=1", "encoding": "none", "method": "GET", "query": {"app": "a b"},
                "tokens": [{"token": "access", "in": "query", "field": "access_token"},
                           {"token": "refresh", "in": "query", "field": "refresh_token"}],
            });
        });
        let request = refresh(&profile, &presented(pair("r&1")), &Extra::default()).unwrap();
        assert_eq!(
            request.url.query(),
            Some("v=1&app=a+b&access_token=acc3ss&refresh_token=r%261")
        );
        let text = format!("{request:?}");
        assert!(!text.contains("acc3ss") && !text.contains("r%26"), "{text}");
    }

    #[test]
    fn cookies_go_into_one_header_and_the_csrf_cookie_into_another_too() {
        let profile = ServerProfile::cookie("https://api.example.com").unwrap();
        let credential = Credential {
            cookie: Some("other=x; csrf=c; refresh=r".into()),
            ..Credential::default()
        };
        let request = refresh(&profile, &presented(credential.clone()), &Extra::default()).unwrap();
        assert_eq!(header(&request, "cookie"), Some("refresh=r; csrf=c"));
        assert_eq!(header(&request, "x-csrf-token"), Some("c"));
        assert_eq!(body(&request), "");
        let revocation = revoke(&profile, credential.presented().unwrap(), &Extra::default()).unwrap();
        assert_eq!(header(&revocation, "cookie"), Some("refresh=r; csrf=c"));
    }

    #[test]
    fn a_client_names_itself_in_the_body_or_by_basic() {
        let url = "https://id.example.com/token";
        let refreshed = |client| {
            let profile = ServerProfile::oauth2(url, None, client).unwrap();
            refresh(&profile, &presented(pair("r")), &Extra::default()).unwrap()
        };
        let rest = "grant_type=refresh_token&refresh_token=r";
        assert_eq!(
            body(&refreshed(OAuthClient::public("app"))),
            format!("client_id=app&{rest}")
        );
        assert_eq!(
            body(&refreshed(OAuthClient::post("app", "s&t"))),
            format!("client_id=app&client_secret=s%26t&{rest}")
        );
        let basic = refreshed(OAuthClient::basic("my app", "p:ss"));
        assert_eq!(body(&basic), rest);
        let value = header(&basic, "authorization")
            .unwrap()
            .strip_prefix("Basic ")
            .unwrap();
        assert_eq!(STANDARD.decode(value).unwrap(), b"my+app:p%3Ass");
        assert!(!format!("{:?}", OAuthClient::basic("a", "p4ss")).contains("p4ss"));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_said_and_sends_nothing() {
        let bearer = edited(|json| {
            json["refresh"] = json!({
                "url": "https://api.example.com/refresh", "encoding": "none",
                "tokens": [{"token": "refresh", "in": "header", "field": "Authorization", "prefix": "Bearer "}],
            });
        });
        let cookie = edited(|json| json["refresh"]["tokens"][0]["in"] = "cookie".into());
        let unfit = Err(Unplaceable::Unfit(TokenKind::Refresh));
        for bad in ["a\nb", "a\0", "é", "a b", "a\r\nHost: evil"] {
            assert_eq!(fits(&bearer, &pair(bad)), unfit, "{bad:?}");
            assert_eq!(fits(&cookie, &pair(bad)), unfit, "{bad:?}");
            assert_eq!(fits(&profile(), &pair(bad)), Ok(()), "a form takes {bad:?}");
        }
        assert_eq!(fits(&cookie, &pair("a;b=c")), unfit);
        assert_eq!(fits(&profile(), &pair(&"x".repeat(65 * 1024))), unfit);
        let missing = |kind| Err(Unplaceable::Missing(kind));
        let none = Credential::default();
        assert_eq!(fits(&profile(), &none), missing(TokenKind::Refresh));
        assert_eq!(fits(&profile(), &pair("")), missing(TokenKind::Refresh));
        let cookies = ServerProfile::cookie("https://api.example.com").unwrap();
        assert_eq!(fits(&cookies, &none), missing(TokenKind::Cookie));
        let text = Unplaceable::Missing(TokenKind::Access).to_string();
        assert!(text.contains("access token"), "{text}");
    }

    #[test]
    fn a_header_of_the_profile_replaces_the_one_that_would_be_written() {
        let profile = edited(|json| {
            json["refresh"]["headers"] = json!({"Content-Type": "application/x-amz-json-1.1"});
        });
        let request = refresh(&profile, &presented(pair("r")), &Extra::default()).unwrap();
        assert_eq!(
            header(&request, "content-type"),
            Some("application/x-amz-json-1.1")
        );
    }

    #[test]
    fn revocation_names_the_token_as_rfc_7009_does() {
        let request = revoke(&profile(), &"r".into(), &Extra::default()).unwrap();
        assert_eq!((request.url.path(), body(&request)), ("/auth/logout", "token=r"));
        let access_only = ServerProfile::access_only("https://api.example.com").unwrap();
        let request = revoke(&access_only, &"a".into(), &Extra::default()).unwrap();
        assert_eq!(body(&request), "token=a");
    }
}
