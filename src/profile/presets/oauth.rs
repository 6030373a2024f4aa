//! OAuth 2.0: RFC 6749 §6 (refresh), §5.2 (errors), RFC 7009 (revocation).

use super::super::{
    OAuthClient, Placement, ProfileError, RequestShape, ServerProfile, SignInShape, TokenKind, Verdict,
    VerdictRule,
};
use super::Server;
use crate::error::EndReason;

impl ServerProfile {
    /// The token endpoint of the reference backend (`tests/backend`): [`generic_oauth2`](Self::generic_oauth2), with
    /// resources on the token endpoint's origin, the contract's `superseded` and a sign-in by the password grant. That
    /// grant is for tests: RFC 9700 §2.4 says that it must not be used.
    ///
    /// Rotation without the idempotency contract; [`with_idempotency_key`](Self::with_idempotency_key) turns it on.
    pub fn oauth2(
        token_url: &str,
        revoke_url: Option<&str>,
        client: OAuthClient,
    ) -> Result<Self, ProfileError> {
        let mut profile = Self::generic_oauth2(token_url, revoke_url, client)?;
        let token_endpoint = profile.refresh.url.clone();
        let mut sign_in = SignInShape::post(token_endpoint.clone());
        sign_in.fields.insert("grant_type".into(), "password".into());
        sign_in.refused_statuses = vec![400];
        profile.id = "oauth2".into();
        profile.sign_in = Some(sign_in);
        profile.resource_origins = vec![token_endpoint];
        profile
            .verdicts
            .push(VerdictRule::code(409, "superseded", Verdict::Superseded));
        profile.checked()
    }

    /// Any server that keeps to RFC 6749 §6: the refresh token goes to the token endpoint as a form, and 400
    /// `invalid_grant` ends the session. Sign in elsewhere and `adopt` the tokens; name the resources with
    /// [`with_resource_origin`](Self::with_resource_origin).
    pub fn generic_oauth2(
        token_url: &str,
        revoke_url: Option<&str>,
        client: OAuthClient,
    ) -> Result<Self, ProfileError> {
        let mut refresh = RequestShape::post(Server::at("token_url", token_url)?.0);
        refresh.fields.insert("grant_type".into(), "refresh_token".into());
        refresh.tokens = vec![Placement::in_body(TokenKind::Refresh, "refresh_token")];
        let revoke = match revoke_url {
            Some(url) => {
                let mut revoke = RequestShape::post(Server::at("revoke_url", url)?.0);
                revoke
                    .fields
                    .insert("token_type_hint".into(), "refresh_token".into());
                revoke.tokens = vec![Placement::in_body(TokenKind::Refresh, "token")];
                Some(revoke)
            }
            None => None,
        };
        let wrong = |status, error| VerdictRule::code(status, error, Verdict::Misconfigured);
        Self {
            client: Some(client),
            revoke,
            // `invalid_request` is not listed: some servers say it to the loser of a race whose session lives.
            verdicts: vec![
                VerdictRule::code(400, "invalid_grant", Verdict::Dead(EndReason::Revoked)),
                wrong(400, "invalid_client"),
                wrong(401, "invalid_client"),
                wrong(400, "unauthorized_client"),
                wrong(400, "unsupported_grant_type"),
                wrong(400, "invalid_scope"),
            ],
            ..Self::of("generic-oauth2", refresh)
        }
        .checked()
    }
}
