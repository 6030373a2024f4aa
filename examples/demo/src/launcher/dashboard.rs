//! The dashboard's web server. Only the page it served itself gets anything or can do anything: the address has a
//! secret path, `Host` is the server's own, and what changes something needs its `Origin`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, broadcast, watch};
use tokio::time::timeout;

use super::board::Board;
use super::door::Door;
use super::guard;
use super::sites;
use super::stage::{Attempt, Audience, Look, Stage, Target};
use super::tap::{Tap, Text};
use crate::scheme;
use crate::step::{Call, Step};

/// Changes that follow each other closely are told together.
const TOGETHER: Duration = Duration::from_millis(40);
/// How long a request or an answer is on its way in slow motion: as long as the dashboard draws it.
const SLOW: Duration = Duration::from_millis(650);

/// The pages in a browser's dashboard: it is told what they should do.
#[derive(Clone)]
pub(crate) struct Browser {
    calls: broadcast::Sender<Call>,
    board: Board,
    door: Door,
    /// What scripts in pages found since they were asked.
    found: Arc<watch::Sender<Vec<Look>>>,
    /// What the hostile page tried.
    tried: Arc<watch::Sender<Tried>>,
}

impl Browser {
    pub(crate) fn new(board: Board, door: Door) -> Self {
        Self {
            calls: broadcast::Sender::new(16),
            board,
            door,
            found: Arc::default(),
            tried: Arc::default(),
        }
    }
}

impl Audience for Browser {
    fn size(&self) -> u64 {
        let dashboards = self.calls.receiver_count();
        (dashboards * self.door.shown()) as u64
    }

    fn patience(&self) -> Duration {
        // In slow motion a call, the refresh and the call again are on their way for some seconds.
        Duration::from_secs(12)
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(450)
    }

    async fn look(&self, _: &[Text]) -> Result<Vec<Look>> {
        self.found.send_replace(Vec::new());
        self.call(Call::Look).await;
        let pages = self.size();
        let mut found = self.found.subscribe();
        // Those that do not answer are not told of.
        let _ = timeout(
            self.patience(),
            found.wait_for(|looks| looks.len() as u64 >= pages),
        )
        .await;
        Ok(self.found.borrow().clone())
    }

    async fn call(&self, call: Call) {
        // Without a dashboard nobody listens, and no page calls.
        let _ = self.calls.send(call);
    }

    async fn open(&self, _: &Door) -> Result<()> {
        // Every dashboard sees this number change, and asks for addresses of its own.
        self.board.change(|scene| scene.opening += 1);
        Ok(())
    }

    async fn open_another(&self, _: &Door) -> Result<()> {
        self.board.change(|scene| scene.another += 1);
        Ok(())
    }

    async fn attack(&self, _: &Door) -> Result<Vec<Attempt>> {
        self.tried.send_replace(Tried::default());
        let mut tried = self.tried.subscribe();
        self.board.change(|scene| scene.hostile += 1);
        // One that does not answer is not told of.
        let _ = timeout(self.patience(), tried.wait_for(|tried| tried.done)).await;
        Ok(self.tried.borrow().attempts.clone())
    }
}

/// Serves the dashboard until it is dropped.
pub(crate) async fn serve(listener: TcpListener, key: &str, dashboard: Dashboard) -> Result<()> {
    axum::serve(listener, router(key, Arc::new(dashboard))).await?;
    Ok(())
}

/// What the dashboard shows and moves.
pub(crate) struct Dashboard {
    host: String,
    origin: String,
    stage: Arc<Mutex<Option<Stage>>>,
    board: Board,
    door: Door,
    tap: Tap,
    browser: Browser,
}

impl Dashboard {
    /// A dashboard of this origin, `http://host:port`. The stage is taken away at the end.
    pub(crate) fn new(
        origin: &str,
        stage: Arc<Mutex<Option<Stage>>>,
        board: Board,
        door: Door,
        tap: Tap,
        browser: Browser,
    ) -> Self {
        Self {
            host: origin.trim_start_matches("http://").to_owned(),
            origin: origin.to_owned(),
            stage,
            board,
            door,
            tap,
            browser,
        }
    }
}

