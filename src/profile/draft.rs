//! The profile's text form and its validation.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{AnswerShape, RequestShape, ServerProfile, SignInShape, TokenKind, Verdict, VerdictRule};

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
    fn new(field: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

/// The fields as they stand in JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignInShape>,
    refresh: RequestShape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke: Option<RequestShape>,
    #[serde(default)]
    answer: AnswerShape,
    #[serde(default = "default_life_seconds")]
    default_life_seconds: u64,
    #[serde(default)]
    reuse_leeway_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(default)]
    verdicts: Vec<VerdictRule>,
    #[serde(default)]
    resource_origins: Vec<String>,
    #[serde(default = "default_rejections")]
    rejected_statuses: Vec<u16>,
}

impl Draft {
    pub(super) fn parse(text: &str) -> Result<Self, ProfileError> {
        serde_json::from_str(text).map_err(|error| {
            ProfileError::new(
                "profile",
                error.to_string(),
                "compare it with docs/guides/server-profile.md",
            )
        })
    }
}

impl TryFrom<Draft> for ServerProfile {
    type Error = ProfileError;

    fn try_from(draft: Draft) -> Result<Self, ProfileError> {
        if draft.id.is_empty() || draft.id.len() > 64 || !draft.id.chars().all(|c| c.is_ascii_graphic()) {
            return Err(ProfileError::new(
                "id",
                "not a name",
                "use 1 to 64 visible ASCII characters",
            ));
        }
        if let Some(sign_in) = &draft.sign_in {
            reachable("sign_in.url", &sign_in.url)?;
        }
        reachable("refresh.url", &draft.refresh.url)?;
        placements("refresh.tokens", &draft.refresh)?;
        if let Some(revoke) = &draft.revoke {
            reachable("revoke.url", &revoke.url)?;
            placements("revoke.tokens", revoke)?;
        }
        if !draft
            .refresh
            .tokens
            .iter()
            .any(|placement| placement.token == TokenKind::Refresh)
        {
            return Err(ProfileError::new(
                "refresh.tokens",
                "no field takes the refresh token",
                r#"add {"token": "refresh", "field": "refresh_token"}"#,
            ));
        }
        if let Some(name) = &draft.idempotency_key {
            header_name("idempotency_key", name)?;
        }
        for rule in &draft.verdicts {
            if (200..300).contains(&rule.status)
                && matches!(rule.means, Verdict::Dead(_))
                && rule.error.is_none()
            {
                return Err(ProfileError::new(
                    "verdicts",
                    format!("status {} would end the session on every success", rule.status),
                    "name the `error` value as well",
                ));
            }
        }
        let mut resource_origins = Vec::with_capacity(draft.resource_origins.len());
        for origin in &draft.resource_origins {
            resource_origins.push(web_address("resource_origins", origin)?);
        }
        Ok(Self {
            id: draft.id,
            sign_in: draft.sign_in,
            refresh: draft.refresh,
            revoke: draft.revoke,
            answer: draft.answer,
            default_life: Duration::from_secs(draft.default_life_seconds),
            reuse_leeway: Duration::from_secs(draft.reuse_leeway_seconds),
            idempotency_key: draft.idempotency_key,
            verdicts: draft.verdicts,
            resource_origins,
            rejected_statuses: draft.rejected_statuses,
        })
    }
}

impl From<ServerProfile> for Draft {
    fn from(profile: ServerProfile) -> Draft {
        Draft {
            id: profile.id,
            sign_in: profile.sign_in,
            refresh: profile.refresh,
            revoke: profile.revoke,
            answer: profile.answer,
            default_life_seconds: profile.default_life.as_secs(),
            reuse_leeway_seconds: profile.reuse_leeway.as_secs(),
            idempotency_key: profile.idempotency_key,
            verdicts: profile.verdicts,
            resource_origins: profile
                .resource_origins
                .iter()
                .map(|url| url.origin().ascii_serialization())
                .collect(),
            rejected_statuses: profile.rejected_statuses,
        }
    }
}

