//! Servers that people use, from their documents: no such server has been run against these. What an installation has
//! set otherwise (paths, leeways, error codes) is changed in the JSON form.

use std::time::Duration;

use super::super::{
    BodyEncoding, JsonPointer, OAuthClient, Placement, ProfileError, RequestShape, ServerProfile,
    SignInShape, TokenKind, Verdict, VerdictRule,
};
use super::Server;
use crate::error::EndReason;

impl ServerProfile {
    /// Django REST framework with simplejwt at its usual paths below `base`: `/api/token/`, `/api/token/refresh/` and
    /// `/api/token/blacklist/`. From documents, not run.
    ///
    /// JSON `{"refresh"}` buys `{"access"}`, and `{"refresh"}` too where `ROTATE_REFRESH_TOKENS` is on; no life is said
    /// beside the token's claims. A dead token is 401 with the code `token_not_valid`.
    ///
    /// Sources: django-rest-framework-simplejwt.readthedocs.io (getting_started, settings, blacklist_app) and
    /// `rest_framework_simplejwt/serializers.py`.
    pub fn django_simplejwt(base: &str) -> Result<Self, ProfileError> {
        let server = Server::at("base", base)?;
        let by_json = |path: &str| {
            let mut request = RequestShape::post(server.endpoint(path));
            request.encoding = BodyEncoding::Json;
            request.tokens = vec![Placement::in_body(TokenKind::Refresh, "refresh")];
            request
        };
        let mut sign_in = SignInShape::post(server.endpoint("/api/token/"));
        sign_in.encoding = BodyEncoding::Json;
        sign_in.refused_statuses = vec![400, 401];
        let mut revoke = by_json("/api/token/blacklist/");
        // 401: dead already. 404: the blacklist is not installed.
        revoke.done_statuses = vec![401, 404];
        let refresh = by_json("/api/token/refresh/");
        let mut profile = Self::of("django-simplejwt", refresh);
        profile.sign_in = Some(sign_in);
        profile.revoke = Some(revoke);
        profile.answer.access_token = JsonPointer::to_field("access");
        profile.answer.refresh_token = JsonPointer::to_field("refresh");
        profile.answer.error = JsonPointer::to_field("code");
        let detail = JsonPointer::to_field("detail");
        profile.verdicts = vec![
            prose(401, &detail, "is expired", EndReason::Expired),
            prose(401, &detail, "blacklisted", EndReason::Revoked),
            dead(401, "token_not_valid", EndReason::Revoked),
            dead(401, "no_active_account", server_says("no_active_account")),
            prose(
                401,
                &detail,
                "No active account",
                server_says("no_active_account"),
            ),
        ];
        profile.resource_origins = vec![server.0];
        profile.checked()
    }

    /// Supabase Auth of the project at `base` (`https://PROJECT.supabase.co`) with the project's publishable (anon) key.
    /// Sign in with the fields `email` and `password`. From documents, not run.
    ///
    /// Refresh tokens rotate; a spent one is accepted again for 10 s (the project's reuse interval), and so is the parent
    /// of the active one. Its sign-out takes the access token, which is not kept for that: a signed-out session
    /// ends at the server by its own timeouts.
    ///
    /// Sources: supabase.com/docs/guides/auth/sessions (reuse interval), /docs/guides/auth/debugging/error-codes,
    /// `internal/tokens/service.go` and `internal/api/errors.go` of supabase/auth.
    pub fn supabase(base: &str, api_key: &str) -> Result<Self, ProfileError> {
        let server = Server::at("base", base)?;
        let token_endpoint = server.endpoint("/auth/v1/token");
        let mut refresh = RequestShape::post(token_endpoint.clone());
        refresh.encoding = BodyEncoding::Json;
        refresh.query.insert("grant_type".into(), "refresh_token".into());
        refresh.headers.insert("apikey".into(), api_key.into());
        refresh.tokens = vec![Placement::in_body(TokenKind::Refresh, "refresh_token")];
        let mut sign_in = SignInShape::post(token_endpoint);
        sign_in.encoding = BodyEncoding::Json;
        sign_in.query.insert("grant_type".into(), "password".into());
        sign_in.headers.insert("apikey".into(), api_key.into());
        sign_in.refused_statuses = vec![400, 422];
        let mut profile = Self::of("supabase", refresh);
        profile.sign_in = Some(sign_in);
        profile.reuse_leeway = Duration::from_secs(10);
        profile.answer.error = JsonPointer::to_field("error_code");
        let message = JsonPointer::to_field("msg");
        profile.verdicts = vec![
            prose(
                400,
                &message,
                "Revoked by Newer Login",
                EndReason::SignedInElsewhere,
            ),
            dead(400, "session_expired", EndReason::Expired),
            dead(400, "session_not_found", EndReason::Revoked),
            dead(400, "refresh_token_not_found", EndReason::Revoked),
            dead(400, "refresh_token_already_used", EndReason::ReuseDetected),
            dead(400, "user_banned", server_says("user_banned")),
            // Before the codes of 2024.
            VerdictRule {
                at: Some(JsonPointer::to_field("error")),
                ..dead(400, "invalid_grant", EndReason::Revoked)
            },
            VerdictRule::prose(
                401,
                Some(JsonPointer::to_field("message")),
                "API key",
                Verdict::Misconfigured,
            ),
        ];
        profile.resource_origins = vec![server.0];
        profile.checked()
    }

