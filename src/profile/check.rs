//! What makes a profile usable. Each refusal names the field and the mend.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::address::reachable;
use super::{
    BodyEncoding, ClientAuth, Method, Place, Placement, RequestShape, ServerProfile, SignInShape, TokenKind,
    Verdict, VerdictRule,
};

/// A profile that cannot be used: which field, what is wrong, how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server profile, `{field}`: {problem}; {fix}")]
pub struct ProfileError {
    /// The field's name, or `profile` when the text is no profile at all.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl ProfileError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

type Checked = Result<(), ProfileError>;

/// Headers that belong to the connection or to the request's own parts.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A token of RFC 9110 §5.6.2.
pub(crate) fn is_header_name(name: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(token)
}

/// Whether only the transport may write the header of that name, which is in lower case.
pub(crate) fn belongs_to_the_connection(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether every part of the profile can be used.
pub(super) fn profile(profile: &ServerProfile) -> Checked {
    let id = &profile.id;
    if id.is_empty() || id.len() > 64 || !id.chars().all(|c| c.is_ascii_graphic()) {
        return Err(ProfileError::new(
            "id",
            "not a name",
            "use 1 to 64 visible ASCII characters",
        ));
    }
    client(profile)?;
    cookies(profile)?;
    if let Some(shape) = &profile.sign_in {
        sign_in(profile, shape)?;
    }
    request(profile, "refresh", &profile.refresh)?;
    refresh(profile)?;
    if let Some(shape) = &profile.revoke {
        request(profile, "revoke", shape)?;
        revoke(profile, shape)?;
    }
    if let Some(shape) = &profile.subject {
        reachable("subject.url", &shape.url)?;
    }
    for rule in &profile.verdicts {
        verdict(rule)?;
    }
    Ok(())
}

fn client(profile: &ServerProfile) -> Checked {
    let Some(client) = &profile.client else {
        return Ok(());
    };
    if client.id.is_empty() {
        return Err(ProfileError::new(
            "client.id",
            "empty",
            "write the identifier that the server knows, or leave `client` out",
        ));
    }
    let has_secret = client.secret.as_ref().is_some_and(|secret| !secret.is_empty());
    match client.auth {
        ClientAuth::None if client.secret.is_some() => Err(ProfileError::new(
            "client.secret",
            "a secret that is never sent",
            "leave it out, or say `\"auth\": \"post\"` or `\"basic\"`",
        )),
        ClientAuth::Post | ClientAuth::Basic if !has_secret => Err(ProfileError::new(
            "client.secret",
            "there is none to send",
            "add it, or say `\"auth\": \"none\"`",
        )),
        _ => Ok(()),
    }
}

fn cookies(profile: &ServerProfile) -> Checked {
    let field = "answer.cookies";
    let mut seen = BTreeSet::new();
    for name in &profile.answer.cookies {
        header_name(field, name, "cookie")?;
        if !seen.insert(name) {
            return Err(ProfileError::new(
                field,
                format!("`{name}` is listed twice"),
                "list it once",
            ));
        }
        let placed = profile
            .refresh
            .tokens
            .iter()
            .any(|p| p.token == TokenKind::Cookie && p.field == *name);
        let echoed = profile
            .refresh
            .csrf
            .as_ref()
            .is_some_and(|csrf| csrf.cookie == *name);
        if !placed && !echoed {
            return Err(ProfileError::new(
                field,
                format!("no refresh sends `{name}`"),
                format!(
                    r#"add {{"token": "cookie", "in": "cookie", "field": "{name}"}} to `refresh.tokens`"#
                ),
            ));
        }
    }
    Ok(())
}

fn sign_in(profile: &ServerProfile, shape: &SignInShape) -> Checked {
    reachable("sign_in.url", &shape.url)?;
    if shape.method == Method::Get || shape.encoding == BodyEncoding::None {
        return Err(ProfileError::new(
            "sign_in.encoding",
            "a password has no place but the body",
            "use `form` or `json` and a method with a body",
        ));
    }
    let mut names = Names::new("sign_in", &shape.headers)?;
    names.fields(shape.fields.keys())?;
    names.client(profile)?;
    names.query(&shape.url, &shape.query)
}

fn request(profile: &ServerProfile, at: &str, shape: &RequestShape) -> Checked {
    reachable(&format!("{at}.url"), &shape.url)?;
    let body = shape.encoding != BodyEncoding::None;
    if shape.method == Method::Get && body {
        return Err(ProfileError::new(
            format!("{at}.encoding"),
            "a GET has no body",
            r#"add `"encoding": "none"`"#,
        ));
    }
    let in_body = !shape.fields.is_empty()
        || shape.tokens.iter().any(|p| p.place == Place::Body)
        || profile
            .client
            .as_ref()
            .is_some_and(|client| client.auth != ClientAuth::Basic);
    if in_body && !body {
        return Err(ProfileError::new(
            format!("{at}.encoding"),
            "something stands in a body that is not sent",
            "use `form` or `json`, or give each token `\"in\": \"header\"`; a client without a body needs `\"auth\": \"basic\"`",
        ));
    }
    let mut names = Names::new(at, &shape.headers)?;
    names.fields(shape.fields.keys())?;
    names.client(profile)?;
    names.query(&shape.url, &shape.query)?;
    for placement in &shape.tokens {
        names.placement(profile, placement)?;
    }
    if let Some(csrf) = &shape.csrf {
        names.header(&csrf.header)?;
        if !profile.answer.cookies.contains(&csrf.cookie) {
            return Err(unlisted(&format!("{at}.csrf"), &csrf.cookie));
        }
    }
    Ok(())
}

fn refresh(profile: &ServerProfile) -> Checked {
    if profile.refresh.tokens.is_empty() {
        return Err(ProfileError::new(
            "refresh.tokens",
            "the request presents no token",
            r#"add {"token": "refresh", "field": "refresh_token"}"#,
        ));
    }
    if !profile.refresh.done_statuses.is_empty() {
        return Err(ProfileError::new(
            "refresh.done_statuses",
            "only a revocation is done by its status",
            "move it to `revoke`",
        ));
    }
    if let Some(name) = &profile.idempotency_key {
        header_name("idempotency_key", name, "header")?;
        let taken = Names::new("refresh", &profile.refresh.headers)
            .and_then(|mut names| {
                for placement in &profile.refresh.tokens {
                    names.placement(profile, placement)?;
                }
                names.client(profile)?;
                names.header(name)
            })
            .is_err();
        let echoed = profile.refresh.csrf.as_ref();
        if taken || echoed.is_some_and(|csrf| csrf.header.eq_ignore_ascii_case(name)) {
            return Err(ProfileError::new(
                "idempotency_key",
                format!("`{name}` is another header of the request"),
                "use the name that the server documents, such as `Idempotency-Key`",
            ));
        }
    }
    Ok(())
}

/// What is to be revoked is kept as one token: the one that the session lives by.
fn revoke(profile: &ServerProfile, shape: &RequestShape) -> Checked {
    let kept = profile.presents();
    match shape.tokens.iter().find(|placement| placement.token != kept) {
        Some(placement) => Err(ProfileError::new(
            "revoke.tokens",
            format!("no {} is kept for a revocation", placement.token.as_words()),
            format!("place the {}, which the session lives by", kept.as_words()),
        )),
        None => Ok(()),
    }
}

fn verdict(rule: &VerdictRule) -> Checked {
    let field = "verdicts";
    let conditions = [rule.error.is_some(), rule.is.is_some(), rule.contains.is_some()];
    if conditions.iter().filter(|given| **given).count() > 1 {
        return Err(ProfileError::new(
            field,
            "more than one of `error`, `is` and `contains`",
            "write one rule for each",
        ));
    }
    if rule.at.is_some() && !rule.looks_inside() {
        return Err(ProfileError::new(
            field,
            "`at` says where to look and nothing says for what",
            "add `error`, `is` or `contains`",
        ));
    }
    if rule.contains.as_ref().is_some_and(String::is_empty) {
        return Err(ProfileError::new(
            field,
            "every answer contains an empty text",
            "write a part of what the server says, or leave `contains` out",
        ));
    }
    if (200..300).contains(&rule.status) && matches!(rule.means, Verdict::Dead(_)) && !rule.looks_inside() {
        return Err(ProfileError::new(
            field,
            format!("status {} would end the session on every success", rule.status),
            "name the `error` value as well",
        ));
    }
    Ok(())
}

/// The names that one request has given out already.
struct Names<'a> {
    at: &'a str,
    headers: BTreeSet<String>,
    body: BTreeSet<String>,
    query: BTreeSet<String>,
    cookies: BTreeSet<String>,
    placed: Vec<TokenKind>,
}

impl<'a> Names<'a> {
    fn new(at: &'a str, fixed: &BTreeMap<String, String>) -> Result<Self, ProfileError> {
        let mut names = Self {
            at,
            headers: BTreeSet::new(),
            body: BTreeSet::new(),
            query: BTreeSet::new(),
            cookies: BTreeSet::new(),
            placed: Vec::new(),
        };
        for (name, value) in fixed {
            names.header(name)?;
            if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(names.refusal(
                    "headers",
                    format!("the value of `{name}` is no header value"),
                    "use visible ASCII",
                ));
            }
        }
        Ok(names)
    }

