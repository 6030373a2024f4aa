//! `/app`: pages that the server renders for whoever comes with the access token in a cookie. The refusals are part of
//! the contract in docs/guides/server-rendered-pages.md: a page that looks empty, and a form that is sent back once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::body::Form;
use super::cookies::cookies;
use crate::app::App;
use crate::config::Tls;
use crate::problem::Problem;
use crate::secret::{mark, same};
use crate::store::{StoreError, UserId};

/// How these pages know their visitors.
pub(crate) struct RenderedPages {
    cookie: &'static str,
    csrf: hmac::Key,
}

impl RenderedPages {
    /// `__Host-` binds the cookie to this host and to https (RFC 6265bis §4.1.3.2); on plain http no browser takes such a one.
    pub(crate) fn new(tls: Tls, key: &[u8]) -> Self {
        Self {
            cookie: match tls {
                Tls::Off => "at",
                Tls::TestAuthority | Tls::WrongName => "__Host-at",
            },
            csrf: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// What every form of this user says again: another site cannot read it. It must outlive the access token, which
    /// may be renewed while the form is filled in, so it is bound to the user and not to that.
    fn csrf_token(&self, user: &UserId) -> String {
        let tag = hmac::sign(&self.csrf, format!("csrf of {}", user.0).as_bytes());
        format!("{}{}", mark(), URL_SAFE_NO_PAD.encode(tag))
    }
}

/// The first page: a greeting, the user's notes, a link, and two forms.
pub(crate) async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let Ok(visitor) = Visitor::of(&app, &headers).await? else {
        return Ok(refused(&app));
    };
    let notes = app.store.notes(&visitor.user).await;
    let notes = notes.map_err(|error| internal(&error))?;
    let notes: String = notes
        .into_iter()
        .map(|(_, text)| format!("<li>{}</li>", escaped(&text)))
        .collect();
    let csrf = app.pages.csrf_token(&visitor.user);
    let body = format!(
        r#"<nav><a id="next" href="/app/next">Next</a> <a id="redirect" href="/app/redirect">Round about</a></nav>
<form id="search" action="/app/search"><input name="q"><button>Search</button></form>
<form id="note" method="post" action="/app/notes"><input type="hidden" name="csrf" value="{csrf}"><input name="text"><button>Add</button></form>
<ul>{notes}</ul>"#
    );
    Ok(page(&app, "Home", &visitor, &body))
}

/// Another page.
pub(crate) async fn next(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let Ok(visitor) = Visitor::of(&app, &headers).await? else {
        return Ok(refused(&app));
    };
    let body = r#"<nav><a id="home" href="/app">Home</a></nav>"#;
    Ok(page(&app, "Next", &visitor, body))
}

/// Where a form goes by GET.
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Ok(visitor) = Visitor::of(&app, &headers).await? else {
        return Ok(refused(&app));
    };
    let asked = Form::of_query(uri.query().unwrap_or_default()).take_optional("q")?;
    let body = format!(
        r#"<p>Nothing is known of “{}”.</p><nav><a id="home" href="/app">Home</a></nav>"#,
        escaped(&asked.unwrap_or_default())
    );
    Ok(page(&app, "Search", &visitor, &body))
}

/// Where a form goes by POST: a side effect that must happen once. The answer leads on to the first page, so that
/// nobody submits it again by loading it again.
pub(crate) async fn add_note(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    mut form: Form,
) -> Result<Response, Problem> {
    let text = form.take("text")?;
    let answer = match Visitor::of(&app, &headers).await? {
        Ok(visitor) => {
            let csrf = form.take_optional("csrf")?.unwrap_or_default();
            if same(&csrf, &app.pages.csrf_token(&visitor.user)) {
                let added = app.store.add_note(&visitor.user, &text).await;
                added.map_err(|error| internal(&error))?;
                app.control.counters.notes.add();
                to(StatusCode::SEE_OTHER, "/app")
            } else {
                tracing::info!(target: "audit", "csrf mismatch");
                html(
                    StatusCode::FORBIDDEN,
                    format!("{HEAD}<title>Refused</title>\n<p>This form is not of this site.</p>\n"),
                )
            }
        }
        // Nothing has happened: the same body may come once more.
        Err(Stranger::WithCookie) if !was_sent_back(&uri) => {
            app.control.counters.forms_sent_back.add();
            to(StatusCode::TEMPORARY_REDIRECT, &sent_back(&uri))
        }
        Err(_) => refused(&app),
    };
    if app.test_faults {
        app.control.form_received(text, answer.status().as_u16());
    }
    Ok(answer)
}

