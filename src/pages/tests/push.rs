//! A page that only its host speaks for.

use super::*;

/// 1. A document is committed: nothing is pushed before the host has looked at it.
/// 2. Its script does not arrive, as no client is there yet; it goes again when the host looks once more.
/// 3. The host sees a 401: one exchange, and the new token is pushed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_cannot_ask_is_served_through_its_host() {
    let server = Server::new();
    let session = signed_in(&server).await;
    let pages = session.web_views();
    let (sender, mut later) = mpsc::unbounded_channel();
    let policy = PagePolicy::new([APP]).unwrap().guarded_push();
    let page = pages.attach(policy, Arc::new(Host(sender))).unwrap();
    let own = DocumentOrigin::Isolated(APP.into());
    let holds = |actions: &[Action], token: &str| match actions {
        [Action::Push { script, .. }] => script.expose().contains(token),
        other => panic!("{other:?}"),
    };
    assert_eq!(pages.on_committed(page, "https://app.example.com/a", "GET"), []);
    let sandboxed = DocumentOrigin::Isolated("null".into());
    assert_eq!(pages.on_document_origin(page, &sandboxed), []);
    assert!(holds(&pages.on_document_origin(page, &own), "s3cr3t-at-0"));
    pages.push_done(page, Pushed::NoClient);
    assert!(holds(&pages.on_document_origin(page, &own), "s3cr3t-at-0"));
    pages.push_done(page, Pushed::Taken);
    assert_eq!(pages.on_rejected(page), []);
    let pushed = tokio::time::timeout(PATIENCE, later.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(holds(&[pushed], "s3cr3t-at-1"));
    assert_eq!(server.exchanges(), 1);
}
