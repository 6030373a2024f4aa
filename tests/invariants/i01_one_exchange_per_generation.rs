use tokencast::registry::Registry;

use crate::support::Rig;

/// 1 a session signs in and its token expires; 2 the server is told to hold its answer; 3 10,000 callers on four
/// threads ask for a token; 4 when every one of them has asked, the server lets go; 5 all have the same token,
/// and the server counted one exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_callers_cause_one_exchange() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();

    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let (session, asked) = (session.clone(), asked.clone());
            tokio::spawn(async move {
                asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                session.access_token().await.expect("a token").generation()
            })
        })
        .collect();
    rig.server.wait_until_held(1).await;
    crate::support::eventually("every caller has asked", || {
        asked.load(std::sync::atomic::Ordering::SeqCst) == 10_000
    })
    .await;
    rig.server.release();

    for caller in callers {
        assert_eq!(caller.await.unwrap().number, 2);
    }
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.refresh_requests), (1, 1));
}

/// Two objects on one entry with one registry are one session: they share memory and the flight.
#[tokio::test]
async fn two_objects_on_one_entry_are_one_session() {
    let rig = Rig::new().await;
    let registry = Registry::default();
    let one = rig.process().registry(registry.clone()).build().unwrap();
    let two = rig.process().registry(registry).build().unwrap();
    one.sign_in(crate::support::ada()).await.unwrap();
    assert_eq!(two.current_token(), one.current_token());
    rig.expire();
    let (a, b) = tokio::join!(one.access_token(), two.access_token());
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// 1 two processes share an entry; 2 both hold the same expired token; 3 both refresh at once; 4 the second one
/// finds the flight lock held, waits, reads again and adopts: nobody presents a spent token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_entry_take_turns() {
    let rig = Rig::new().await;
    let one = rig.process().persist_access_token().build().unwrap();
    one.sign_in(crate::support::ada()).await.unwrap();
    let two = rig.process().persist_access_token().build().unwrap();
    two.restored().await;
    for round in 1..=20 {
        rig.expire();
        let (a, b) = tokio::join!(one.access_token(), two.access_token());
        assert!(rig.accepts(a.unwrap().secret()).await && rig.accepts(b.unwrap().secret()).await);
        assert_eq!(rig.server.stats().exchanges, round, "one exchange a round");
    }
    assert_eq!(rig.server.stats().reuse_detected, 0);
}
