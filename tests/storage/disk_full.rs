//! A disk of 64 KiB that is full. Needs to be root, to mount it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokencast::session::AuthSession;
use tokencast::state::{SessionEvent, SessionState};
use tokencast::storage::{self, KeyFailure, KeyWrapper};
use tokencast_testkit::{Recorder, ada};
use zeroize::Zeroizing;

use crate::device::Device;

/// 1 a session is saved on the disk; 2 its refresh is answered while the disk is full: the intent is refused and
/// no token is spent; 3 there is space for the intent and none for the commit cannot be arranged on a real disk,
/// for both are of one size: so the disk fills between them, while the server holds the answer; 4 the callers have
/// the new token, the storage is degraded; 5 there is space again: the save lands, the next start has the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_no_token() {
    let device = Device::new().await;
    let disk = SmallDisk::mount();
    let build = || launch(&device, disk.path());
    let session = build();
    session.sign_in(ada()).await.unwrap();
    device.expire();
    disk.fill();
    session.access_token().await.unwrap_err();
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    disk.empty();

    device.clock.advance(std::time::Duration::from_secs(3600));
    let recorder = Recorder::on(&session);
    device.rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    device.rig.server.wait_until_held(1).await;
    disk.fill();
    device.rig.server.release();
    let token = caller.await.unwrap().unwrap();
    recorder
        .until(|events| {
            events
                .iter()
                .any(|event| matches!(event, SessionEvent::StorageDegraded { .. }))
        })
        .await;
    disk.empty();
    // The save is tried again by the session's own task: each look is that of a new process.
    let mut next = build();
    for _ in 0..600 {
        next.restored().await;
        if next.generation() == token.generation() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        next = build();
    }
    assert_eq!(next.generation(), token.generation());
    device.expire();
    next.access_token().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_on_a_full_disk_fails_and_leaves_no_session() {
    let device = Device::new().await;
    let disk = SmallDisk::mount();
    disk.fill();
    let session = launch(&device, disk.path());
    session.sign_in(ada()).await.unwrap_err();
    assert!(!session.state().is_active());
    disk.empty();
    let next = launch(&device, disk.path());
    assert_eq!(next.restored().await, SessionState::SignedOut);
}

fn launch(device: &Device, disk: &Path) -> AuthSession {
    device
        .launch_on(storage::file(disk.join("data")))
        .key_wrapper(Arc::new(Xor))
        .build()
        .unwrap()
}

struct Xor;

impl KeyWrapper for Xor {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(Zeroizing::new(wrapped.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

/// A file system of 64 KiB in memory, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        assert!(
            mounted,
            "this test mounts a tmpfs of 64 KiB to fill it: run it as root, where `mount` is allowed"
        );
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn fill(&self) {
        let full = std::fs::write(self.ballast(), vec![0; 1024 * 1024]);
        assert!(full.is_err(), "64 KiB hold no MiB");
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a task of a session that failed may still have a file open.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}
