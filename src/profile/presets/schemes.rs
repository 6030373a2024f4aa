//! The schemes of backends that are made at home, as the reference backend speaks them (`tests/backend`):
//! `POST /auth/login`, `/auth/refresh` and `/auth/logout` below one address, resources on its origin.

use std::time::Duration;

use super::super::{
    BodyEncoding, CsrfEcho, Place, Placement, ProfileError, Renew, RequestShape, ServerProfile, SignInShape,
    TokenKind, Verdict, VerdictRule,
};
use super::Server;
use crate::error::EndReason;

const CONTRACT: &str = "Idempotency-Key";
/// A refresh token that is not spent by its use can be presented again and again.
const UNSPENT: Duration = Duration::from_secs(3600);

impl ServerProfile {
    /// Refresh token rotation with the idempotency contract (`docs/guides/server-contract.md`).
    ///
    /// Rotation and reuse detection: RFC 9700 §4.14.2.
    pub fn rotation(base: &str) -> Result<Self, ProfileError> {
        let mut profile = scheme("rotation", base, &[TokenKind::Refresh])?;
        profile.idempotency_key = Some(CONTRACT.into());
        profile.checked()
    }

    /// One-time exchange of a pair: the refresh token is deleted by its use and is accepted only together with the
    /// access token that it came with. A lost answer ends the session, unless the server keeps the idempotency
    /// contract and [`with_idempotency_key`](Self::with_idempotency_key) says so.
    pub fn exchange_once(base: &str) -> Result<Self, ProfileError> {
        scheme("exchange-once", base, &[TokenKind::Refresh, TokenKind::Access])?.checked()
    }

    /// Renewal without a refresh token: an expired access token buys its successor, once, within the server's window.
    pub fn access_only(base: &str) -> Result<Self, ProfileError> {
        let mut profile = scheme("access-only", base, &[])?;
        let token = || vec![Placement::in_body(TokenKind::Access, "token")];
        profile.refresh.fields.clear();
        profile.refresh.tokens = token();
        profile.revoke = profile.revoke.map(|mut revoke| {
            revoke.tokens = token();
            revoke
        });
        profile.renew = Renew::WhenExpired;
        profile.checked()
    }

    /// One refresh token for each user, without a payload: the server reads the user from the access token.
    pub fn per_user(base: &str) -> Result<Self, ProfileError> {
        unspent("per-user", base)
    }

    /// A refresh token signed with the user's salt: a new salt, drawn with a new password, ends all sessions.
    pub fn salted(base: &str) -> Result<Self, ProfileError> {
        unspent("salted", base)
    }

    /// One device at a time: each sign-in ends the session before it, which is told `signed_in_elsewhere`.
    pub fn single_device(base: &str) -> Result<Self, ProfileError> {
        unspent("single-device", base)
    }

    /// The refresh token in a cookie `refresh`, guarded by a second cookie `csrf` that is said again in the header
    /// `X-CSRF-Token`; rotation with the idempotency contract as in [`rotation`](Self::rotation).
    pub fn cookie(base: &str) -> Result<Self, ProfileError> {
        let mut profile = scheme("cookie", base, &[])?;
        let names = ["refresh", "csrf"];
        profile.refresh = by_cookies(profile.refresh, names);
        profile.revoke = profile.revoke.map(|revoke| by_cookies(revoke, names));
        profile.answer.cookies = names.map(str::to_owned).into();
        profile.idempotency_key = Some(CONTRACT.into());
        profile.checked()
    }
}

fn by_cookies(mut request: RequestShape, names: [&str; 2]) -> RequestShape {
    request.encoding = BodyEncoding::None;
    request.fields.clear();
    request.tokens = names
        .map(|name| Placement::at(TokenKind::Cookie, Place::Cookie, name))
        .into();
    request.csrf = Some(CsrfEcho {
        cookie: names[1].into(),
        header: "X-CSRF-Token".into(),
    });
    request
}

fn unspent(id: &str, base: &str) -> Result<ServerProfile, ProfileError> {
    let mut profile = scheme(id, base, &[TokenKind::Refresh, TokenKind::Access])?;
    profile.reuse_leeway = UNSPENT;
    profile.checked()
}

fn scheme(id: &str, base: &str, presents: &[TokenKind]) -> Result<ServerProfile, ProfileError> {
    let server = Server::at("base", base)?;
    let mut refresh = RequestShape::post(server.endpoint("/auth/refresh"));
    refresh.fields.insert("grant_type".into(), "refresh_token".into());
    refresh.tokens = presents
        .iter()
        .map(|kind| {
            let field = match kind {
                TokenKind::Access => "access_token",
                _ => "refresh_token",
            };
            Placement::in_body(*kind, field)
        })
        .collect();
    let mut revoke = RequestShape::post(server.endpoint("/auth/logout"));
    revoke.tokens = vec![Placement::in_body(TokenKind::Refresh, "token")];
    let dead = |error: &str, reason| VerdictRule::code(401, error, Verdict::Dead(reason));
    Ok(ServerProfile {
        sign_in: Some(SignInShape::post(server.endpoint("/auth/login"))),
        revoke: Some(revoke),
        verdicts: vec![
            dead("invalid_token", EndReason::Revoked),
            dead("expired", EndReason::Expired),
            dead("reuse_detected", EndReason::ReuseDetected),
            dead("already_exchanged", EndReason::ReuseDetected),
            dead("password_changed", EndReason::PasswordChanged),
            dead("signed_in_elsewhere", EndReason::SignedInElsewhere),
            VerdictRule::code(409, "superseded", Verdict::Superseded),
        ],
        resource_origins: vec![server.0],
        ..ServerProfile::of(id, refresh)
    })
}
