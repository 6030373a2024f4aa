//! A disk without space, on a small tmpfs of its own.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tokencast_crash_tests::{Errand, Report};

use crate::machine::{Machine, Store, show};

/// 1 the intent is written and the server has exchanged the token; 2 the disk fills up before the answer arrives;
/// 3 the commit fails, the token is served from memory and `StorageDegraded` is told; 4 the process is killed, the
/// new token with it; 5 there is space again: the next process presents the old token with its key and has the
/// session.
#[test]
fn a_session_survives_a_disk_that_is_full_at_the_commit_and_a_kill() {
    let disk = SmallDisk::mount();
    let machine = Machine::new(Store::SealedFile).in_folder(&disk.0).signed_in();
    let before = machine.refreshed();
    machine.server.hold_refreshes();
    let running = machine.start(Errand::RotateUntilKilled);
    machine.wait_until_held(1);
    let filler = disk.fill();
    machine.server.release();
    running.until(|report| *report == Report::Degraded);
    let ended = running.killed();
    assert!(!ended.lost(), "{ended:?}");
    assert_eq!(
        fs::read(&filler).unwrap().last(),
        Some(&0),
        "the disk stayed full"
    );
    fs::remove_file(filler).unwrap();
    let after = machine.refreshed();
    assert!(after > before);
    let stats = machine.assert_nothing_lost();
    assert_eq!(stats.exchanges, after - 1, "{stats:?}");
    show(&format!(
        "disk full at the commit, then killed: generation {after} after {before}, {} replays, reuse_detected 0",
        stats.replays
    ));
}

/// As above, but the process lives on: once there is space it saves what it has and goes on.
#[test]
fn a_session_survives_a_disk_that_is_full_at_the_commit() {
    let disk = SmallDisk::mount();
    let machine = Machine::new(Store::SealedFile).in_folder(&disk.0).signed_in();
    machine.server.hold_refreshes();
    let running = machine.start(Errand::RotateUntilKilled);
    machine.wait_until_held(1);
    let filler = disk.fill();
    machine.server.release();
    running.until(|report| *report == Report::Degraded);
    fs::remove_file(filler).unwrap();
    for _ in 0..5 {
        running.until(|report| matches!(report, Report::Token { .. }));
    }
    let ended = running.killed();
    assert!(!ended.lost(), "{ended:?}");
    let after = machine.refreshed();
    let stats = machine.assert_nothing_lost();
    assert_eq!(stats.exchanges, after - 1, "{stats:?}");
}

/// 1 the disk is full; 2 a process restores the session and wants a token: no intent, so the server is not called;
/// 3 there is space again: all goes on.
#[test]
fn a_server_is_not_called_while_the_disk_is_full() {
    let disk = SmallDisk::mount();
    let machine = Machine::new(Store::SealedFile).in_folder(&disk.0).signed_in();
    let filler = disk.fill();
    let ended = machine.run(Errand::Refresh { death: None });
    assert!(
        matches!(ended.reports.as_slice(), [Report::Failed(_)]),
        "{ended:?}"
    );
    assert_eq!(machine.server.stats().refresh_requests, 0);
    fs::remove_file(filler).unwrap();
    machine.refreshed();
    machine.assert_nothing_lost();
}

/// A tmpfs of 64 KiB, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tokencast-small-disk"])
            .arg(&folder)
            .status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "a small tmpfs cannot be mounted: run this as root, or with `unshare --user --map-root-user --mount`"
        );
        Self(folder)
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0]).is_ok() {}
        assert!(
            fs::write(self.0.join("one-more"), [0; 4096]).is_err(),
            "the disk is not full"
        );
        let _ = fs::remove_file(self.0.join("one-more"));
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        if unmounted.is_ok_and(|status| status.success()) {
            let _ = fs::remove_dir(&self.0);
        }
    }
}
