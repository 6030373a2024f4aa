use super::super::draft::web_address;
use super::super::{
    AnswerShape, BodyEncoding, Placement, ProfileError, RequestShape, ServerProfile, SignInShape, TokenKind,
    Verdict, VerdictRule,
};
use crate::error::EndReason;

impl ServerProfile {
    /// A backend with refresh token rotation as the reference backend speaks it (`tests/backend`,
    /// `docs/guides/server-contract.md`), with the idempotency contract: `POST /auth/login`, `/auth/refresh`
    /// and `/auth/logout` below `base`, resources on `base`'s origin.
    ///
    /// Rotation and reuse detection: RFC 9700 §4.14.2.
    pub fn rotation(base: &str) -> Result<Self, ProfileError> {
        let base = web_address("base", base)?;
        let endpoint = |path: &str| {
            let mut url = base.clone();
            url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            url
        };
        let request = |path: &str, field: &str| RequestShape {
            url: endpoint(path),
            encoding: BodyEncoding::Form,
            tokens: vec![Placement {
                token: TokenKind::Refresh,
                field: field.into(),
            }],
            fields: Default::default(),
            headers: Default::default(),
            done_statuses: Vec::new(),
        };
        let dead = |error: &str, reason| VerdictRule {
            status: 401,
            error: Some(error.into()),
            means: Verdict::Dead(reason),
        };
        let mut refresh = request("/auth/refresh", "refresh_token");
        refresh.fields.insert("grant_type".into(), "refresh_token".into());
        Ok(Self {
            id: "rotation".into(),
            sign_in: Some(SignInShape {
                url: endpoint("/auth/login"),
                encoding: BodyEncoding::Form,
                fields: Default::default(),
                headers: Default::default(),
                refused_statuses: super::super::request::default_refusals(),
            }),
            refresh,
            revoke: Some(request("/auth/logout", "token")),
            answer: AnswerShape::default(),
            default_life: std::time::Duration::from_secs(300),
            reuse_leeway: std::time::Duration::ZERO,
            idempotency_key: Some("Idempotency-Key".into()),
            verdicts: vec![
                dead("invalid_token", EndReason::Revoked),
                dead("expired", EndReason::Expired),
                dead("reuse_detected", EndReason::ReuseDetected),
                dead("already_exchanged", EndReason::ReuseDetected),
                dead("password_changed", EndReason::PasswordChanged),
                dead("signed_in_elsewhere", EndReason::SignedInElsewhere),
                VerdictRule {
                    status: 409,
                    error: Some("superseded".into()),
                    means: Verdict::Superseded,
                },
            ],
            resource_origins: vec![base],
            rejected_statuses: vec![401],
        })
    }
}