    fn refusal(&self, part: &str, problem: String, fix: &str) -> ProfileError {
        ProfileError::new(format!("{}.{part}", self.at), problem, fix)
    }

    fn header(&mut self, name: &str) -> Checked {
        header_name(&format!("{}.headers", self.at), name, "header")?;
        let lower = name.to_ascii_lowercase();
        if belongs_to_the_connection(&lower) {
            return Err(self.refusal(
                "headers",
                format!("`{name}` belongs to the connection"),
                "leave it out; the transport writes it",
            ));
        }
        if !self.headers.insert(lower) {
            return Err(self.refusal("headers", given_twice(name), "give each header one value"));
        }
        Ok(())
    }

    fn fields<'f>(&mut self, fields: impl Iterator<Item = &'f String>) -> Checked {
        for field in fields {
            self.body_field(field)?;
        }
        Ok(())
    }

    fn body_field(&mut self, name: &str) -> Checked {
        if name.is_empty() || !self.body.insert(name.to_owned()) {
            return Err(self.refusal("tokens", given_twice(name), "give each body field one value"));
        }
        Ok(())
    }

    fn query(&mut self, url: &Url, fixed: &BTreeMap<String, String>) -> Checked {
        let in_url = url.query_pairs().map(|(name, _)| name.into_owned());
        for name in in_url.chain(fixed.keys().cloned()) {
            if !self.query.insert(name.clone()) {
                return Err(self.refusal("query", given_twice(&name), "give each query field one value"));
            }
        }
        Ok(())
    }

    /// What client authentication adds.
    fn client(&mut self, profile: &ServerProfile) -> Checked {
        match profile.client.as_ref().map(|client| client.auth) {
            Some(ClientAuth::None) => self.body_field("client_id"),
            Some(ClientAuth::Post) => {
                self.body_field("client_id")?;
                self.body_field("client_secret")
            }
            Some(ClientAuth::Basic) => self.header("Authorization"),
            None => Ok(()),
        }
    }

    fn placement(&mut self, profile: &ServerProfile, placement: &Placement) -> Checked {
        let name = &placement.field;
        // A cookie is named by its placement: two of them are two secrets.
        let twice = placement.token != TokenKind::Cookie && self.placed.contains(&placement.token);
        self.placed.push(placement.token);
        if twice {
            return Err(self.refusal(
                "tokens",
                format!("the {} stands in two places", placement.token.as_words()),
                "give each token one place",
            ));
        }
        if placement.prefix.is_some() && placement.place != Place::Header {
            return Err(self.refusal(
                "tokens",
                format!("`{name}` has a prefix outside a header"),
                "leave `prefix` out, or add `\"in\": \"header\"`",
            ));
        }
        if placement.token == TokenKind::Cookie {
            if placement.place != Place::Cookie {
                return Err(self.refusal(
                    "tokens",
                    format!("the cookie `{name}` is not sent as one"),
                    "add `\"in\": \"cookie\"`; for a header use `csrf`",
                ));
            }
            if !profile.answer.cookies.contains(name) {
                return Err(unlisted(&format!("{}.tokens", self.at), name));
            }
        }
        match placement.place {
            Place::Body => self.body_field(name),
            Place::Header => self.header_placement(placement),
            Place::Query => self.query_placement(profile, name),
            Place::Cookie => self.cookie(name),
        }
    }

    fn header_placement(&mut self, placement: &Placement) -> Checked {
        let name = &placement.field;
        if name.eq_ignore_ascii_case("cookie") {
            return Err(self.refusal(
                "tokens",
                "`Cookie` is written from the cookies".into(),
                "use `\"in\": \"cookie\"` with the cookie's name as `field`",
            ));
        }
        let prefix = placement.prefix.as_deref().unwrap_or_default();
        if !prefix.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(self.refusal(
                "tokens",
                format!("the prefix of `{name}` is no header value"),
                "use visible ASCII, such as `Bearer ` with its space",
            ));
        }
        self.header(name)
    }

    fn query_placement(&mut self, profile: &ServerProfile, name: &str) -> Checked {
        if !profile.danger_tokens_in_query {
            return Err(self.refusal(
                "tokens",
                format!("`{name}` would show a token to every log on its way"),
                "use the body or a header; if the server takes nothing else, add `\"danger_tokens_in_query\": true`",
            ));
        }
        if name.is_empty() || !self.query.insert(name.to_owned()) {
            return Err(self.refusal("query", given_twice(name), "give each query field one value"));
        }
        Ok(())
    }

    fn cookie(&mut self, name: &str) -> Checked {
        header_name(&format!("{}.tokens", self.at), name, "cookie")?;
        if self.headers.contains("cookie") {
            return Err(self.refusal(
                "headers",
                "`Cookie` is written from the cookies".into(),
                "leave the fixed header out",
            ));
        }
        if !self.cookies.insert(name.to_owned()) {
            return Err(self.refusal("tokens", given_twice(name), "place each cookie once"));
        }
        Ok(())
    }
}

fn given_twice(name: &str) -> String {
    if name.is_empty() {
        "a field without a name".into()
    } else {
        format!("`{name}` is given twice")
    }
}

fn unlisted(field: &str, cookie: &str) -> ProfileError {
    ProfileError::new(
        field,
        format!("no answer's cookie `{cookie}` is kept"),
        format!(r#"add "{cookie}" to `answer.cookies`"#),
    )
}

/// Cookies are named as headers are (RFC 6265 §4.1.1).
fn header_name(field: &str, name: &str, what: &str) -> Checked {
    if !is_header_name(name) {
        return Err(ProfileError::new(
            field,
            format!("`{name}` is not a {what} name"),
            "use letters, digits and hyphens (RFC 9110 §5.1)",
        ));
    }
    Ok(())
}