/// Leads on to the first page, whoever asks. For the address of a form too: whoever loads that by GET was answered
/// there, and is not to see that this is no way to ask.
pub(crate) async fn to_home() -> Response {
    to(StatusCode::FOUND, "/app")
}

/// Somebody with a good access token in the cookie.
struct Visitor {
    user: UserId,
    name: String,
}

/// Anybody else.
enum Stranger {
    /// With a token that is not accepted: expired, as a rule.
    WithCookie,
    WithoutCookie,
}

impl Visitor {
    async fn of(app: &App, headers: &HeaderMap) -> Result<Result<Self, Stranger>, Problem> {
        let cookies = cookies(headers);
        let Some(token) = cookies.value(app.pages.cookie).filter(|token| !token.is_empty()) else {
            return Ok(Err(Stranger::WithoutCookie));
        };
        let claims = app
            .access
            .check(token, app.clock.now())
            .filter(|claims| !app.control.was_ended(&claims.instance()));
        let Some(claims) = claims else {
            return Ok(Err(Stranger::WithCookie));
        };
        let user = UserId(claims.sub);
        let name = app.store.user_name(&user).await;
        let name = name.map_err(|error| internal(&error))?;
        Ok(name.map(|name| Self { user, name }).ok_or(Stranger::WithCookie))
    }
}

const SENT_BACK: &str = "retried=1";

fn was_sent_back(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair == SENT_BACK)
}

/// The same address with the marker, which makes a second refusal final.
fn sent_back(uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{}?{query}&{SENT_BACK}", uri.path()),
        None => format!("{}?{SENT_BACK}", uri.path()),
    }
}

fn page(app: &App, title: &str, visitor: &Visitor, body: &str) -> Response {
    app.control.counters.documents.add();
    let name = escaped(&visitor.name);
    let text = format!("{HEAD}<title>{title}</title>\n<h1>{title}</h1><p>Signed in as {name}.</p>\n{body}\n");
    html(StatusCode::OK, text)
}

/// Looks empty: whoever sees it for a moment sees nothing flash. The app's client loads it again when the cookie is
/// good; where there is none, a sentence shows up after a while. Never a redirect to a sign-in: the app has that.
fn refused(app: &App) -> Response {
    app.control.counters.documents_refused.add();
    let mut answer = html(StatusCode::UNAUTHORIZED, format!("{HEAD}{REFUSED}"));
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    answer
}

const CHALLENGE: &str = r#"Bearer realm="app", error="invalid_token""#;
const HEAD: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">"#;
const REFUSED: &str = r#"<title></title>
<style>p { visibility: hidden; animation: late 0s 10s forwards } @keyframes late { to { visibility: visible } }</style>
<p id="refused">Your session could not be renewed. <a href="">Try again</a></p>
"#;
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; \
    frame-ancestors 'self'; base-uri 'none'";

fn html(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    nowhere_kept((status, headers, text).into_response())
}

fn to(status: StatusCode, place: &str) -> Response {
    // A path of this server's own, or the request's, which was a header's value before.
    nowhere_kept((status, [(header::LOCATION, place)]).into_response())
}

/// An answer for one user and one token must not be another's, nor the next one's.
fn nowhere_kept(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie"));
    answer
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn internal(error: &StoreError) -> Problem {
    tracing::error!(%error);
    Problem::INTERNAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_added_to_the_same_address() {
        let back = |uri: &'static str| sent_back(&Uri::from_static(uri));
        assert_eq!(back("/app/notes"), "/app/notes?retried=1");
        assert_eq!(back("/app/notes?a=b"), "/app/notes?a=b&retried=1");
        assert!(was_sent_back(&Uri::from_static("/app/notes?a=b&retried=1")));
        assert!(!was_sent_back(&Uri::from_static("/app/notes?retried=10")));
    }

    #[test]
    fn no_text_of_a_user_is_markup() {
        assert_eq!(
            escaped(r#"<b a="x" b='y'>&"#),
            "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;"
        );
    }
}
