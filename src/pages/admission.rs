//! Whether a policy can work with a profile, and which APIs its pages may use.

use super::{Origin, PagePolicy, Strategy};
use crate::bridge::ApiOrigin;
use crate::error::{Failure, SessionError};
use crate::profile::{ServerProfile, TokenKind};
use crate::session::AuthSession;

/// The APIs to which pages of this policy may send tokens: the profile's, narrowed by the policy.
pub(super) fn allowed_api(
    policy: &PagePolicy,
    session: &AuthSession,
) -> Result<Vec<ApiOrigin>, SessionError> {
    if policy.origins().next().is_none() {
        return Err(misconfigured(
            "the page policy has no origin",
            "name the pages' origins",
        ));
    }
    if let Some(origin) = policy.origins().find(|origin| !policy.permits(origin)) {
        let what = format!("the page origin {origin} is not https");
        return Err(misconfigured(
            what,
            "serve the page by https; for development: allow_loopback_http()",
        ));
    }
    let profile = session.profile();
    may_lend(policy, profile)?;
    let named = profile
        .resource_origins()
        .filter_map(|origin| Origin::of(&origin).ok());
    let named: Vec<_> = named.filter(|origin| policy.permits(origin)).collect();
    if let Some(api) = policy.api().iter().find(|api| !named.contains(&api.origin)) {
        let what = format!("the profile does not let tokens go to {}", api.origin);
        return Err(misconfigured(
            what,
            "add it by with_resource_origin(…) or drop it from the policy",
        ));
    }
    let api = match policy.api() {
        [] => named
            .into_iter()
            .map(|origin| ApiOrigin::new(origin, profile.rejected_statuses()))
            .collect(),
        narrowed => narrowed.to_vec(),
    };
    if api.is_empty() {
        let fix = "name an https resource origin; for development on loopback: allow_loopback_http()";
        return Err(misconfigured("the profile has no API that pages may use", fix));
    }
    Ok(api)
}

/// Whether a policy that lends the refresh token names to whom, and there is one.
fn may_lend(policy: &PagePolicy, profile: &ServerProfile) -> Result<(), SessionError> {
    if policy.chosen() != Strategy::SelfRefresh {
        return Ok(());
    }
    let borrowers = policy.borrowers();
    if let Some(origin) = borrowers.iter().find(|origin| !policy.accepts(origin)) {
        let what = format!("pages of {origin} may refresh themselves, but may have no access token");
        return Err(misconfigured(what, "name the origin in the policy itself too"));
    }
    if borrowers.is_empty() {
        return Err(misconfigured(
            "the page policy lends the refresh token to nobody",
            "name the origins by self_refresh(…), or choose another strategy",
        ));
    }
    if !profile.refresh().places(TokenKind::Refresh) {
        return Err(misconfigured(
            "a refresh of this profile presents no refresh token that a page could be lent",
            "choose another strategy for these pages",
        ));
    }
    if profile.subject().is_none() {
        return Err(misconfigured(
            "the server profile does not say where the server tells whose an access token is",
            r#"add "subject": {"url": "https://api.example.com/me", "at": "/sub"} to it, or use with_subject(…)"#,
        ));
    }
    Ok(())
}

fn misconfigured(what: impl Into<String>, fix: impl Into<String>) -> SessionError {
    Failure::misconfigured(what, fix).into()
}
