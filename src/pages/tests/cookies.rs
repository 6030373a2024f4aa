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

/// 1. The app comes back with a token that has ended: the view waits for one exchange and the written cookie.
/// 2. With a token that lives, it does not wait; with a server that hangs, five seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_resume_the_view_waits_until_its_token_is_renewed() {
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
    pages.ready(page.id).await;
    assert_eq!(server.exchanges(), 0);
    clock.advance(Duration::from_secs(600));
    session.notify(crate::state::Notice::Foreground);
    let (waits, id) = (pages.clone(), page.id);
    let shown = tokio::spawn(async move { waits.ready(id).await });
    let Action::SetCookie { op, cookie, .. } = page.next().await else {
        panic!("a cookie is to be written");
    };
    assert_eq!(cookie.expose(), "s3cr3t-at-1");
    assert!(!shown.is_finished(), "the cookie is not confirmed");
    pages.cookie_done(op, true);
    shown.await.unwrap();
    assert_eq!(server.exchanges(), 1);

    server.hold.send_replace(true);
    clock.advance(Duration::from_secs(600));
    let waits = pages.clone();
    let shown = tokio::spawn(async move { waits.ready(id).await });
    eventually("five seconds are over", || {
        clock.advance(Duration::from_secs(1));
        shown.is_finished()
    })
    .await;
    assert!(
        page.later.try_recv().is_err(),
        "a host is not told to release what it does not hold"
    );
    server.hold.send_replace(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_page_that_is_gone_or_for_nobody_s_session() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let page = Rendered::attach(&pages);
    // Its cookie is not written; the page goes.
    let (waits, id) = (pages.clone(), page.id);
    let shown = tokio::spawn(async move { waits.ready(id).await });
    eventually("the page is waited for", || !pages.0.shown().is_empty()).await;
    let _ = pages.detach(page.id);
    shown.await.unwrap();
    pages.ready(page.id).await;
    session.sign_out().await.unwrap();
    let page = Page::attach(&pages);
    pages.ready(page.id).await;
    assert!(pages.0.shown().is_empty());
}

/// 1. The start finds nobody signed in: what an earlier run left in the jar is deleted.
/// 2. A sign-out: the deletion is the first thing that the host hears of, before any document's `ended`.
/// 3. A request that comes right after it waits until the cookie is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_are_swept_at_the_start_and_deleted_before_the_end_is_told() {
    let server = Server::new();
    let session = session(&server);
    let pages = session.web_views();
    let mut page = Rendered::attach(&pages);
    let Action::DeleteCookie { op, origin, name, .. } = page.next().await else {
        panic!("the jar is swept");
    };
    assert_eq!((origin.to_string().as_str(), name.as_str()), (APP, "__Host-at"));
    pages.cookie_done(op, true);
    session
        .sign_in(Credentials::password("ada", "passw0rd"))
        .await
        .unwrap();
    assert_eq!(page.write().await, "s3cr3t-at-0");
    let hello = json!({"v":1, "k":"hello", "id":1, "min":1, "max":1, "doc":"d", "have":null});
    let answers = pages.on_message(page.id, &Sender::main_frame(APP), &hello.to_string(), Slot(1));
    assert_eq!(answers.len(), 1);
    session.sign_out().await.unwrap();
    let Action::DeleteCookie { op: deletion, .. } = page.next().await else {
        panic!("the cookie goes first");
    };
    let Action::Notify { payload, .. } = page.next().await else {
        panic!("then the document hears of the end");
    };
    assert_eq!(payload.kind(), "ended");
    let DocumentRequest::Hold { op } = pages.on_document_request(page.id, URL, "GET") else {
        panic!("the old cookie still stands there");
    };
    pages.cookie_done(deletion, true);
    assert_eq!(page.next().await, Action::Release { op });
}
