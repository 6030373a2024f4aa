//! Several accounts of one app on one device: a real server, sealed files, lock files, and processes that die.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod crashes;
mod device;
mod removal;

use std::collections::BTreeSet;

use tokencast::accounts::AccountList;
use tokencast::error::{LockedCause, SessionError};
use tokencast::state::SessionState;
use tokencast_testkit::{Op, Step, ada};

use device::{Device, ids};

#[tokio::test]
async fn accounts_are_listed_opened_and_switched_and_the_next_start_knows_them() {
    let device = Device::new().await;
    let accounts = device.accounts();
    assert_eq!(accounts.list().await.unwrap(), AccountList::default());
    assert!(accounts.current().await.unwrap().is_none());
    let one = accounts.add("1", Some("Ada at work")).await.unwrap();
    one.sign_in(ada()).await.unwrap();
    let two = accounts.add("2", None).await.unwrap();
    assert_eq!(two.restored().await, SessionState::SignedOut);
    two.sign_in(ada()).await.unwrap();
    let list = accounts.list().await.unwrap();
    assert_eq!((ids(&list), list.current.as_deref()), (vec!["1", "2"], Some("1")));
    assert_eq!(list.accounts[0].name.as_deref(), Some("Ada at work"));
    let tokens = (
        one.access_token().await.unwrap(),
        two.access_token().await.unwrap(),
    );
    assert_ne!(tokens.0, tokens.1);
    let switched = accounts.switch_to("2").await.unwrap();
    assert_eq!(
        switched.current_token(),
        Some(tokens.1),
        "one session in one process"
    );
    drop((accounts, one, two, switched));

    let next = device.accounts();
    assert_eq!(next.list().await.unwrap().current.as_deref(), Some("2"));
    let current = next.current().await.unwrap().unwrap();
    assert!(current.restored().await.is_active());
    let one = next.open("1").await.unwrap();
    assert!(one.restored().await.is_active());
    one.access_token().await.unwrap();
    current.access_token().await.unwrap();
    assert_eq!(device.rig.server.stats().reuse_detected, 0);
}

#[tokio::test]
async fn listing_opens_no_session_and_asks_no_server() {
    let device = Device::new().await;
    let session = device.accounts().add("1", None).await.unwrap();
    session.restored().await;
    let before = device.storage.count(Op::Read, "session/");
    let requests = device.requests();
    for _ in 0..3 {
        assert_eq!(ids(&device.accounts().list().await.unwrap()), ["1"]);
    }
    assert_eq!(device.storage.count(Op::Read, "session/"), before);
    assert_eq!(device.requests(), requests);
}

#[tokio::test]
async fn the_list_on_the_disk_is_sealed_and_holds_no_token() {
    let device = Device::new().await;
    let accounts = device.accounts();
    let session = accounts.add("ada@example.com", Some("Ada")).await.unwrap();
    session.sign_in(ada()).await.unwrap();
    for (name, text) in device.files() {
        for seen in ["ada@example.com", "Ada", "refresh_token"] {
            assert!(!name.contains(seen) && !text.contains(seen), "{name}");
        }
    }
    // And in a store that keeps secrets itself it is ids and names alone.
    let plain = device.in_memory();
    let session = plain.add("1", Some("Ada")).await.unwrap();
    session.sign_in(ada()).await.unwrap();
    let token = session.access_token().await.unwrap();
    let list = device.list_in_memory();
    assert!(
        list.contains("Ada") && !list.contains(token.secret()) && !list.contains("token"),
        "{list}"
    );
}

/// Four processes add their accounts at the same time, and each switches: the list has them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_change_the_list_at_once_lose_nothing() {
    let device = Device::new().await;
    let processes = (0..4).map(|process| {
        let accounts = device.accounts();
        tokio::spawn(async move {
            for n in 0..6 {
                let id = format!("{process}.{n}");
                accounts.add(&id, None).await.unwrap();
                accounts.switch_to(&id).await.unwrap();
            }
            for n in 0..2 {
                accounts.remove(&format!("{process}.{n}")).await.unwrap();
            }
        })
    });
    for process in processes.collect::<Vec<_>>() {
        process.await.unwrap();
    }
    let list = device.accounts().list().await.unwrap();
    let left: BTreeSet<_> = list.accounts.iter().map(|account| account.id.clone()).collect();
    let expected = (0..4).flat_map(|process| (2..6).map(move |n| format!("{process}.{n}")));
    assert_eq!(left, expected.collect());
    assert!(list.current.is_some());
}

#[tokio::test]
async fn what_is_not_on_the_list_is_neither_opened_nor_switched_to() {
    let device = Device::new().await;
    let accounts = device.accounts();
    accounts.add("1", None).await.unwrap();
    for error in [
        accounts.open("2").await.unwrap_err(),
        accounts.switch_to("2").await.unwrap_err(),
        accounts.add("a\nb", None).await.unwrap_err(),
        tokencast::Accounts::new(device.template().entry("mine")).unwrap_err(),
    ] {
        assert!(matches!(error, SessionError::Misconfigured { .. }), "{error:?}");
    }
    assert_eq!(accounts.list().await.unwrap().current.as_deref(), Some("1"));
    accounts.remove("2").await.expect("it is not there");
}

/// An app extension reads the list and changes nothing.
#[tokio::test]
async fn a_reader_lists_and_opens_and_changes_nothing() {
    let device = Device::new().await;
    let owner = device.accounts();
    owner.add("1", None).await.unwrap().sign_in(ada()).await.unwrap();
    let changes = device.storage.changes();
    let reader = tokencast::Accounts::new(device.template().read_only()).unwrap();
    assert_eq!(ids(&reader.list().await.unwrap()), ["1"]);
    assert!(reader.open("1").await.unwrap().restored().await.is_active());
    for refused in [
        reader.add("2", None).await.map(drop),
        reader.switch_to("1").await.map(drop),
        reader.remove("1").await,
    ] {
        assert!(
            matches!(refused, Err(SessionError::Misconfigured { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(device.storage.changes(), changes);
}

/// A phone before its first unlock answers "not found": nothing is written over the list that it hides.
#[tokio::test]
async fn a_store_that_hides_the_list_locks_it() {
    let device = Device::new().await;
    device.accounts().add("1", None).await.unwrap();
    device.storage.always(Op::Read, "", Step::DropWrite);
    let accounts = device.accounts();
    for error in [
        accounts.list().await.unwrap_err(),
        accounts.add("2", None).await.unwrap_err(),
        accounts.remove("1").await.unwrap_err(),
    ] {
        assert!(matches!(error, SessionError::Locked { .. }), "{error:?}");
    }
    device.storage.mend();
    device
        .storage
        .always(Op::Read, "accounts", Step::Fail(LockedCause::DeviceLocked));
    assert!(matches!(
        accounts.list().await,
        Err(SessionError::Locked {
            cause: LockedCause::DeviceLocked
        })
    ));
    device.storage.mend();
    assert_eq!(ids(&accounts.list().await.unwrap()), ["1"]);
}
