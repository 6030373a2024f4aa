use std::sync::{Arc, Mutex};

use tokencast::error::{EndReason, LockedCause};
use tokencast::session::AuthSession;
use tokencast::state::{Notice, SessionState};
use tokencast::storage::{
    self, FileStorage, KeyFailure, KeyWrapper, ReadOutcome, Secrecy, SecureStorage, WriteOutcome,
};
use tokencast_testkit::{ada, eventually};
use zeroize::Zeroizing;

use crate::device::Device;

/// A platform's key: what it wraps, a later one cannot unwrap.
#[derive(Default)]
struct Keystore(Mutex<KeystoreState>);

#[derive(Default)]
struct KeystoreState {
    alias: u8,
    /// How many calls to unwrap fail, and how.
    trouble: Option<(u32, KeyFailure)>,
    unwraps: u32,
}

impl Keystore {
    fn fail(&self, times: u32, failure: KeyFailure) {
        self.0.lock().unwrap().trouble = Some((times, failure));
    }

    fn mend(&self) {
        self.0.lock().unwrap().trouble = None;
    }

    fn unwraps(&self) -> u32 {
        std::mem::take(&mut self.0.lock().unwrap().unwraps)
    }
}

impl KeyWrapper for Keystore {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        let mut state = self.0.lock().unwrap();
        if state.trouble.is_some() {
            // A new key under a new alias.
            state.alias += 1;
            state.trouble = None;
        }
        let mut wrapped = vec![state.alias];
        wrapped.extend(data_key.iter().map(|byte| byte ^ 0x5a));
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        let mut state = self.0.lock().unwrap();
        state.unwraps += 1;
        if let Some((times @ 1.., failure)) = state.trouble {
            state.trouble = Some((times - 1, failure));
            return Err(failure);
        }
        if wrapped[0] != state.alias {
            return Err(KeyFailure::Gone);
        }
        Ok(Zeroizing::new(
            wrapped[1..].iter().map(|byte| byte ^ 0x5a).collect(),
        ))
    }
}

fn launch(device: &Device, keys: &Arc<Keystore>) -> AuthSession {
    device
        .launch_on(storage::file(device.files()))
        .key_wrapper(keys.clone())
        .build()
        .unwrap()
}

async fn signed_in(device: &Device, keys: &Arc<Keystore>) {
    let session = launch(device, keys);
    session.sign_in(ada()).await.unwrap();
}

fn key_lost() -> SessionState {
    SessionState::SignInRequired {
        reason: EndReason::KeyLost,
        account: None,
        history: Default::default(),
    }
}

#[tokio::test]
async fn a_key_that_fails_for_a_moment_is_tried_three_times_more() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    keys.fail(3, KeyFailure::Transient);
    assert!(launch(&device, &keys).restored().await.is_active());
    assert_eq!(keys.unwraps(), 4);
}

#[tokio::test]
async fn a_key_that_goes_on_failing_is_tried_on_the_next_foreground() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    keys.fail(u32::MAX, KeyFailure::Transient);
    let session = launch(&device, &keys);
    assert_eq!(
        session.restored().await,
        SessionState::Locked {
            cause: LockedCause::Unavailable
        }
    );
    assert_eq!(keys.unwraps(), 4);
    keys.mend();
    session.notify(Notice::Foreground);
    eventually("the session is back", || session.state().is_active()).await;
}

#[tokio::test]
async fn a_key_that_fails_three_launches_in_a_row_is_lost_and_a_sign_in_begins_anew() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    for launched in 1..=2 {
        keys.fail(u32::MAX, KeyFailure::Transient);
        let session = launch(&device, &keys);
        let restored = session.restored().await;
        assert!(
            matches!(restored, SessionState::Locked { .. }),
            "{launched}: {restored:?}"
        );
        // Looking again is no other launch.
        session.notify(Notice::Foreground);
        let before = keys.unwraps();
        eventually("another look", || keys.unwraps() + before > 0).await;
    }
    let session = launch(&device, &keys);
    assert_eq!(session.restored().await, key_lost());
    let sealed = std::fs::read(record_file(&device)).unwrap();

    session.sign_in(ada()).await.unwrap();
    assert_eq!(
        std::fs::read(device.files().join("quarantine")).unwrap(),
        sealed,
        "what cannot be opened is kept"
    );
    drop(session);
    assert!(launch(&device, &keys).restored().await.is_active());
}

