use std::sync::Arc;
use std::time::Duration;

use tokencast::profile::ServerProfile as Core;

use crate::error::SessionError;

/// One server described as data: how to sign in, refresh and revoke there, and how to read its answers.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct ServerProfile(Core);

#[uniffi::export]
impl ServerProfile {
    /// A backend with refresh token rotation (RFC 9700 §4.14.2) and the endpoints `/auth/login`, `/auth/refresh` and
    /// `/auth/logout` below `base`, such as `https://api.example.com`.
    #[uniffi::constructor]
    pub fn rotation(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::rotation(&base)?))
    }

    /// One-time exchange of a pair: the refresh token is deleted by its use and is accepted only together with the access
    /// token that it came with. Endpoints as in `rotation`.
    #[uniffi::constructor]
    pub fn exchange_once(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::exchange_once(&base)?))
    }

    /// Renewal without a refresh token: an expired access token buys its successor, once, within the server's window.
    /// Endpoints as in `rotation`.
    #[uniffi::constructor]
    pub fn access_only(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::access_only(&base)?))
    }

    /// One refresh token for each user, without a payload: the server reads the user from the access token. Endpoints
    /// as in `rotation`.
    #[uniffi::constructor]
    pub fn per_user(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::per_user(&base)?))
    }

    /// A refresh token signed with the user's salt: a new password ends all sessions. Endpoints as in `rotation`.
    #[uniffi::constructor]
    pub fn salted(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::salted(&base)?))
    }

    /// One device at a time: each sign-in ends the session before it. Endpoints as in `rotation`.
    #[uniffi::constructor]
    pub fn single_device(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::single_device(&base)?))
    }

    /// The refresh token in a cookie, with CSRF double submit and rotation. Endpoints as in `rotation`.
    #[uniffi::constructor]
    pub fn cookie(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::cookie(&base)?))
    }

    /// The token endpoint of the reference backend, with a sign-in by the password grant for tests.
    #[uniffi::constructor]
    pub fn oauth2(
        token_url: String,
        revoke_url: Option<String>,
        client: Arc<OAuthClient>,
    ) -> Result<Self, SessionError> {
        let client = client.0.clone();
        Ok(Self(Core::oauth2(&token_url, revoke_url.as_deref(), client)?))
    }

    /// Any server that keeps to RFC 6749 §6. Sign in elsewhere and `adopt` the tokens; name the resources with
    /// `with_resource_origin`.
    #[uniffi::constructor]
    pub fn generic_oauth2(
        token_url: String,
        revoke_url: Option<String>,
        client: Arc<OAuthClient>,
    ) -> Result<Self, SessionError> {
        let client = client.0.clone();
        Ok(Self(Core::generic_oauth2(
            &token_url,
            revoke_url.as_deref(),
            client,
        )?))
    }

    /// Django REST framework with simplejwt at its usual paths below `base`. From documents, not run.
    #[uniffi::constructor]
    pub fn django_simplejwt(base: String) -> Result<Self, SessionError> {
        Ok(Self(Core::django_simplejwt(&base)?))
    }

    /// Supabase Auth of the project at `base` with the project's publishable (anon) key. From documents, not run.
    #[uniffi::constructor]
    pub fn supabase(base: String, api_key: String) -> Result<Self, SessionError> {
        Ok(Self(Core::supabase(&base, &api_key)?))
    }

    /// Keycloak's realm at `realm_url`, such as `https://id.example.com/realms/app`. From documents, not run.
    #[uniffi::constructor]
    pub fn keycloak(realm_url: String, client: Arc<OAuthClient>) -> Result<Self, SessionError> {
        Ok(Self(Core::keycloak(&realm_url, client.0.clone())?))
    }

    /// Auth0's tenant at `base`, such as `https://example.eu.auth0.com`. From documents, not run.
    #[uniffi::constructor]
    pub fn auth0(base: String, client: Arc<OAuthClient>) -> Result<Self, SessionError> {
        Ok(Self(Core::auth0(&base, client.0.clone())?))
    }

    /// Firebase Authentication with the project's web API key; the ID token is what resources take. From documents,
    /// not run.
    #[uniffi::constructor]
    pub fn firebase(api_key: String) -> Result<Self, SessionError> {
        Ok(Self(Core::firebase(&api_key)?))
    }

    /// An app client without a secret of an Amazon Cognito user pool in `region`. From documents, not run.
    #[uniffi::constructor]
    pub fn cognito(region: String, client_id: String) -> Result<Self, SessionError> {
        Ok(Self(Core::cognito(&region, &client_id)?))
    }

    /// Reads a profile from JSON; see `docs/guides/server-profile.md`.
    #[uniffi::constructor]
    pub fn from_json(text: String) -> Result<Self, SessionError> {
        Ok(Self(Core::from_json(&text)?))
    }

    /// The profile as JSON.
    pub fn to_json(&self) -> Result<String, SessionError> {
        serde_json::to_string(&self.0).map_err(|_| {
            SessionError::misconfigured(
                "the profile has no JSON form",
                "report this: every profile should have one",
            )
        })
    }

    /// The name kept in records, so that a record is never used with another server.
    pub fn id(&self) -> Result<String, SessionError> {
        Ok(self.0.id().to_owned())
    }

    /// The origins that may see an access token.
    pub fn resource_origins(&self) -> Result<Vec<String>, SessionError> {
        Ok(self
            .0
            .resource_origins()
            .map(|origin| origin.ascii_serialization())
            .collect())
    }

    /// Whether a resource's answer, its status and its `WWW-Authenticate`, says that the token was not accepted, and not
    /// something that a newer token would not mend (RFC 6750 §3.1).
    pub fn rejects(&self, status: i64, challenge: Option<String>) -> Result<bool, SessionError> {
        Ok(u16::try_from(status).is_ok_and(|status| self.0.rejects(status, challenge.as_deref())))
    }

    /// This profile and one more origin whose resources take the access token, such as `https://media.example.com`.
    pub fn with_resource_origin(&self, origin: String) -> Result<Arc<Self>, SessionError> {
        Ok(Arc::new(Self(self.0.clone().with_resource_origin(&origin)?)))
    }

    /// This profile and where the server tells whose an access token is: `url` is asked with a GET, and what stands at the
    /// JSON pointer `at` of its answer, `/sub` for instance, names the user. Pages that refresh themselves need it.
    pub fn with_subject(&self, url: String, at: String) -> Result<Arc<Self>, SessionError> {
        Ok(Arc::new(Self(self.0.clone().with_subject(&url, &at)?)))
    }

    /// This profile for a server that accepts a spent refresh token again for so many milliseconds (its "leeway", "reuse
    /// interval" or "grace period").
    pub fn with_reuse_leeway(&self, millis: i64) -> Result<Arc<Self>, SessionError> {
        let millis = u64::try_from(millis).map_err(|_| {
            SessionError::misconfigured("a leeway below zero", "give the server's leeway in milliseconds")
        })?;
        let leeway = Duration::from_millis(millis);
        Ok(Arc::new(Self(self.0.clone().with_reuse_leeway(leeway))))
    }

    /// This profile for a server that keeps the idempotency contract with that header, or (without one) for one that
    /// does not; see `docs/guides/server-contract.md`.
    pub fn with_idempotency_key(&self, header: Option<String>) -> Result<Arc<Self>, SessionError> {
        let profile = self.0.clone().with_idempotency_key(header.as_deref());
        Ok(Arc::new(Self(profile)))
    }
}

impl ServerProfile {
    pub(crate) fn to_core(&self) -> Core {
        self.0.clone()
    }
}

/// How an app names itself to an OAuth 2.0 server (RFC 6749 §2.3). A secret that ships inside an app is none; servers
/// that ask for one all the same are why it can be given.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct OAuthClient(tokencast::profile::OAuthClient);

#[uniffi::export]
impl OAuthClient {
    /// A client without a secret, as an app should be (RFC 8252 §8.5).
    #[uniffi::constructor]
    pub fn public_client(id: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::profile::OAuthClient::public(id)))
    }

    /// A client that sends its secret in the body.
    #[uniffi::constructor]
    pub fn secret_in_body(id: String, secret: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::profile::OAuthClient::post(id, secret)))
    }

    /// A client that sends its secret by HTTP Basic.
    #[uniffi::constructor]
    pub fn secret_by_basic(id: String, secret: String) -> Result<Self, SessionError> {
        Ok(Self(tokencast::profile::OAuthClient::basic(id, secret)))
    }
}