/// Reads the address of a server that may be sent tokens.
pub(super) fn web_address(field: &str, text: &str) -> Result<Url, ProfileError> {
    // The text is not repeated: it may hold user information.
    let url = Url::parse(text).map_err(|error| {
        ProfileError::new(
            field,
            format!("not a URL ({error})"),
            "write it as `https://api.example.com`",
        )
    })?;
    reachable(field, &url)?;
    Ok(url)
}

/// https, or http on this machine: a token in clear text on a network is lost.
fn reachable(field: &str, url: &Url) -> Result<(), ProfileError> {
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(ProfileError::new(
            field,
            "a URL with user information or a fragment",
            "leave both out",
        ));
    }
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        scheme => Err(ProfileError::new(
            field,
            format!("`{scheme}` would show tokens to the network"),
            "use https (http is for loopback only)",
        )),
    }
}

fn placements(field: &str, request: &RequestShape) -> Result<(), ProfileError> {
    for (index, placement) in request.tokens.iter().enumerate() {
        let taken_twice = request.tokens[..index]
            .iter()
            .any(|earlier| earlier.field == placement.field || earlier.token == placement.token);
        if taken_twice || request.fields.contains_key(&placement.field) {
            return Err(ProfileError::new(
                field,
                format!(
                    "`{}` is given twice, or one token stands in two places",
                    placement.field
                ),
                "give each token one place and each field one value",
            ));
        }
    }
    for name in request.headers.keys() {
        header_name(field, name)?;
    }
    Ok(())
}

fn header_name(field: &str, name: &str) -> Result<(), ProfileError> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(ProfileError::new(
            field,
            format!("`{name}` is not a header name"),
            "use letters, digits and hyphens (RFC 9110 §5.1)",
        ));
    }
    Ok(())
}

fn default_life_seconds() -> u64 {
    300
}

fn default_rejections() -> Vec<u16> {
    vec![401]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(edit: impl FnOnce(&mut serde_json::Value)) -> String {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        let mut value = serde_json::to_value(profile).unwrap();
        edit(&mut value);
        value.to_string()
    }

    #[test]
    fn a_profile_survives_its_text_form() {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        assert_eq!(ServerProfile::from_json(&json(|_| ())), Ok(profile));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = ServerProfile::from_json(&json(|v| v["refresh"]["endpiont"] = "x".into())).unwrap_err();
        assert!(error.to_string().contains("endpiont"), "{error}");
    }

    #[test]
    fn each_unusable_field_is_refused_by_name() {
        type Edit = fn(&mut serde_json::Value);
        let table: [(&str, Edit); 8] = [
            ("id", |v| v["id"] = "".into()),
            ("refresh.url", |v| {
                v["refresh"]["url"] = "http://api.example.com/refresh".into()
            }),
            ("refresh.url", |v| {
                v["refresh"]["url"] = "https://u:p@api.example.com/".into()
            }),
            ("refresh.tokens", |v| {
                v["refresh"]["tokens"] = serde_json::json!([])
            }),
            ("refresh.tokens", |v| {
                v["refresh"]["fields"]["refresh_token"] = "x".into()
            }),
            ("resource_origins", |v| {
                v["resource_origins"] = serde_json::json!(["ftp://x.example"])
            }),
            ("idempotency_key", |v| {
                v["idempotency_key"] = "Idempotency Key".into()
            }),
            ("verdicts", |v| {
                v["verdicts"] = serde_json::json!([{"status": 200, "means": {"dead": "revoked"}}]);
            }),
        ];
        for (field, edit) in table {
            let error = ServerProfile::from_json(&json(edit)).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        }
    }

    #[test]
    fn clear_text_is_allowed_on_loopback_only() {
        for good in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"] {
            assert!(ServerProfile::rotation(good).is_ok(), "{good}");
        }
        for bad in [
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ws://localhost",
            "api",
        ] {
            assert!(ServerProfile::rotation(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_go_to_the_listed_origins_only() {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        let may = |url: &str| profile.may_send_to(&Url::parse(url).unwrap());
        assert!(may("https://api.example.com/me") && may("https://api.example.com:443/"));
        for evil in [
            "http://api.example.com/",
            "https://api.example.com:444/",
            "https://api.example.com.evil.example/",
            "https://evil.example/?https://api.example.com",
            "data:text/plain,x",
        ] {
            assert!(!may(evil), "{evil}");
        }
    }
}
