use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokencast::error::{EndReason, SessionError};
use tokencast::session::AuthSession;
use tokencast::state::SessionEvent;

use tokencast_testkit::{
    FaultStorage, Recorder, Rig, Step, ada, asks, eventually, put, renewed_elsewhere, snapshot, stored,
};

/// 1 the token has expired; 2 the exchange is made, and the write of its result hangs in the storage; 3 as long as
/// it does, memory serves nothing new, no caller is answered and nobody is told; 4 the write lands; 5 the caller
/// has the token, then the listener.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_served_or_told_before_it_is_saved() {
    let rig = Rig::new().await;
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig.process().storage(storage.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    let recorder = Recorder::on(&session);
    // The intent lands, the commit hangs.
    storage.next_writes([Step::Ok, Step::Hang]);
    let caller = asks(&session);
    eventually("the commit at the storage", || storage.hanging() == 1).await;

    assert_eq!(rig.server.stats().exchanges, 1, "the exchange was made");
    assert_eq!(session.current_token(), None);
    assert_eq!(session.generation().number, 1);
    assert!(!caller.is_finished());
    assert_eq!(tokens_in(&recorder), 0);

    storage.release();
    assert_eq!(caller.await.unwrap().unwrap().generation().number, 2);
    recorder.until(|events| events.iter().any(is_token)).await;
    assert_eq!(stored(&rig.storage).unwrap()["number"], 2);
}

/// Whatever a listener hears of is in the storage already, at every generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_finds_in_the_storage_what_it_is_told() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    let behind = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::new(Mutex::new(0));
    let (disk, sink, last) = (rig.storage.clone(), behind.clone(), heard.clone());
    let _keep = session.on_access_token(move |token| {
        let saved = stored(&disk).map_or(0, |record| record["number"].as_u64().unwrap());
        if saved < token.generation().number {
            sink.lock().unwrap().push(token.generation());
        }
        *last.lock().unwrap() = token.generation().number;
    });
    session.sign_in(ada()).await.unwrap();
    for _ in 0..20 {
        rig.expire();
        session.access_token().await.unwrap();
    }
    eventually("the last token at the listener", || *heard.lock().unwrap() == 21).await;
    assert!(behind.lock().unwrap().is_empty(), "{:?}", behind.lock().unwrap());
}

/// The table of the read-compare-write, at the commit. Each row: 1 the session is at generation 1.2, and the server
/// holds the answer that would make it 1.3; 2 another process writes the record; 3 the answer comes; 4 the commit
/// reads the record under its lock and decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_record_is_overwritten() {
    let race = Race::on_the_wire().await;
    let older = race.first.clone();
    race.another_process_writes(&older);
    let token = race.answer_comes().await.unwrap();
    assert_eq!(token.generation().number, 3);
    assert_eq!(race.now()["number"], 3);
    assert!(race.rig.accepts(token.secret()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_that_the_exchange_began_with_is_overwritten() {
    let race = Race::on_the_wire().await;
    let token = race.answer_comes().await.unwrap();
    assert_eq!((token.generation().number, &race.now()["number"]), (3, &json!(3)));
}

/// The stored one is kept and used; the answer's token is served to nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_name_with_another_token_is_adopted() {
    let race = Race::on_the_wire().await;
    let theirs = race.theirs(3);
    race.another_process_writes(&theirs);
    let token = race.answer_comes().await.unwrap();
    assert!(token.secret() == "their-access-token" && token.generation().number == 3);
    assert!(race.now() == theirs, "the record is left as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_record_of_the_epoch_is_adopted() {
    let race = Race::on_the_wire().await;
    let theirs = race.theirs(7);
    race.another_process_writes(&theirs);
    let token = race.answer_comes().await.unwrap();
    assert!(token.secret() == "their-access-token" && token.generation().number == 7);
    assert_eq!(race.session.generation().number, 7);
    assert!(race.now() == theirs, "the record is left as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_tombstone_of_the_epoch_ends_the_session() {
    let race = Race::on_the_wire().await;
    let mut theirs = race.theirs(3);
    theirs["kind"] = "tombstone".into();
    theirs["reason"] = "password_changed".into();
    theirs["credential"] = json!({});
    race.another_process_writes(&theirs);
    let reason = EndReason::PasswordChanged;
    assert_eq!(
        race.answer_comes().await.unwrap_err(),
        SessionError::SignInRequired { reason }
    );
    assert!(race.now() == theirs, "the record is left as it was");
}

/// 2 is a second process that signs in, which begins a newer epoch; 4 the result is discarded and revoked at the
/// server, and the first process goes on with the second one's session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_epoch_discards_the_result_and_revokes_it() {
    let race = Race::on_the_wire().await;
    let second = race.rig.process().persist_access_token().build().unwrap();
    second.restored().await;
    second
        .adopt(race.rig.tokens_of_another_sign_in().await)
        .await
        .unwrap();
    assert_eq!(second.generation().epoch, 2);
    let token = race.answer_comes().await.unwrap();
    assert_eq!(token.generation(), second.generation());
    eventually("the revocation of the discarded family", || {
        race.rig.server.stats().revocations == 1
    })
    .await;
    assert_eq!(race.now()["epoch"], 2);
    race.rig.expire();
    assert!(second.access_token().await.is_ok(), "the new session lives");
}

/// Memory changes only upwards: 1 memory is at 1.2; 2 the storage is set back to 1.1, as by a restored backup;
/// 3 the session goes on from 1.2: it presents memory's token, and the record is 1.3.
#[tokio::test]
async fn memory_never_goes_back_to_an_older_record() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let old = snapshot(&rig.storage).unwrap();
    rig.expire();
    session.access_token().await.unwrap();
    let old = serde_json::from_slice::<Value>(old.splitn(2, |byte| *byte == b'\n').nth(1).unwrap()).unwrap();
    put(&rig.storage, &old);
    rig.expire();
    let token = session.access_token().await.unwrap();
    assert_eq!(token.generation().number, 3);
    assert_eq!(stored(&rig.storage).unwrap()["number"], 3);
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.reuse_detected), (2, 0, 0));
}

struct Race {
    rig: Rig,
    session: AuthSession,
    /// The record of generation 1.1.
    first: Value,
    caller: tokio::task::JoinHandle<Result<tokencast::AccessToken, SessionError>>,
}

impl Race {
    async fn on_the_wire() -> Self {
        let rig = Rig::new().await;
        let session = rig.process().persist_access_token().build().unwrap();
        session.sign_in(ada()).await.unwrap();
        let first = stored(&rig.storage).unwrap();
        rig.expire();
        session.access_token().await.unwrap();
        rig.expire();
        rig.server.hold_refreshes();
        let caller = asks(&session);
        rig.server.wait_until_held(1).await;
        Self {
            rig,
            session,
            first,
            caller,
        }
    }

    fn theirs(&self, number: u64) -> Value {
        renewed_elsewhere(&self.now(), number)
    }

    fn another_process_writes(&self, record: &Value) {
        put(&self.rig.storage, record);
    }

    async fn answer_comes(&self) -> Result<tokencast::AccessToken, SessionError> {
        self.rig.server.release();
        eventually("the caller's answer", || self.caller.is_finished()).await;
        self.session.access_token().await
    }

    fn now(&self) -> Value {
        stored(&self.rig.storage).unwrap()
    }
}

fn is_token(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::AccessTokenChanged(_))
}

fn tokens_in(recorder: &Recorder) -> usize {
    recorder.events().iter().filter(|event| is_token(event)).count()
}
