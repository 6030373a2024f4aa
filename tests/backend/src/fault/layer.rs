//! The one place where faults happen: between the connection and the handlers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{FaultKind, Route, Second};
use crate::app::App;
use crate::problem::Problem;
use crate::server::Cut;

/// A request that the network delivers once more later.
pub(crate) type Copy = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = StatusCode> + Send>> + Send>;

/// Middleware: counts the request, lets it meet its fault, holds refresh answers.
pub(crate) async fn apply(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (route, request) = match route_of(request).await {
        Ok(known) => known,
        Err(problem) => return problem.into_response(),
    };
    let Some(route) = route else {
        return next.run(request).await;
    };
    let process = Process {
        app: &app,
        route,
        next,
    };
    let Some(fault) = app.control.take_fault(route) else {
        return process.run(request).await;
    };
    tracing::debug!(?route, ?fault, "fault");
    process.with(fault, request).await
}

/// The token endpoint is one address for two routes: there the body must be read.
async fn route_of(request: Request) -> Result<(Option<Route>, Request), Problem> {
    if request.uri().path() != "/oauth/token" {
        return Ok((Route::of(request.method(), request.uri().path()), request));
    }
    let (parts, body) = request.into_parts();
    let bytes = match tokio::time::timeout(BODY_DEADLINE, to_bytes(body, MAX_BUFFERED)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(Problem::BODY_TOO_LARGE),
        Err(_) => return Err(Problem::BODY_TOO_SLOW),
    };
    let route = Route::of_grant(&bytes);
    Ok((Some(route), Request::from_parts(parts, Body::from(bytes))))
}

/// As for every other body.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Ready to process a request of this route.
struct Process<'a> {
    app: &'a Arc<App>,
    route: Route,
    next: Next,
}

impl Process<'_> {
    async fn run(self, request: Request) -> Response {
        self.app.count_request(self.route);
        let response = self.next.run(request).await;
        if self.route == Route::Refresh {
            self.app.control.wait_while_held().await;
        }
        response
    }

    async fn with(self, fault: FaultKind, request: Request) -> Response {
        match fault {
            FaultKind::Delay { ms } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.run(request).await
            }
            FaultKind::DelayAnswer { ms } => {
                let response = self.run(request).await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                response
            }
            FaultKind::DropBeforeCommit {} => {
                self.app.count_request(self.route);
                Cut.into_response()
            }
            FaultKind::DropAfterCommit {} => {
                self.run(request).await;
                Cut.into_response()
            }
            FaultKind::CutBody {} => cut_in_the_middle(self.run(request).await).await,
            FaultKind::Answer {
                status,
                retry_after,
                content_type,
                body,
                processed,
            } => {
                if processed {
                    self.run(request).await;
                } else {
                    self.app.count_request(self.route);
                }
                answer(status, retry_after, content_type, body)
            }
            FaultKind::Field { name, value } => replace_field(self.run(request).await, name, value).await,
            FaultKind::Header { name, value } => replace_header(self.run(request).await, &name, value),
            FaultKind::Redirect { status, location } => {
                self.app.count_request(self.route);
                let mut response = answer(status, None, None, String::new());
                if let Ok(location) = HeaderValue::from_str(&location) {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                response
            }
            FaultKind::EndlessBody {} => {
                self.app.count_request(self.route);
                endless()
            }
            FaultKind::Duplicate { when } => self.twice(request, when).await,
            FaultKind::Postpone {} => self.postpone(request).await,
        }
    }

    async fn twice(self, request: Request, when: Second) -> Response {
        let Ok((first, copy)) = self.copy(request).await else {
            return Problem::BODY_TOO_LARGE.into_response();
        };
        match when {
            Second::AtOnce => {
                let response = self.run(first).await;
                copy().await;
                response
            }
            Second::WhenTold => {
                self.app.control.keep_copy(copy);
                self.run(first).await
            }
        }
    }

    async fn postpone(self, request: Request) -> Response {
        match self.copy(request).await {
            Ok((_, copy)) => self.app.control.keep_copy(copy),
            Err(_) => return Problem::BODY_TOO_LARGE.into_response(),
        }
        Cut.into_response()
    }

    /// The request itself, and a copy that can be processed at any time.
    async fn copy(&self, request: Request) -> Result<(Request, Copy), axum::Error> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BUFFERED).await?;
        let second = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
        let (app, route, next) = (self.app.clone(), self.route, self.next.clone());
        let copy: Copy = Box::new(move || {
            Box::pin(async move {
                app.count_request(route);
                next.run(second).await.status()
            })
        });
        Ok((Request::from_parts(parts, Body::from(bytes)), copy))
    }
}

/// No answer of this backend is larger.
const MAX_BUFFERED: usize = 8 << 20;

fn answer(status: u16, retry_after: Option<u64>, content_type: Option<String>, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    // Validated when the fault was armed; the fallbacks are never met.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = content_type.and_then(|value| HeaderValue::from_str(&value).ok());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        content_type.unwrap_or(HeaderValue::from_static("application/json")),
    );
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Announces the whole body, sends half of it and lets the connection end.
async fn cut_in_the_middle(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BUFFERED).await else {
        return Cut.into_response();
    };
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let sent = stream::once(async move { Ok(half) });
    // The pause lets the first half reach the socket; an error at once would take it along.
    let cut = stream::once(async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    });
    Response::from_parts(parts, Body::from_stream(sent.chain(cut)))
}

async fn replace_field(response: Response, name: String, value: Value) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BUFFERED).await else {
        return Cut.into_response();
    };
    let Ok(Value::Object(mut object)) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    if value.is_null() {
        object.remove(&name);
    } else {
        object.insert(name, value);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(object).to_string()))
}

fn replace_header(mut response: Response, name: &str, value: Option<String>) -> Response {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return response;
    };
    match value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        Some(value) => {
            response.headers_mut().insert(name, value);
        }
        None if name == header::DATE => {
            response.extensions_mut().insert(crate::server::NoDate);
        }
        None => {
            response.headers_mut().remove(name);
        }
    }
    response
}

/// Ends only when the client leaves: the socket's back-pressure paces it.
fn endless() -> Response {
    let start = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{\"access_token\":\"")) });
    let filler = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 16 * 1024])));
    let mut response = Response::new(Body::from_stream(start.chain(filler)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
