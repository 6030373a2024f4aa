//! A real Secret Service for tests: gnome-keyring, unlocked, on a private bus, in throw-away folders.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::needs::Need;
use crate::toolbox::{Service, Task, Toolbox};

pub(crate) const NEEDS: &[Need] = &[
    Need {
        program: "gnome-keyring-daemon",
        package: "gnome-keyring",
    },
    Need {
        program: "dbus-daemon",
        package: "dbus",
    },
    Need {
        program: "dbus-send",
        package: "dbus",
    },
];

const DEADLINE: Duration = Duration::from_secs(30);

/// Without service activation: no locked daemon and no prompt of the desktop's can jump in.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct SecretService {
    // In the order of dropping: the keyring before its bus, the folders last.
    _keyring: Service,
    _bus: Service,
    address: String,
    home: TempDir,
}

impl SecretService {
    pub(crate) fn start(toolbox: &Toolbox) -> Result<SecretService> {
        let home = tempfile::Builder::new().prefix("tokencast-").tempdir()?;
        for (_, folder) in folders(&home) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        fs::create_dir_all(home.path().join("data/keyrings"))?;
        let configuration = home.path().join("bus.conf");
        fs::write(&configuration, BUS)?;

        let (bus, address) = environment(toolbox.program("dbus-daemon"), &home, None)
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", configuration.display()))
            .serve(DEADLINE, |line| line.starts_with("unix:").then_some(line))?;

        // The password of an empty keyring that lives for one part: no secret. It is read without a newline.
        let unlocked =
            "printf %s throw-away | gnome-keyring-daemon --foreground --unlock --components=secrets";
        let keyring = environment(toolbox.program("sh"), &home, Some(&address))
            .args(["-c", unlocked])
            .serve_silently()?;

        let service = SecretService {
            _keyring: keyring,
            _bus: bus,
            address,
            home,
        };
        service.wait_until_owned(toolbox)?;
        Ok(service)
    }

    /// The task, so that it finds this service and nothing of the user's. The caches are named explicitly in every
    /// task, so that a changed `XDG_CACHE_HOME` does not move them.
    pub(crate) fn visible_to<'a>(&self, task: Task<'a>) -> Task<'a> {
        environment(task, &self.home, Some(&self.address))
    }

    /// The daemon owns its name on the bus a moment after it starts; a call before that fails.
    fn wait_until_owned(&self, toolbox: &Toolbox) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < DEADLINE {
            let answer = self
                .visible_to(toolbox.program("dbus-send"))
                .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
                .args([
                    "org.freedesktop.DBus.NameHasOwner",
                    "string:org.freedesktop.secrets",
                ])
                .output()?;
            if answer.contains("boolean true") {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!(
            "gnome-keyring-daemon did not take its name on the bus within {} s",
            DEADLINE.as_secs()
        )
    }
}

fn folders(home: &TempDir) -> [(&'static str, PathBuf); 5] {
    let folder = |name: &str| home.path().join(name);
    [
        ("XDG_DATA_HOME", folder("data")),
        ("XDG_CONFIG_HOME", folder("config")),
        ("XDG_STATE_HOME", folder("state")),
        ("XDG_CACHE_HOME", folder("cache")),
        ("XDG_RUNTIME_DIR", folder("run")),
    ]
}

fn environment<'a>(task: Task<'a>, home: &TempDir, bus: Option<&str>) -> Task<'a> {
    let mut task = task.without_env("DISPLAY").without_env("WAYLAND_DISPLAY");
    for (name, folder) in folders(home) {
        task = task.env(name, folder);
    }
    match bus {
        Some(address) => task.env("DBUS_SESSION_BUS_ADDRESS", address),
        None => task.without_env("DBUS_SESSION_BUS_ADDRESS"),
    }
}
