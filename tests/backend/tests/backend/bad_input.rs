//! Whatever comes in, a JSON error with a stable code goes out, and the server lives on.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::support::{Answer, Client, form_request, raw, start};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_bad_body_is_told_by_a_stable_code() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    let huge = format!("username=ada&password={}", "x".repeat(1 << 20));
    let huge_token = format!("grant_type=refresh_token&refresh_token={}", "x".repeat(1 << 20));
    let deep = "[".repeat(100_000);
    let refresh = |rest: &str| format!("grant_type=refresh_token&{rest}");
    let cases = [
        ("/auth/login", "", "", (415, "unsupported_media_type")),
        (
            "/auth/login",
            "application/json",
            r#"{"username":"ada"}"#,
            (415, "unsupported_media_type"),
        ),
        (
            "/auth/login",
            "multipart/form-data",
            "x",
            (415, "unsupported_media_type"),
        ),
        ("/auth/login", FORM, "", (400, "invalid_request")),
        ("/auth/login", FORM, "username=ada", (400, "invalid_request")),
        (
            "/auth/login",
            FORM,
            "username=&password=x",
            (400, "invalid_request"),
        ),
        (
            "/auth/login",
            FORM,
            "username=a&username=b&password=x",
            (400, "invalid_request"),
        ),
        (
            "/auth/login",
            FORM,
            "username=ada%00&password=x",
            (400, "invalid_request"),
        ),
        (
            "/auth/login",
            FORM,
            "username=ada&password=%ff%fe",
            (400, "invalid_request"),
        ),
        (
            "/auth/login",
            FORM,
            "username=ada&password=%zz",
            (401, "invalid_credentials"),
        ),
        ("/auth/login", FORM, "&&&===%", (400, "invalid_request")),
        ("/auth/login", FORM, &huge, (413, "body_too_large")),
        (
            "/auth/refresh",
            "application/json",
            "{}",
            (415, "unsupported_media_type"),
        ),
        ("/auth/refresh", FORM, "refresh_token=x", (400, "invalid_request")),
        (
            "/auth/refresh",
            FORM,
            "grant_type=password&refresh_token=x",
            (400, "unsupported_grant_type"),
        ),
        (
            "/auth/refresh",
            FORM,
            &refresh("refresh_token="),
            (400, "invalid_request"),
        ),
        (
            "/auth/refresh",
            FORM,
            &refresh("refresh_token=a%00b"),
            (400, "invalid_request"),
        ),
        (
            "/auth/refresh",
            FORM,
            &refresh("refresh_token=a&refresh_token=b"),
            (400, "invalid_request"),
        ),
        (
            "/auth/refresh",
            FORM,
            &refresh("refresh_token=unknown"),
            (401, "invalid_token"),
        ),
        (
            "/auth/refresh",
            FORM,
            &refresh("refresh_token='%20OR%201=1--"),
            (401, "invalid_token"),
        ),
        ("/auth/refresh", FORM, &huge_token, (413, "body_too_large")),
        (
            "/auth/refresh",
            "Application/X-WWW-Form-URLencoded; charset=utf-8",
            "",
            (400, "invalid_request"),
        ),
        ("/auth/logout", FORM, "", (400, "invalid_request")),
        ("/auth/logout", FORM, "token=%00", (400, "invalid_request")),
        ("/api/notes", FORM, "text=x", (415, "unsupported_media_type")),
        ("/api/notes", "application/json", "", (400, "invalid_json")),
        (
            "/api/notes",
            "application/json",
            "{\"text\":",
            (400, "invalid_json"),
        ),
        (
            "/api/notes",
            "application/json",
            r#"{"text":7}"#,
            (400, "invalid_json"),
        ),
        (
            "/api/notes",
            "application/json",
            r#"{"text":"a","more":1}"#,
            (400, "invalid_json"),
        ),
        (
            "/api/notes",
            "application/json",
            r#"{"text":"\u0000"}"#,
            (400, "invalid_request"),
        ),
        ("/api/notes", "application/json", &deep, (413, "body_too_large")),
        (
            "/api/notes",
            "application/json",
            &deep[..5_000],
            (400, "invalid_json"),
        ),
        ("/test/clock", "application/json", "1e999", (400, "invalid_json")),
        (
            "/test/faults",
            "text/plain",
            "{}",
            (415, "unsupported_media_type"),
        ),
    ];
    for (path, content_type, body, expected) in cases {
        let mut request = client
            .http
            .post(format!("{}{path}", client.url))
            .body(body.to_owned());
        if !content_type.is_empty() {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let answer = Answer::of(
            request
                .header(AUTHORIZATION, format!("Bearer {}", tokens.access))
                .send()
                .await
                .unwrap(),
        )
        .await;
        let case = &body[..body.len().min(60)];
        assert_eq!(answer.error(), expected, "{path} {content_type} {case}");
        assert!(answer.json["error_description"].is_string(), "{path} {case}");
        assert!(answer.header("content-type").starts_with("application/json"));
    }
    assert_eq!(backend.stats().exchanges, 0);
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.status,
        200,
        "nothing was lost"
    );
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused_before_anything_happens() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    let long = "k".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let answer = client.refresh(&tokens.refresh, Some(key)).await;
        assert_eq!(answer.error(), (400, "invalid_request"));
    }
    let twice = client
        .http
        .post(format!("{}/auth/refresh", client.url))
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
        ]);
    assert_eq!(
        Answer::of(twice.send().await.unwrap()).await.error(),
        (400, "invalid_request")
    );
    assert_eq!(backend.stats().exchanges, 0);
    assert_eq!(client.refresh(&tokens.refresh, Some("good")).await.status, 200);
}