    /// Keycloak's realm at `realm_url`, such as `https://id.example.com/realms/app`. From documents, not run.
    ///
    /// Every dead token is 400 `invalid_grant`; its description says which, and one of them means another client's token.
    /// With "Revoke Refresh Token" on, a token works `Refresh Token Max Reuse` times; once more ends the session. Name the
    /// resources with [`with_resource_origin`](Self::with_resource_origin).
    ///
    /// Sources: keycloak.org/securing-apps/oidc-layers (endpoints),
    /// `services/…/protocol/oidc/TokenManager.java` of keycloak/keycloak (descriptions).
    pub fn keycloak(realm_url: &str, client: OAuthClient) -> Result<Self, ProfileError> {
        let server = Server::at("realm_url", realm_url)?;
        let endpoint = |name: &str| server.endpoint(&format!("/protocol/openid-connect/{name}"));
        let mut profile = Self::generic_oauth2(
            endpoint("token").as_str(),
            Some(endpoint("revoke").as_str()),
            client,
        )?;
        let description = JsonPointer::to_field("error_description");
        let says = |part: &str, reason| prose(400, &description, part, reason);
        let foreign =
            |part: &str| VerdictRule::prose(400, Some(description.clone()), part, Verdict::Misconfigured);
        let mut verdicts = vec![
            foreign("client and authorized client don't match"),
            foreign("Unmatching clients"),
            says("Maximum allowed refresh token reuse", EndReason::ReuseDetected),
            says("Token is not active", EndReason::Expired),
            says("Refresh token expired", EndReason::Expired),
            says("Session not active", EndReason::Expired),
            says("User disabled", server_says("user_disabled")),
        ];
        verdicts.append(&mut profile.verdicts);
        profile.verdicts = verdicts;
        profile.id = "keycloak".into();
        profile.checked()
    }

    /// Auth0's tenant at `base`, such as `https://example.eu.auth0.com`. From documents, not run.
    ///
    /// A dead token is 403 `invalid_grant`, spent, expired or unknown alike. Where the application has a rotation overlap
    /// period, say so with [`with_reuse_leeway`](Self::with_reuse_leeway): only the token just spent is accepted again. Name
    /// the resources with [`with_resource_origin`](Self::with_resource_origin).
    ///
    /// Sources: auth0.com/docs/secure/tokens/refresh-tokens (configure-refresh-token-rotation, revoke-refresh-tokens);
    /// support.auth0.com, "403: Unknown or invalid refresh token".
    pub fn auth0(base: &str, client: OAuthClient) -> Result<Self, ProfileError> {
        let server = Server::at("base", base)?;
        let mut profile = Self::generic_oauth2(
            server.endpoint("/oauth/token").as_str(),
            Some(server.endpoint("/oauth/revoke").as_str()),
            client,
        )?;
        profile.id = "auth0".into();
        profile
            .verdicts
            .insert(0, dead(403, "invalid_grant", EndReason::Revoked));
        profile
            .verdicts
            .push(VerdictRule::code(401, "access_denied", Verdict::Misconfigured));
        profile.checked()
    }

    /// Firebase Authentication (Google's secure token service) with the project's web API key. Sign in with Firebase's
    /// own library and `adopt` the tokens. The ID token is what resources take. From documents, not run.
    ///
    /// A form buys `id_token`, `refresh_token` (new or the same) and `expires_in` as a string. Refresh tokens do not expire
    /// by time: they end when the user is deleted, disabled or changed in a major way. There is no revocation for
    /// apps. Name the resources with [`with_resource_origin`](Self::with_resource_origin).
    ///
    /// Sources: firebase.google.com/docs/reference/rest/auth ("Exchange a refresh token for an ID token", its error
    /// codes), /docs/auth/admin/manage-sessions.
    pub fn firebase(api_key: &str) -> Result<Self, ProfileError> {
        let server = Server::at("firebase", "https://securetoken.googleapis.com")?;
        let mut refresh = RequestShape::post(server.endpoint("/v1/token"));
        refresh.query.insert("key".into(), api_key.into());
        refresh.fields.insert("grant_type".into(), "refresh_token".into());
        refresh.tokens = vec![Placement::in_body(TokenKind::Refresh, "refresh_token")];
        let mut profile = Self::of("firebase", refresh);
        profile.answer.access_token = JsonPointer::to_field("id_token");
        let message = JsonPointer::to_field("error").then("message");
        profile.answer.error = message.clone();
        // The token was presented again and again while it was good.
        profile.reuse_leeway = Duration::from_secs(3600);
        let wrong = |part: &str| VerdictRule::prose(400, Some(message.clone()), part, Verdict::Misconfigured);
        profile.verdicts = vec![
            dead(400, "TOKEN_EXPIRED", EndReason::Expired),
            dead(400, "INVALID_REFRESH_TOKEN", EndReason::Revoked),
            dead(400, "USER_DISABLED", server_says("user_disabled")),
            dead(400, "USER_NOT_FOUND", server_says("user_not_found")),
            wrong("API key not valid"),
            wrong("PROJECT_NUMBER_MISMATCH"),
            wrong("INVALID_GRANT_TYPE"),
            wrong("MISSING_REFRESH_TOKEN"),
        ];
        profile.checked()
    }

