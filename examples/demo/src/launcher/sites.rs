//! The pages, and one that is none of the app's: a small web server for each, on an origin of its own.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::board::Board;
use super::guard;

/// A page and its web server.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: &'static str,
    /// Whether it is none of the app's.
    pub(crate) hostile: bool,
    /// `http://host:port`
    pub(crate) origin: String,
    host: String,
    listeners: Vec<TcpListener>,
}

/// What the pages have to know of the rest.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) api: String,
    /// The one page that may frame and command them; none in a check.
    pub(crate) dashboard: Option<String>,
    /// Tells where the bridge is now.
    pub(crate) board: Board,
}

/// How many pages are opened with a sign-in. One more is opened later.
pub(crate) const COUNT: usize = 4;

/// What is shown, on which host: an app's pages come from several origins.
const PAGES: [(&str, &str); COUNT + 1] = [
    ("Orders", "127.0.0.1"),
    ("Messages", "localhost"),
    ("Account", "127.0.0.1"),
    ("Help", "localhost"),
    ("Search", "127.0.0.1"),
];
const HOSTILE: (&str, &str) = ("Prize draw", "127.0.0.1");

/// Takes a port for each page; the last is the hostile one.
pub(crate) async fn bind() -> io::Result<Vec<Site>> {
    let mut sites = Vec::new();
    for (name, host) in PAGES.into_iter().chain([HOSTILE]) {
        let listeners = if host == "localhost" {
            listen_on_localhost().await?
        } else {
            vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?]
        };
        let host = format!("{host}:{}", listeners[0].local_addr()?.port());
        sites.push(Site {
            name,
            hostile: name == HOSTILE.0,
            origin: format!("http://{host}"),
            host,
            listeners,
        });
    }
    Ok(sites)
}

impl Site {
    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("{}/", self.origin)
    }

    /// Serves the page until the set is dropped.
    pub(crate) fn serve(&mut self, around: &Surroundings, servers: &mut JoinSet<()>) {
        let page = Page {
            name: self.name,
            hostile: self.hostile,
            host: self.host.clone(),
            around: around.clone(),
        };
        for listener in std::mem::take(&mut self.listeners) {
            let router = router(page.clone());
            servers.spawn(async move {
                // It ends when it is dropped; accepting goes on after errors by itself.
                let _ = axum::serve(listener, router).await;
            });
        }
    }
}

/// A browser may try either address of `localhost`: both have to be this page's.
async fn listen_on_localhost() -> io::Result<Vec<TcpListener>> {
    const TRIES: usize = 20;
    let mut tries = 0;
    loop {
        tries += 1;
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = v4.local_addr()?.port();
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(v6) => return Ok(vec![v4, v6]),
            // Somebody else's: another port.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {}
            // No IPv6 here.
            Err(_) => return Ok(vec![v4]),
        }
    }
}

#[derive(Clone)]
struct Page {
    name: &'static str,
    hostile: bool,
    host: String,
    around: Surroundings,
}

fn router(page: Page) -> Router {
    let script = |text: &'static str| get(move || async move { guard::file(guard::SCRIPT, text) });
    Router::new()
        .route("/", get(document))
        .route(
            "/page.css",
            get(|| async { guard::file(guard::STYLE, include_str!("../../assets/page.css")) }),
        )
        .route("/page.js", script(include_str!("../../assets/page.js")))
        .route("/hostile.js", script(include_str!("../../assets/hostile.js")))
        .route(
            "/tokencast.inject.js",
            script(include_str!("../../../../bindings/web/dist/tokencast.inject.js")),
        )
        .layer(middleware::from_fn_with_state(page.host.clone(), own_host_only))
        .with_state(page)
}

async fn own_host_only(State(host): State<String>, request: Request, next: Next) -> Response {
    if guard::is_for(&host, request.headers()) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

async fn document(State(page): State<Page>) -> Response {
    let around = &page.around;
    let dashboard = around.dashboard.as_deref().unwrap_or_default();
    let html = if page.hostile {
        include_str!("../../assets/hostile.html")
    } else {
        include_str!("../../assets/page.html")
    };
    let bridge = around.board.scene().app.bridge.unwrap_or_default();
    let html = html
        .replace("{bridge}", &guard::escape(&bridge))
        .replace("{name}", &guard::escape(page.name))
        .replace("{origin}", &guard::escape(&page.host))
        .replace("{api}", &guard::escape(&around.api))
        .replace("{dashboard}", &guard::escape(dashboard));
    let mut response = guard::file(guard::HTML, html);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {} {bridge}; base-uri 'none'; \
         form-action 'none'; frame-ancestors {}",
        around.api,
        around.dashboard.as_deref().unwrap_or("'none'"),
    );
    match HeaderValue::from_str(&policy) {
        Ok(policy) => {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        // Without its policy the page is not served.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_page_has_an_origin_of_its_own() {
        let sites = bind().await.unwrap();
        let origins: std::collections::BTreeSet<_> = sites.iter().map(|site| &site.origin).collect();
        assert_eq!(origins.len(), COUNT + 2);
        assert_eq!(sites.iter().filter(|site| site.hostile).count(), 1);
        assert!(
            sites
                .iter()
                .any(|site| site.origin.starts_with("http://localhost:"))
        );
        assert!(
            sites
                .iter()
                .any(|site| site.origin.starts_with("http://127.0.0.1:"))
        );
    }
}
