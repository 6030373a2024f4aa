use std::time::Duration;

use tokencast::state::SessionEvent;
use tokencast_testkit::{Recorder, Rig};

/// 1 the token has expired and the server holds its answer; 2 the only caller asks and goes away; 3 the server
/// lets go; 4 the new token arrives all the same, saved.
#[tokio::test]
async fn a_caller_that_goes_away_only_stops_waiting() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let recorder = Recorder::on(&session);
    rig.server.release();
    recorder
        .until(|events| {
            events.iter().any(
                |event| matches!(event, SessionEvent::AccessTokenChanged(t) if t.generation().number == 2),
            )
        })
        .await;
    assert!(session.current_token().unwrap().life() > Duration::ZERO);
    assert_eq!(rig.server.stats().exchanges, 1);
}