#[tokio::test]
async fn a_bad_authorization_header_is_a_401_and_nothing_worse() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    let cases: Vec<Vec<u8>> = vec![
        b"Bearer".to_vec(),
        b"Bearer ".to_vec(),
        b"Bearer a.b.c".to_vec(),
        b"Bearer \xff\xfe".to_vec(),
        format!("Bearer {}x", tokens.access).into_bytes(),
        format!("Bearer {}", "x".repeat(60_000)).into_bytes(),
        format!("Bearer {}", "e30.".repeat(10_000)).into_bytes(),
    ];
    for header in cases {
        let header = reqwest::header::HeaderValue::from_bytes(&header).unwrap();
        let request = client
            .http
            .get(format!("{}/api/me", client.url))
            .header(AUTHORIZATION, header);
        assert_eq!(
            Answer::of(request.send().await.unwrap()).await.error(),
            (401, "invalid_token")
        );
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_json_too() {
    let backend = start().await;
    let client = Client::of(&backend);
    assert_eq!(client.get("/nothing/here", "").await.error(), (404, "not_found"));
    assert_eq!(
        client.get("/auth/../../etc/passwd", "").await.error(),
        (404, "not_found")
    );
    let wrong = client.get("/auth/login", "").await;
    assert_eq!(wrong.error(), (405, "method_not_allowed"));
    assert_eq!(wrong.header("allow"), "POST");
    // A token in the address is no refresh request.
    let query = client
        .get("/auth/refresh?grant_type=refresh_token&refresh_token=x", "")
        .await;
    assert_eq!(query.error(), (405, "method_not_allowed"));
}

#[tokio::test]
async fn what_is_no_http_is_closed_and_the_server_lives_on() {
    let backend = start().await;
    let long_header = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let two_lengths = String::from_utf8(form_request("/auth/login", "x")).unwrap();
    let two_lengths = two_lengths.replace("\r\n\r\n", "\r\ncontent-length: 7\r\n\r\n");
    for bytes in [
        b"\0\0\0\0\r\n\r\n",
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n"[..],
        b"GET\r\n\r\n",
    ] {
        let answer = raw(&backend, bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
            "{answer:?}"
        );
    }
    for bytes in [long_header, two_lengths] {
        let answer = raw(&backend, bytes.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    }
    assert_eq!(Client::of(&backend).login("ada", "lovelace").await.status, 200);
}

#[tokio::test]
async fn a_request_that_breaks_off_changes_nothing() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    let whole = form_request(
        "/auth/refresh",
        &format!("grant_type=refresh_token&refresh_token={}", tokens.refresh),
    );
    {
        use tokio::io::AsyncWriteExt as _;
        let address = backend.url().strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(&whole[..whole.len() - 1]).await.unwrap();
        stream.shutdown().await.unwrap();
    }
    assert_eq!(client.refresh(&tokens.refresh, None).await.status, 200);
    assert_eq!(backend.stats().exchanges, 1);
}
