//! A bus and a keyring of one test's own: ending them harms nobody. The Secret Service is found by the process's
//! environment, so such a test runs in a process of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>ADDRESS</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

const HOME: &str = "TOKENCAST_TEST_PRIVATE_HOME";

/// Runs the test of that name again, in a process whose session bus is a private one; there, its scenario.
pub(crate) fn alone<F: Future<Output = ()>>(name: &str, scenario: impl FnOnce(PrivateService) -> F) {
    if let Some(home) = std::env::var_os(HOME) {
        let service = PrivateService::unlocked(home.into());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(scenario(service));
        // A call to a service that is gone may hang for as long as it likes.
        runtime.shutdown_background();
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HOME, home.path())
        .env("DBUS_SESSION_BUS_ADDRESS", address(home.path()))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{complaint}"
    );
}

fn address(home: &std::path::Path) -> String {
    format!("unix:path={}", home.join("bus").display())
}

pub(crate) struct PrivateService {
    keyring: Option<Child>,
    bus: Option<Child>,
    address: String,
    home: PathBuf,
}

impl PrivateService {
    /// A bus with an unlocked keyring.
    fn unlocked(home: PathBuf) -> Self {
        for folder in ["data/keyrings", "config", "cache", "run"] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(home.join(folder)).unwrap();
        }
        let address = address(&home);
        let configuration = home.join("bus.conf");
        fs::write(&configuration, BUS.replace("ADDRESS", &address)).unwrap();
        let bus = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg(format!("--config-file={}", configuration.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed: `cargo xtask setup` does it");
        let mut service = Self {
            keyring: None,
            bus: Some(bus),
            address,
            home,
        };
        for _ in 0..600 {
            if service.home.join("bus").exists() {
                service.start_keyring();
                return service;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("dbus-daemon did not listen within 30 s");
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.join("state")
    }

    pub(crate) fn start_keyring(&mut self) {
        let mut keyring = self
            .command("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon is installed: `cargo xtask setup` does it");
        // The password of a keyring that lives for one test: no secret. The pipe's end is the end of it.
        keyring.stdin.take().unwrap().write_all(b"throw-away").unwrap();
        self.keyring = Some(keyring);
        for _ in 0..600 {
            if self.is_owned() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("gnome-keyring-daemon took no name on its bus within 30 s");
    }

    /// Locks the collection that holds the items, as a desktop does when its user goes away.
    pub(crate) fn lock(&self) {
        let locked = self
            .command("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.secrets"])
            .arg("/org/freedesktop/secrets")
            .arg("org.freedesktop.Secret.Service.Lock")
            .arg("array:objpath:/org/freedesktop/secrets/collection/login")
            .output()
            .unwrap();
        assert!(locked.status.success(), "the collection locks");
    }

    pub(crate) fn kill_keyring(&mut self) {
        end(self.keyring.take());
    }

    pub(crate) fn kill_bus(&mut self) {
        end(self.bus.take());
    }

    fn is_owned(&self) -> bool {
        let answer = self
            .command("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .args([
                "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.secrets",
            ])
            .output()
            .unwrap();
        String::from_utf8_lossy(&answer.stdout).contains("boolean true")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        for (name, folder) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(name, self.home.join(folder));
        }
        command
    }
}

impl Drop for PrivateService {
    fn drop(&mut self) {
        end(self.keyring.take());
        end(self.bus.take());
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
}
