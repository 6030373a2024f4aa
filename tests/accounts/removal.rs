//! A removed account is revoked, deleted and forgotten, now or when the network is back.

use tokencast::error::SessionError;
use tokencast_testkit::{ada, eventually};

use crate::device::{Device, ids};

#[tokio::test]
async fn a_removed_account_is_revoked_and_leaves_nothing_behind() {
    let device = Device::new().await;
    let accounts = device.accounts();
    accounts
        .add("1", None)
        .await
        .unwrap()
        .sign_in(ada())
        .await
        .unwrap();
    eventually("the history of the first", || {
        device.names().iter().any(|name| name.ends_with(".history"))
    })
    .await;
    let before = device.names();
    let two = accounts.add("2", None).await.unwrap();
    two.sign_in(ada()).await.unwrap();
    device.rig.expire();
    let other = device.accounts().open("2").await.unwrap();
    eventually("the history of the second", || {
        device.names().len() > before.len() + 3
    })
    .await;
    accounts.switch_to("2").await.unwrap();

    accounts.remove("2").await.unwrap();
    let list = accounts.list().await.unwrap();
    assert_eq!((ids(&list), &list.current), (vec!["1"], &None));
    assert_eq!(
        device.names(),
        before,
        "record, marker, history and locks are gone"
    );
    assert_eq!(two.current_token(), None);
    assert!(matches!(two.access_token().await, Err(SessionError::Closed)));
    assert!(matches!(
        accounts.open("2").await,
        Err(SessionError::Misconfigured { .. })
    ));
    assert_eq!(device.rig.server.stats().revocations, 1);
    // Another process, which had it open, has nothing to present and brings nothing back.
    assert!(other.access_token().await.is_err());
    let records = |names: &[String]| names.iter().filter(|name| name.starts_with("session_")).count();
    assert_eq!(records(&device.names()), 1);
    let one = accounts.open("1").await.unwrap();
    one.access_token().await.expect("the other account lives");
}

#[tokio::test]
async fn an_account_that_is_added_again_is_a_new_one() {
    let device = Device::new().await;
    let accounts = device.accounts();
    let old = accounts.add("1", Some("Ada")).await.unwrap();
    old.sign_in(ada()).await.unwrap();
    accounts.remove("1").await.unwrap();
    let new = accounts.add("1", None).await.unwrap();
    assert!(!new.restored().await.is_active());
    assert!(new.history().is_empty());
    new.sign_in(ada()).await.unwrap();
    assert!(old.access_token().await.is_err());
    new.access_token().await.unwrap();
    assert_eq!(accounts.list().await.unwrap().accounts[0].name, None);
}

/// 1 the device is offline: the account is off the list, its end is saved, its token waits to be revoked; 2 it is added
/// again and signed in, as another entry; 3 the next start, with a network, revokes and deletes the old one; 4 the new one
/// lives.
#[tokio::test]
async fn without_a_network_the_revocation_is_kept_and_done_at_the_next_start() {
    let device = Device::new().await;
    let accounts = device.accounts();
    let old = accounts.add("1", None).await.unwrap();
    old.sign_in(ada()).await.unwrap();
    let records = |device: &Device| {
        device
            .names()
            .iter()
            .filter(|name| name.starts_with("session_"))
            .count()
    };
    device.go_offline();
    accounts.remove("1").await.unwrap();
    assert!(ids(&accounts.list().await.unwrap()).is_empty());
    assert_eq!((records(&device), old.current_token()), (1, None));
    device.go_online();
    let new = accounts.add("1", None).await.unwrap();
    new.sign_in(ada()).await.unwrap();
    assert_eq!(records(&device), 2);
    drop((accounts, old));

    let next = device.accounts();
    eventually("the old record is gone", || records(&device) == 1).await;
    assert_eq!(device.rig.server.stats().revocations, 1);
    let session = next.open("1").await.unwrap();
    let token = session.access_token().await.unwrap();
    assert!(device.rig.accepts(token.secret()).await);
}
