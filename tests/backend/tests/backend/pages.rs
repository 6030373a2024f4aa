//! Pages that the server renders for the access token in a cookie.

use reqwest::header::{COOKIE, LOCATION};
use reqwest::{Method, Response};
use tokencast_backend::{Config, ReceivedForm, RunningBackend, Tls};

use crate::support::{Client, MINUTE, start, start_with};

/// Longer than an access token lives.
const PAST_THE_END: std::time::Duration = MINUTE.saturating_mul(16);

struct Visit {
    status: u16,
    location: String,
    text: String,
}

impl Visit {
    async fn of(answer: Response) -> Self {
        let header = |name| {
            answer
                .headers()
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
        };
        assert_eq!(header("cache-control"), "no-store");
        let vary = answer.headers().get_all("vary").iter();
        assert!(
            vary.map(|value| value.to_str().unwrap())
                .any(|value| value == "Cookie")
        );
        Self {
            status: answer.status().as_u16(),
            location: header(LOCATION.as_str()).to_owned(),
            text: answer.text().await.unwrap(),
        }
    }

    /// What another form of this page would say of where it comes from.
    fn csrf(&self) -> &str {
        let (_, rest) = self.text.split_once(r#"name="csrf" value=""#).unwrap();
        rest.split_once('"').unwrap().0
    }
}

async fn visit(client: &Client, path: &str, cookie: &str) -> Visit {
    let request = client
        .http
        .get(format!("{}{path}", client.url))
        .header(COOKIE, cookie);
    Visit::of(request.send().await.unwrap()).await
}

async fn submit(client: &Client, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Visit {
    let request = client
        .http
        .post(format!("{}{path}", client.url))
        .header(COOKIE, cookie);
    Visit::of(request.form(fields).send().await.unwrap()).await
}

async fn signed_in() -> (RunningBackend, Client, String) {
    let backend = start().await;
    let client = Client::of(&backend);
    let cookie = format!("at={}", client.sign_in().await.access);
    (backend, client, cookie)
}

#[tokio::test]
async fn a_page_names_its_visitor_and_holds_no_token() {
    let (backend, client, cookie) = signed_in().await;
    for path in ["/app", "/app/next", "/app/search?q=%3Cb%3E"] {
        let page = visit(&client, path, &cookie).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("Signed in as ada."), "{path}");
        assert!(!page.text.contains(cookie.strip_prefix("at=").unwrap()), "{path}");
        assert!(!page.text.contains("<b>"), "{path}");
    }
    let round = visit(&client, "/app/redirect", &cookie).await;
    assert_eq!((round.status, round.location.as_str()), (302, "/app"));
    let form = visit(&client, "/app/notes", &cookie).await;
    assert_eq!((form.status, form.location.as_str()), (302, "/app"));
    assert_eq!(backend.stats().documents, 3);
    assert_eq!(backend.stats().documents_refused, 0);
}

#[tokio::test]
async fn without_a_good_token_a_page_looks_empty_and_leads_nowhere() {
    let (backend, client, cookie) = signed_in().await;
    backend.advance_clock(PAST_THE_END);
    for cookie in [cookie.as_str(), "at=forged", "at=", "x=y"] {
        let page = visit(&client, "/app", cookie).await;
        assert_eq!((page.status, page.location.as_str()), (401, ""));
        assert!(!page.text.contains("ada"));
        assert!(page.text.contains("visibility: hidden"));
    }
    assert_eq!(backend.stats().documents_refused, 4);
}

#[tokio::test]
async fn a_form_is_taken_once_and_leads_on() {
    let (backend, client, cookie) = signed_in().await;
    let home = visit(&client, "/app", &cookie).await;
    let fields = [("text", "one <b>"), ("csrf", home.csrf())];
    let taken = submit(&client, "/app/notes", &cookie, &fields).await;
    assert_eq!((taken.status, taken.location.as_str()), (303, "/app"));
    assert!(
        visit(&client, "/app", &cookie)
            .await
            .text
            .contains("<li>one &lt;b&gt;</li>")
    );
    assert_eq!(backend.stats().notes, 1);
}

/// 1. The token ends while the form is filled in: the form is sent back, and nothing has happened.
/// 2. It comes again with a good token, and the same CSRF token as before.
/// 3. It comes again with a bad one: that is the end of it.
#[tokio::test]
async fn a_form_with_an_expired_token_is_sent_back_once() {
    let (backend, client, cookie) = signed_in().await;
    let home = visit(&client, "/app", &cookie).await;
    let fields = [("text", "one"), ("csrf", home.csrf())];
    backend.advance_clock(PAST_THE_END);
    let back = submit(&client, "/app/notes", &cookie, &fields).await;
    assert_eq!(
        (back.status, back.location.as_str()),
        (307, "/app/notes?retried=1")
    );
    assert_eq!(backend.stats().notes, 0);

    let renewed = format!("at={}", client.sign_in().await.access);
    assert_eq!(
        submit(&client, &back.location, &renewed, &fields).await.status,
        303
    );
    assert_eq!(backend.stats().notes, 1);

    assert_eq!(
        submit(&client, &back.location, &cookie, &fields).await.status,
        401
    );
    let received = |status| ReceivedForm {
        text: "one".into(),
        status,
    };
    assert_eq!(
        backend.received_forms(),
        [received(307), received(303), received(401)]
    );
    assert_eq!((backend.stats().notes, backend.stats().forms_sent_back), (1, 1));
}

#[tokio::test]
async fn a_form_of_nobody_is_not_sent_back() {
    let (backend, client, _) = signed_in().await;
    assert_eq!(
        submit(&client, "/app/notes", "", &[("text", "x")]).await.status,
        401
    );
    assert_eq!(backend.stats().notes, 0);
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let (backend, client, cookie) = signed_in().await;
    backend.create_user("eve", "sdropper").await.unwrap();
    let eve = client.login("eve", "sdropper").await.tokens();
    let hers = visit(&client, "/app", &format!("at={}", eve.access)).await;
    for csrf in ["", "guess", hers.csrf()] {
        let fields = [("text", "evil"), ("csrf", csrf)];
        assert_eq!(submit(&client, "/app/notes", &cookie, &fields).await.status, 403);
    }
    assert_eq!(
        submit(&client, "/app/notes", &cookie, &[("text", "evil")])
            .await
            .status,
        403
    );
    assert_eq!(backend.stats().notes, 0);
}

#[tokio::test]
async fn under_tls_the_cookie_has_the_prefix_that_binds_it_to_its_host() {
    let backend = start_with(Config {
        tls: Tls::TestAuthority,
        ..Config::for_tests()
    })
    .await;
    let client = crate::tls::trusting(&backend);
    let token = client.sign_in().await.access;
    assert_eq!(
        visit(&client, "/app", &format!("__Host-at={token}")).await.status,
        200
    );
    assert_eq!(visit(&client, "/app", &format!("at={token}")).await.status, 401);
}

#[tokio::test]
async fn another_method_is_told_so() {
    let (_backend, client, cookie) = signed_in().await;
    for (method, path) in [(Method::POST, "/app"), (Method::PUT, "/app/notes")] {
        let request = client.http.request(method, format!("{}{path}", client.url));
        let answer = request.header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
    }
}
