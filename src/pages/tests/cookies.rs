//! Held document requests over a real session.

use super::*;

const URL: &str = "https://app.example.com/orders";

struct Rendered {
    pages: Pages,
    id: PageId,
    later: mpsc::UnboundedReceiver<Action>,
}

impl Rendered {
    fn attach(pages: &Pages) -> Self {
        let (sender, later) = mpsc::unbounded_channel();
        let policy = PagePolicy::new([APP])
            .unwrap()
            .cookie(Jar(1), "__Host-at")
            .unwrap();
        Self {
            id: pages.attach(policy, Arc::new(Host(sender))).unwrap(),
            pages: pages.clone(),
            later,
        }
    }

    async fn next(&mut self) -> Action {
        let next = tokio::time::timeout(PATIENCE, self.later.recv()).await;
        next.expect("there is something to do").expect("its host is kept")
    }

    /// Writes the next cookie; its value.
    async fn write(&mut self) -> String {
        let Action::SetCookie { op, cookie, .. } = self.next().await else {
            panic!("a cookie is to be written");
        };
        self.pages.cookie_done(op, true);
        cookie.expose().to_owned()
    }
}

/// 1. The cookie is written when the page is attached, and requests go.
/// 2. The token is about to end: a request waits for one exchange and for the new cookie.
/// 3. A sign-out deletes the cookie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_request_waits_for_one_exchange_and_its_cookie() {
    let server = Server::new();
    let clock = Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000))));
    let session = build(&server, clock.clone());
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    let pages = session.web_views();
    let mut page = Rendered::attach(&pages);
    assert_eq!(page.write().await, "s3cr3t-at-0");
    assert_eq!(
        pages.on_document_request(page.id, URL, "GET"),
        DocumentRequest::Go
    );
    clock.advance(Duration::from_secs(571));
    let DocumentRequest::Hold { op } = pages.on_document_request(page.id, URL, "POST") else {
        panic!("it waits");
    };
    assert_eq!(page.write().await, "s3cr3t-at-1");
    assert_eq!(page.next().await, Action::Release { op });
    assert_eq!(server.exchanges(), 1);
    session.sign_out().await.unwrap();
    assert!(matches!(page.next().await, Action::DeleteCookie { .. }));
}

/// The server does not answer: the request goes all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_request_does_not_wait_for_a_server_that_hangs() {
    let server = Server::new();
    let clock = Arc::new(HandClock(watch::Sender::new(Duration::from_secs(1000))));
    let session = build(&server, clock.clone());
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    let pages = session.web_views();
    let mut page = Rendered::attach(&pages);
    page.write().await;
    server.hold.send_replace(true);
    clock.advance(Duration::from_secs(571));
    let DocumentRequest::Hold { op } = pages.on_document_request(page.id, URL, "GET") else {
        panic!("it waits");
    };
    // Time stands still until the request's own timer is set: it is there when the clock is moved far enough.
    let released = loop {
        clock.advance(Duration::from_secs(1));
        if let Ok(action) = tokio::time::timeout(Duration::from_millis(10), page.later.recv()).await {
            break action.unwrap();
        }
    };
    assert_eq!(released, Action::Release { op });
    assert_eq!(server.exchanges(), 1);
    server.hold.send_replace(false);
}
