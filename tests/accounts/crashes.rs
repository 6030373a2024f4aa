//! A crash, or a store in trouble, at each step leaves nothing that the next start does not find.

use tokencast::error::SessionError;
use tokencast::state::SessionState;
use tokencast_testkit::{Op, REFUSED, Step, ada, eventually};

use crate::device::{Device, ids};

/// On the list without a record: the process died between adding and signing in.
#[tokio::test]
async fn an_account_without_a_record_is_signed_out_and_can_be_signed_in_or_removed() {
    let device = Device::new().await;
    device.accounts().add("1", None).await.unwrap();
    device.accounts().add("2", None).await.unwrap();
    let next = device.accounts();
    let session = next.open("1").await.unwrap();
    assert_eq!(session.restored().await, SessionState::SignedOut);
    session.sign_in(ada()).await.unwrap();
    next.remove("2").await.unwrap();
    assert_eq!(ids(&next.list().await.unwrap()), ["1"]);
}

/// A record that is not on the list: the list was damaged, or is gone. Adding the account again finds its session, and
/// what the list said is not in its way.
#[tokio::test]
async fn an_account_whose_list_is_lost_is_found_again_by_its_id() {
    for damage in [Some("tokencast-sealed/1 garbage"), None] {
        let device = Device::new().await;
        let accounts = device.accounts();
        accounts
            .add("1", None)
            .await
            .unwrap()
            .sign_in(ada())
            .await
            .unwrap();
        drop(accounts);
        match damage {
            Some(text) => std::fs::write(device.file("accounts"), text).unwrap(),
            None => std::fs::remove_file(device.file("accounts")).unwrap(),
        }
        let next = device.accounts();
        assert!(ids(&next.list().await.unwrap()).is_empty());
        let session = next.add("1", None).await.unwrap();
        assert!(session.restored().await.is_active());
        session.access_token().await.unwrap();
        assert_eq!(ids(&device.accounts().list().await.unwrap()), ["1"]);
    }
}

/// The steps of a removal: off the list, tombstone, delete, forgotten. Each one fails once, with all after it, as if the
/// process had died there; the next start finishes.
#[tokio::test]
async fn a_removal_that_is_cut_short_at_any_step_is_finished_by_the_next_start() {
    for (step, (op, prefix)) in [
        (Op::Write, "session/"),
        (Op::Delete, "session/"),
        (Op::Read, "session/"),
    ]
    .into_iter()
    .enumerate()
    {
        let device = Device::new().await;
        let accounts = device.accounts();
        let session = accounts.add("1", None).await.unwrap();
        session.sign_in(ada()).await.unwrap();
        device.storage.always(op, prefix, REFUSED);
        let error = accounts.remove("1").await.unwrap_err();
        assert!(
            matches!(
                error,
                SessionError::StorageFailed { .. } | SessionError::Locked { .. }
            ),
            "{step}: {error:?}"
        );
        assert_eq!(session.current_token(), None, "memory is signed out at once");
        assert!(ids(&accounts.list().await.unwrap()).is_empty(), "{step}");
        drop((accounts, session));
        device.storage.mend();
        let next = device.accounts();
        eventually("the record is gone", || {
            !device.names().iter().any(|name| name.starts_with("session_"))
        })
        .await;
        assert_eq!(device.rig.server.stats().revocations, 1, "{step}");
        let again = next.add("1", None).await.unwrap();
        assert_eq!(again.restored().await, SessionState::SignedOut);
    }
}

/// The record is gone and the process died before the list forgot the account.
#[tokio::test]
async fn an_account_that_is_removed_and_still_on_the_list_is_forgotten() {
    let device = Device::new().await;
    let accounts = device.accounts();
    accounts
        .add("1", None)
        .await
        .unwrap()
        .sign_in(ada())
        .await
        .unwrap();
    // The first write takes it off the list, the second one would forget it.
    device.storage.script(Op::Write, "accounts", [Step::Ok, REFUSED]);
    assert!(accounts.remove("1").await.is_err());
    assert!(!device.names().iter().any(|name| name.starts_with("session_")));
    let left = device
        .files()
        .iter()
        .find(|(name, _)| name == "accounts")
        .cloned();
    drop(accounts);
    let _next = device.accounts();
    eventually("the list forgets it", || {
        device
            .files()
            .iter()
            .find(|(name, _)| name == "accounts")
            .cloned()
            != left
    })
    .await;
    assert!(ids(&device.accounts().list().await.unwrap()).is_empty());
}

/// A write of the list that fails changes nothing.
#[tokio::test]
async fn a_list_that_cannot_be_written_stays_as_it_is() {
    let device = Device::new().await;
    let accounts = device.accounts();
    accounts.add("1", None).await.unwrap();
    accounts.add("2", None).await.unwrap();
    for step in [REFUSED, Step::DropWrite] {
        device.storage.always(Op::Write, "accounts", step);
        for refused in [
            accounts.add("3", None).await.map(drop),
            accounts.switch_to("2").await.map(drop),
            accounts.remove("1").await,
        ] {
            assert!(
                matches!(refused, Err(SessionError::StorageFailed { .. })),
                "{refused:?}"
            );
        }
        device.storage.mend();
        let list = accounts.list().await.unwrap();
        assert_eq!((ids(&list), list.current.as_deref()), (vec!["1", "2"], Some("1")));
    }
}
