//! The application: what the handlers share, and the table of routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access_token::AccessTokens;
use crate::clock::Clock;
use crate::config::{Config, NewUser, OAuthClient};
use crate::control::Control;
use crate::fault::{self, Route};
use crate::password::{PasswordError, Passwords};
use crate::problem::Problem;
use crate::rate_limit::RateLimit;
use crate::routes::{
    RenderedPages, SessionCookies, auth, description, health, keys, oauth, pages, password, resource,
    switches,
};
use crate::running::StartError;
use crate::schemes::{Scheme, Sessions};
use crate::secret::random_text;
use crate::signing_key::SigningKey;
use crate::store::{Store, StoreError, UserId};

pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) access: AccessTokens,
    pub(crate) passwords: Passwords,
    pub(crate) clock: Arc<Clock>,
    pub(crate) control: Control,
    pub(crate) sign_ins: RateLimit,
    pub(crate) refreshes: RateLimit,
    pub(crate) oauth_client: OAuthClient,
    pub(crate) session_cookies: SessionCookies,
    pub(crate) pages: RenderedPages,
    pub(crate) idempotency: bool,
    pub(crate) test_faults: bool,
}

impl App {
    pub(crate) async fn new(config: &Config, store: Store) -> Result<Self, StartError> {
        // Kept in the database: access tokens outlive a restart, and replicas accept each other's.
        let key = store
            .server_key("access token HS256", &random_text::<32>())
            .await?;
        let key = URL_SAFE_NO_PAD
            .decode(key)
            .ok()
            .filter(|key| key.len() == 32)
            .ok_or(StartError::Key)?;
        let access_ttl_secs = config.access_ttl.as_secs();
        let access = if config.scheme.signs_with_rsa() {
            AccessTokens::rs256(&signing_key(&store).await?, access_ttl_secs)
        } else {
            AccessTokens::hs256(&key, access_ttl_secs)
        };
        let clock = Arc::new(Clock::default());
        let app = Self {
            sessions: Sessions::new(config, store.clone(), clock.clone(), access.clone(), &key),
            store,
            access,
            passwords: Passwords::new(config.password_cost)
                .await
                .map_err(|_| StartError::Password)?,
            clock,
            control: Control::new(config.cors_origins.clone()),
            sign_ins: RateLimit::new(config.rate_limit),
            refreshes: RateLimit::new(config.rate_limit),
            oauth_client: config.oauth_client.clone(),
            session_cookies: SessionCookies::new(config.tls, config.refresh_ttl),
            pages: RenderedPages::new(config.tls, &key),
            idempotency: config.idempotency,
            test_faults: config.test_faults,
        };
        for user in &config.users {
            app.put_user(user.clone()).await.map_err(|error| match error {
                UserError::Password => StartError::Password,
                UserError::Store(error) => StartError::Store(error),
            })?;
        }
        Ok(app)
    }

    pub(crate) async fn put_user(&self, user: NewUser) -> Result<(), UserError> {
        let hash = self
            .passwords
            .hash(user.password)
            .await
            .map_err(|PasswordError| UserError::Password)?;
        self.store
            .put_user(&UserId(random_text::<16>()), &user.name, &hash)
            .await?;
        Ok(())
    }

    pub(crate) fn count_request(&self, route: Route) {
        if route == Route::Refresh {
            self.control.counters.refresh_requests.add();
        }
    }
}

/// The RSA key of the database, drawn by the first server that needs it.
async fn signing_key(store: &Store) -> Result<SigningKey, StartError> {
    const NAME: &str = "access token RS256";
    let stored = match store.known_server_key(NAME).await? {
        Some(stored) => stored,
        None => {
            let drawn = tokio::task::spawn_blocking(|| SigningKey::draw().map(|key| key.to_stored())).await;
            let drawn = drawn.ok().flatten().ok_or(StartError::Key)?;
            // Another server may have been first: then its key is the answer.
            store.server_key(NAME, &drawn).await?
        }
    };
    SigningKey::from_stored(&stored).ok_or(StartError::Key)
}

/// A user could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Password,
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every endpoint. The order of the layers: a panic is caught last, CORS sees faulty answers too.
pub(crate) fn router(app: Arc<App>) -> Router {
    let scheme = app.sessions.scheme();
    let mut router = session_routes(scheme)
        .route("/api/me", get(resource::me))
        .route("/api/notes", get(resource::notes).post(resource::add_note))
        .route("/auth/password", post(password::change))
        .route("/app", get(pages::home))
        .route("/app/next", get(pages::next))
        .route("/app/search", get(pages::search))
        .route("/app/notes", get(pages::to_home).post(pages::add_note))
        .route("/app/redirect", get(pages::to_home))
        .route("/jwks.json", get(keys::published))
        .route("/healthz", get(health::healthz))
        .route("/openapi.json", get(async move || description::of(scheme)));
    if app.test_faults {
        router = router
            .route("/test/clock", post(switches::clock))
            .route("/test/faults", post(switches::arm).delete(switches::disarm))
            .route("/test/hold", post(switches::hold))
            .route("/test/copies", post(switches::deliver_copies))
            .route(
                "/test/access-tokens",
                axum::routing::delete(switches::expire_access_tokens),
            )
            .route("/test/stats", get(switches::stats));
    }
    router
        .fallback(|| async { Problem::NOT_FOUND })
        .method_not_allowed_fallback(|| async { Problem::METHOD })
        .layer(from_fn_with_state(app.clone(), fault::apply))
        .layer(cors(app.clone()))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a handler panicked");
            Problem::INTERNAL.into_response()
        }))
        .with_state(app)
}

/// Where sessions begin, go on and end.
fn session_routes(scheme: Scheme) -> Router<Arc<App>> {
    if scheme == Scheme::OAuth2 {
        return Router::new()
            .route("/oauth/token", post(oauth::token))
            .route("/oauth/revoke", post(oauth::revoke));
    }
    let refresh = if scheme.asks().query {
        post(auth::refresh).get(auth::refresh)
    } else {
        post(auth::refresh)
    };
    Router::new()
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", refresh)
        .route("/auth/logout", post(auth::logout))
}

/// Pages of other origins send the access token in a header, never a cookie: credentials mode stays off, with the scheme
/// `cookie` too.
fn cors(app: Arc<App>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            app.control.allows(origin)
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
        .max_age(Duration::from_secs(60))
}
