//! The profile's text form.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address;
use super::check::{self, ProfileError};
use super::request::is_default;
use super::{
    AnswerShape, OAuthClient, Renew, RequestShape, ServerProfile, SignInShape, SubjectShape, VerdictRule,
};

/// The fields as they stand in JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<OAuthClient>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignInShape>,
    refresh: RequestShape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke: Option<RequestShape>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<SubjectShape>,
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
    #[serde(default, skip_serializing_if = "is_default")]
    renew: Renew,
    #[serde(default, skip_serializing_if = "is_default")]
    danger_tokens_in_query: bool,
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
        let mut resource_origins = Vec::with_capacity(draft.resource_origins.len());
        for origin in &draft.resource_origins {
            resource_origins.push(address::origin("resource_origins", origin)?);
        }
        let profile = Self {
            id: draft.id,
            client: draft.client,
            sign_in: draft.sign_in,
            refresh: draft.refresh,
            revoke: draft.revoke,
            subject: draft.subject,
            answer: draft.answer,
            default_life: Duration::from_secs(draft.default_life_seconds),
            reuse_leeway: Duration::from_secs(draft.reuse_leeway_seconds),
            idempotency_key: draft.idempotency_key,
            verdicts: draft.verdicts,
            resource_origins,
            rejected_statuses: draft.rejected_statuses,
            renew: draft.renew,
            danger_tokens_in_query: draft.danger_tokens_in_query,
        };
        check::profile(&profile)?;
        Ok(profile)
    }
}

impl From<ServerProfile> for Draft {
    fn from(profile: ServerProfile) -> Draft {
        Draft {
            id: profile.id,
            client: profile.client,
            sign_in: profile.sign_in,
            refresh: profile.refresh,
            revoke: profile.revoke,
            subject: profile.subject,
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
            renew: profile.renew,
            danger_tokens_in_query: profile.danger_tokens_in_query,
        }
    }
}

pub(super) fn default_life_seconds() -> u64 {
    300
}

pub(super) fn default_rejections() -> Vec<u16> {
    vec![401]
}