#[tokio::test]
async fn launches_between_which_the_key_served_are_not_counted() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    for _ in 0..3 {
        keys.fail(u32::MAX, KeyFailure::Transient);
        let trouble = launch(&device, &keys);
        assert!(matches!(trouble.restored().await, SessionState::Locked { .. }));
        drop(trouble);
        keys.mend();
        assert!(launch(&device, &keys).restored().await.is_active());
        eventually("the count is forgotten", || {
            marker(&device).contains(r#""keyless_launches":0"#)
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_that_is_gone_is_lost_at_once() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    keys.fail(u32::MAX, KeyFailure::Gone);
    let session = launch(&device, &keys);
    assert_eq!(session.restored().await, key_lost());
    assert_eq!(keys.unwraps(), 1, "there is nothing to try again");
    session.sign_in(ada()).await.unwrap();
    assert!(launch(&device, &keys).restored().await.is_active());
}

#[tokio::test]
async fn a_locked_device_is_no_lost_key() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    for _ in 0..5 {
        keys.fail(u32::MAX, KeyFailure::Locked);
        let session = launch(&device, &keys);
        assert_eq!(
            session.restored().await,
            SessionState::Locked {
                cause: LockedCause::DeviceLocked
            }
        );
    }
    keys.mend();
    assert!(launch(&device, &keys).restored().await.is_active());
}

/// The files came back by a backup, the key did not: another key unwraps nothing.
#[tokio::test]
async fn files_restored_to_another_device_have_lost_their_key() {
    let (device, keys) = (Device::new().await, Arc::default());
    signed_in(&device, &keys).await;
    let other = Arc::new(Keystore::default());
    other.0.lock().unwrap().alias = 9;
    assert_eq!(launch(&device, &other).restored().await, key_lost());
}

fn record_file(device: &Device) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(device.files()).unwrap();
    files
        .find_map(|file| {
            let path = file.unwrap().path();
            path.file_name()?.to_str()?.starts_with("session").then_some(path)
        })
        .unwrap()
}

fn marker(device: &Device) -> String {
    let mut files = std::fs::read_dir(device.state_dir()).unwrap();
    let path = files.find_map(|file| {
        let path = file.unwrap().path();
        path.extension()?.to_str()?.eq("marker").then_some(path)
    });
    std::fs::read_to_string(path.unwrap()).unwrap()
}

/// A sealed file and its key in one, as Windows' store is.
struct SelfContained(FileStorage, Arc<Keystore>);

impl SecureStorage for SelfContained {
    fn entry_id(&self) -> String {
        self.0.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        self.0.secrecy()
    }

    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        Some(self.1.clone())
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.0.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.0.write(name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.0.delete(name)
    }
}

#[tokio::test]
async fn a_storage_that_brings_its_own_key_needs_none_of_the_host_and_loses_it_alike() {
    let (device, keys) = (Device::new().await, Arc::<Keystore>::default());
    let store = || SelfContained(storage::file(device.files()), keys.clone());
    let launch = || device.launch_on(store()).build().unwrap();
    launch().sign_in(ada()).await.unwrap();
    assert!(launch().restored().await.is_active());
    assert_eq!(keys.unwraps(), 1);
    keys.fail(1, KeyFailure::Gone);
    assert_eq!(launch().restored().await, key_lost());
}

#[tokio::test]
async fn a_hosts_key_comes_before_the_one_that_a_storage_brings() {
    let (device, hosts, own) = (
        Device::new().await,
        Arc::<Keystore>::default(),
        Arc::<Keystore>::default(),
    );
    let store = || SelfContained(storage::file(device.files()), own.clone());
    let launch = || {
        device
            .launch_on(store())
            .key_wrapper(hosts.clone())
            .build()
            .unwrap()
    };
    launch().sign_in(ada()).await.unwrap();
    assert!(launch().restored().await.is_active());
    assert_eq!((hosts.unwraps(), own.unwraps()), (1, 0));
}
