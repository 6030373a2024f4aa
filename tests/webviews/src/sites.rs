//! The pages: a small web server for each origin.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Connects to its app, if there is one.
const PAGE: &str = r#"<!doctype html><title>page</title><link rel="icon" href="data:,">
<script type="module">
  import { connect } from "/tokencast.js";
  window.session = connect({ api: ["{api}"] });
</script>
"#;
/// Connects, and makes the exchange itself where the app lends its refresh token for it.
const SELF_REFRESHING: &str = r#"<!doctype html><title>page</title><link rel="icon" href="data:,">
<script type="module">
  import { connect } from "/tokencast.js";
  import { selfRefresh } from "/self-refresh.js";
  window.session = connect({ api: ["{api}"] });
  window.lent = 0;
  window.exchange = async ({ refreshToken, idempotencyKey }) => {
    const response = await fetch("{api}/auth/refresh", {
      method: "POST",
      headers: { "idempotency-key": idempotencyKey },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }),
    });
    const { access_token, refresh_token, expires_in } = await response.json();
    return { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in };
  };
  selfRefresh(window.session, (lease) => {
    window.lent += 1;
    return window.exchange(lease);
  });
</script>
"#;
/// Never says a word to an app.
const SILENT: &str = r#"<!doctype html><title>silent</title><link rel="icon" href="data:,">"#;
/// To be scrolled.
const TALL: &str =
    r#"<div style="height: 5000px"></div><a id="below">below</a><div style="height: 5000px"></div>"#;
const MODULE: &str = include_str!("../../../bindings/web/dist/tokencast.js");
const SELF_REFRESH: &str = include_str!("../../../bindings/web/dist/self-refresh.js");

/// The servers, until this is dropped.
pub struct Sites {
    /// An app's page.
    pub app: String,
    /// Another one of the same app, elsewhere.
    pub shop: String,
    /// A page that is none of the app's.
    pub evil: String,
    listeners: Vec<TcpListener>,
    servers: JoinSet<()>,
    /// What was asked for, in order: `GET /next`.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Sites {
    pub async fn bind() -> Self {
        let (mut origins, mut listeners) = (Vec::new(), Vec::new());
        for host in ["127.0.0.1", "localhost", "127.0.0.1"] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            origins.push(format!("http://{host}:{}", listener.local_addr().unwrap().port()));
            listeners.push(listener);
        }
        let [app, shop, evil] = origins.try_into().unwrap();
        Self {
            app,
            shop,
            evil,
            listeners,
            servers: JoinSet::new(),
            asked: Arc::default(),
        }
    }

    /// How often this was asked for, on all sites together: `GET /next`.
    pub fn asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == what).count()
    }

    /// Serves pages that call this API.
    pub fn serve(&mut self, api: &str) {
        let page = PAGE.replace("{api}", api);
        let html =
            |text: String| get(move || async move { ([(CONTENT_TYPE, "text/html")], text).into_response() });
        let script =
            |text: &'static str| get(move || async move { ([(CONTENT_TYPE, "text/javascript")], text) });
        let asked = self.asked.clone();
        let note = move |request: Request, next: Next| {
            let what = format!("{} {}", request.method(), request.uri());
            asked.lock().unwrap().push(what);
            next.run(request)
        };
        let router = Router::new()
            .route("/", html(page.clone()))
            .route("/next", html(page.clone()))
            .route("/tall", html(page.clone() + TALL))
            .route("/order", html(page.clone()).post(move || async { Html(page) }))
            .route("/silent", html(SILENT.to_owned()))
            .route("/self", html(SELF_REFRESHING.replace("{api}", api)))
            .route("/self-refresh.js", script(SELF_REFRESH))
            .route("/tokencast.js", script(MODULE))
            .layer(middleware::from_fn(note));
        for listener in std::mem::take(&mut self.listeners) {
            let router = router.clone();
            self.servers.spawn(async move {
                let _ = axum::serve(listener, router).await;
            });
        }
    }
}

/// Whether the page at this address connects to its app.
pub(crate) fn is_page(url: &str) -> bool {
    !url.ends_with("/silent")
}