    /// An app client without a secret of an Amazon Cognito user pool in `region`, such as `eu-central-1`. Sign in with
    /// Cognito's own library or its login pages and `adopt` the tokens. From documents, not run.
    ///
    /// `GetTokensFromRefreshToken` works with and without refresh token rotation (`InitiateAuth` with
    /// `REFRESH_TOKEN_AUTH` only without). Where the app client has a retry grace period (at most 60 s), say so with
    /// [`with_reuse_leeway`](Self::with_reuse_leeway). Name the resources with
    /// [`with_resource_origin`](Self::with_resource_origin). A pool with a domain also speaks
    /// [`generic_oauth2`](Self::generic_oauth2) at `/oauth2/token` and `/oauth2/revoke`.
    ///
    /// Sources: docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference (GetTokensFromRefreshToken,
    /// RevokeToken, RefreshTokenRotationType); /cognito/latest/developerguide
    /// (amazon-cognito-user-pools-using-the-refresh-token); the messages of `NotAuthorizedException` from issues of
    /// aws-sdk-net (1936) and aws-sdk-js-v3 (7162).
    pub fn cognito(region: &str, client_id: &str) -> Result<Self, ProfileError> {
        // It becomes a part of a host's name.
        let is_region = !region.is_empty()
            && region
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_region {
            return Err(ProfileError::new(
                "region",
                "not the name of a region",
                "write it as `eu-central-1`",
            ));
        }
        let server = Server::at("region", &format!("https://cognito-idp.{region}.amazonaws.com/"))?;
        let operation = |name: &str, field: &str| {
            let mut request = RequestShape::post(server.0.clone());
            request.encoding = BodyEncoding::Json;
            request
                .headers
                .insert("Content-Type".into(), "application/x-amz-json-1.1".into());
            let target = format!("AWSCognitoIdentityProviderService.{name}");
            request.headers.insert("X-Amz-Target".into(), target);
            request.fields.insert("ClientId".into(), client_id.into());
            request.tokens = vec![Placement::in_body(TokenKind::Refresh, field)];
            request
        };
        let refresh = operation("GetTokensFromRefreshToken", "RefreshToken");
        let mut profile = Self::of("cognito", refresh);
        profile.revoke = Some(operation("RevokeToken", "Token"));
        let result = JsonPointer::to_field("AuthenticationResult");
        profile.answer.access_token = result.then("AccessToken");
        profile.answer.refresh_token = result.then("RefreshToken");
        profile.answer.expires_in = result.then("ExpiresIn");
        profile.answer.error = JsonPointer::to_field("__type");
        let message = JsonPointer::to_field("message");
        let wrong = |error: &str| VerdictRule::code(400, error, Verdict::Misconfigured);
        profile.verdicts = vec![
            prose(400, &message, "Refresh Token has expired", EndReason::Expired),
            prose(
                400,
                &message,
                "Refresh Token has been revoked",
                EndReason::Revoked,
            ),
            prose(400, &message, "Invalid Refresh Token", EndReason::Revoked),
            prose(400, &message, "User is disabled", server_says("user_disabled")),
            dead(400, "RefreshTokenReuseException", EndReason::ReuseDetected),
            dead(400, "UserNotFoundException", server_says("user_not_found")),
            wrong("ResourceNotFoundException"),
            wrong("InvalidParameterException"),
        ];
        profile.checked()
    }
}

fn dead(status: u16, error: &str, reason: EndReason) -> VerdictRule {
    VerdictRule::code(status, error, Verdict::Dead(reason))
}

fn prose(status: u16, at: &JsonPointer, part: &str, reason: EndReason) -> VerdictRule {
    VerdictRule::prose(status, Some(at.clone()), part, Verdict::Dead(reason))
}

fn server_says(code: &str) -> EndReason {
    EndReason::Server(code.into())
}