type Shared = State<Arc<Dashboard>>;

/// What the document loads.
const FILES: [(&str, &str, &str); 9] = [
    (
        "dashboard.css",
        guard::STYLE,
        include_str!("../../assets/dashboard.css"),
    ),
    ("scene.css", guard::STYLE, include_str!("../../assets/scene.css")),
    ("story.css", guard::STYLE, include_str!("../../assets/story.css")),
    (
        "dashboard.js",
        guard::SCRIPT,
        include_str!("../../assets/dashboard.js"),
    ),
    ("beats.js", guard::SCRIPT, include_str!("../../assets/beats.js")),
    (
        "drawing.js",
        guard::SCRIPT,
        include_str!("../../assets/drawing.js"),
    ),
    ("words.js", guard::SCRIPT, include_str!("../../assets/words.js")),
    ("pages.js", guard::SCRIPT, include_str!("../../assets/pages.js")),
    ("story.js", guard::SCRIPT, include_str!("../../assets/story.js")),
];

fn router(key: &str, dashboard: Arc<Dashboard>) -> Router {
    let at = |path: &str| format!("/{key}/{path}");
    let files = FILES.iter().fold(Router::new(), |router, (name, kind, text)| {
        router.route(&at(name), get(async || guard::file(kind, *text)))
    });
    files
        .route(&at(""), get(document))
        .route(&at("events"), get(events))
        .route(&at("open"), post(open))
        .route(&at("pace"), post(pace))
        .route(&at("tried"), post(tried))
        .route(&at("step"), post(step))
        .route(&at("story"), post(story))
        .route(&at("found"), post(found))
        .layer(middleware::from_fn_with_state(dashboard.clone(), own_page_only))
        .with_state(dashboard)
}

async fn own_page_only(State(dashboard): Shared, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !guard::is_for(&dashboard.host, headers) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    if !request.method().is_safe() && !guard::is_from(&dashboard.origin, headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

async fn document(State(dashboard): Shared) -> Response {
    let frames: Vec<_> = dashboard.door.frames().collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src {}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        frames.join(" ")
    );
    let Ok(policy) = HeaderValue::from_str(&policy) else {
        // Without its policy the page is not served.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = guard::file(guard::HTML, include_str!("../../assets/dashboard.html"));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// The scene at every change, and calls to be passed on to the pages.
async fn events(State(dashboard): Shared) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut scenes = dashboard.board.watch();
    scenes.mark_changed();
    let scenes = stream::unfold(scenes, async |mut scenes| {
        scenes.changed().await.ok()?;
        tokio::time::sleep(TOGETHER).await;
        let scene = scenes.borrow_and_update().to_json();
        Some((Ok(Event::default().data(scene.to_string())), scenes))
    });
    let calls = stream::unfold(dashboard.browser.calls.subscribe(), async |mut calls| {
        loop {
            match calls.recv().await {
                Ok(call) => {
                    let text = json!(call).to_string();
                    return Some((Ok(Event::default().event("call").data(text)), calls));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream::select(Box::pin(scenes), Box::pin(calls))).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    which: Which,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    All,
    Another,
    Hostile,
}

/// Addresses for pages, each good for one connection.
async fn open(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    let which = match read::<Opening>(&headers, &body, "no such page") {
        Ok(Opening { which }) => which,
        Err(refused) => return *refused,
    };
    let door = &dashboard.door;
    let invitations = match which {
        Which::All => door.invite().await,
        Which::Another => door.invite_another().await.map(|one| vec![one]),
        Which::Hostile => door.invite_hostile().await.map(|one| vec![one]),
    };
    match invitations {
        Ok(invitations) => Json(invitations).into_response(),
        Err(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    slow: bool,
}

/// Slow motion: what passes between app, pages and server is on its way as long as it is drawn.
async fn pace(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    match read(&headers, &body, "no such pace") {
        Ok(Pace { slow }) => {
            dashboard.tap.slow_down(if slow { SLOW } else { Duration::ZERO });
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refused) => *refused,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    step: Step,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Telling {
    story: String,
}

async fn step(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    match read(&headers, &body, "no such step") {
        Ok(Wish { step }) => perform(&dashboard, Asked::Step(step)).await,
        Err(refused) => *refused,
    }
}

async fn story(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    let known = |name: &str| {
        let scheme = dashboard.board.scene().scheme;
        scheme::shown(scheme)
            .stories
            .iter()
            .any(|story| story.name == name)
    };
    match read(&headers, &body, "no such story") {
        Ok(Telling { story }) if known(&story) => perform(&dashboard, Asked::Story(story)).await,
        Ok(Telling { .. }) => refusal(StatusCode::BAD_REQUEST, "no such story of this scheme"),
        Err(refused) => *refused,
    }
}

/// What a script in a page found.
async fn found(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    match read::<Look>(&headers, &body, "nothing that a page can find") {
        Ok(look) => {
            // A page that says it over and over is not listened to for ever.
            let most = 4 * sites::COUNT;
            dashboard.browser.found.send_modify(|looks| {
                if looks.len() < most {
                    looks.push(look);
                }
            });
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refused) => *refused,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    attempts: Vec<Attempt>,
    done: bool,
}

/// What the hostile page tried so far.
async fn tried(State(dashboard): Shared, headers: HeaderMap, body: String) -> Response {
    match read(&headers, &body, "no attempts") {
        Ok(Tried { attempts, done }) => {
            let tried = &dashboard.browser.tried;
            let told = tried.borrow().attempts.len();
            // One that was overtaken by the next.
            if attempts.len() < told {
                return StatusCode::NO_CONTENT.into_response();
            }
            // The tap sees what goes to the server.
            let unseen = attempts.iter().skip(told).filter(|it| it.at != Target::Server);
            let origin = dashboard.door.hostile();
            unseen.for_each(|attempt| dashboard.board.passed(attempt.moment(origin)));
            tried.send_replace(Tried { attempts, done });
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refused) => *refused,
    }
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &str, what_else: &str) -> Result<T, Box<Response>> {
    let json = headers.get(header::CONTENT_TYPE);
    if json.is_none_or(|value| value != "application/json") {
        let refused = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "what is asked is JSON");
        return Err(Box::new(refused));
    }
    serde_json::from_str(body).map_err(|_| Box::new(refusal(StatusCode::BAD_REQUEST, what_else)))
}

enum Asked {
    Step(Step),
    Story(String),
}

async fn perform(dashboard: &Dashboard, asked: Asked) -> Response {
    let Ok(mut stage) = dashboard.stage.clone().try_lock_owned() else {
        return refusal(StatusCode::CONFLICT, "another step is being performed");
    };
    let browser = dashboard.browser.clone();
    // In a task of its own: a step is not cut off when its browser goes away.
    let performed = tokio::spawn(async move {
        let stage = stage.as_mut()?;
        Some(match asked {
            Asked::Step(step) => stage.perform(step, &browser).await.map(|_| ()),
            Asked::Story(name) => stage.play_story(&name, &browser).await.map(|_| ()),
        })
    });
    match performed.await {
        Ok(Some(Ok(()))) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(Err(error))) => refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}")),
        Ok(None) => refusal(StatusCode::SERVICE_UNAVAILABLE, "the demo is ending"),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "it broke"),
    }
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Method;
    use tower::ServiceExt as _;

    use super::*;

    const ORIGIN: &str = "http://127.0.0.1:4000";

    fn dashboard() -> Router {
        let board = Board::new(scheme::USUAL, || None);
        let (door, tap) = (Door::default(), Tap::to("http://127.0.0.1:1", |_| {}));
        let browser = Browser::new(board.clone(), door.clone());
        let stage = Arc::new(Mutex::new(None));
        let dashboard = Dashboard::new(ORIGIN, stage, board, door, tap, browser);
        router("k3y", Arc::new(dashboard))
    }

    async fn answer(method: Method, path: &str, headers: &[(&str, &str)], body: &'static str) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        dashboard().oneshot(request).await.unwrap()
    }

    async fn status(method: Method, path: &str, headers: &[(&str, &str)], body: &'static str) -> u16 {
        answer(method, path, headers, body).await.status().as_u16()
    }

    #[tokio::test]
    async fn only_its_own_host_and_secret_path_show_the_dashboard() {
        let own = [("Host", "127.0.0.1:4000")];
        assert_eq!(status(Method::GET, "/k3y/", &own, "").await, 200);
        for path in [
            "/",
            "/k3y",
            "/wrong/",
            "/dashboard.js",
            "/wrong/events",
            "/events",
        ] {
            assert_eq!(status(Method::GET, path, &own, "").await, 404, "{path}");
        }
        for host in [
            "localhost:4000",
            "evil.example:4000",
            "127.0.0.1:4001",
            "127.0.0.1",
        ] {
            let headers = [("Host", host)];
            for path in ["/k3y/", "/k3y/events", "/k3y/dashboard.js"] {
                assert_eq!(status(Method::GET, path, &headers, "").await, 421, "{host}{path}");
            }
        }
        assert_eq!(status(Method::GET, "/k3y/", &[], "").await, 421);
    }

    #[tokio::test]
    async fn only_its_own_page_moves_anything() {
        let host = ("Host", "127.0.0.1:4000");
        let json = ("Content-Type", "application/json");
        let body = r#"{"step":"sign_out"}"#;
        for path in ["step", "open", "story", "found", "tried", "pace"].map(|it| format!("/k3y/{it}")) {
            let path = path.as_str();
            assert_eq!(
                status(Method::POST, path, &[host, json], body).await,
                403,
                "{path}"
            );
            for origin in [
                "null",
                "http://127.0.0.1:4001",
                "http://localhost:4000",
                "https://evil.example",
            ] {
                let headers = [host, json, ("Origin", origin)];
                assert_eq!(
                    status(Method::POST, path, &headers, body).await,
                    403,
                    "{origin}{path}"
                );
            }
        }
        // It gets as far as the stage, which is not there, and the app, which is not running.
        let own = ("Origin", ORIGIN);
        assert_eq!(
            status(Method::POST, "/k3y/step", &[host, json, own], body).await,
            503
        );
        assert_eq!(
            status(
                Method::POST,
                "/k3y/open",
                &[host, json, own],
                r#"{"which":"all"}"#
            )
            .await,
            503
        );
        assert_eq!(status(Method::GET, "/k3y/step", &[host, own], "").await, 405);
    }

    #[tokio::test]
    async fn what_is_no_step_and_no_story_is_refused() {
        let headers = [
            ("Host", "127.0.0.1:4000"),
            ("Origin", ORIGIN),
            ("Content-Type", "application/json"),
        ];
        for body in [
            "",
            "{",
            "{}",
            r#"{"step":"moon"}"#,
            r#"{"step":"kill","x":1}"#,
            "[]",
        ] {
            assert_eq!(
                status(Method::POST, "/k3y/step", &headers, body).await,
                400,
                "{body}"
            );
        }
        for (path, body) in [
            ("/k3y/story", "{}"),
            ("/k3y/story", r#"{"story":"moon"}"#),
            // A story of another scheme.
            ("/k3y/story", r#"{"story":"second-device"}"#),
            ("/k3y/found", r#"{"page":"Orders"}"#),
            ("/k3y/open", "{}"),
            ("/k3y/open", r#"{"which":"moon"}"#),
            ("/k3y/pace", r#"{"slow":7}"#),
            ("/k3y/tried", "{}"),
        ] {
            assert_eq!(status(Method::POST, path, &headers, body).await, 400, "{body}");
        }
        // It gets as far as the stage, which is not there.
        let known = r#"{"story":"thief-first"}"#;
        assert_eq!(status(Method::POST, "/k3y/story", &headers, known).await, 503);
        let form = [headers[0], headers[1], ("Content-Type", "text/plain")];
        assert_eq!(
            status(Method::POST, "/k3y/step", &form, r#"{"step":"kill"}"#).await,
            415
        );
    }

    #[tokio::test]
    async fn the_document_may_load_its_own_files_only() {
        let answer = answer(Method::GET, "/k3y/", &[("Host", "127.0.0.1:4000")], "").await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
}
