//! A real PostgreSQL for tests and figures: a fresh cluster in a throw-away folder, on a free loopback port and a socket
//! in that folder, under a password drawn for it, durable as in earnest (`fsync=on`).

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::needs;
use crate::toolbox::{Service, Task, Toolbox};

const PACKAGE: &str = "postgresql";
/// Where tests and figures look for it.
const VARIABLE: &str = "TOKENCAST_POSTGRES";
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    // In the order of dropping: the server, then its folder.
    _server: Service,
    _folder: TempDir,
    url: String,
}

/// Installs it where it is missing and we may; else fails with the command to type.
pub(crate) fn set_up(toolbox: &Toolbox) -> Result<()> {
    if programs().is_some() {
        return Ok(());
    }
    needs::install_packages(toolbox, &[PACKAGE])
}

impl Postgres {
    pub(crate) fn start(toolbox: &Toolbox) -> Result<Postgres> {
        let programs =
            programs().context("no PostgreSQL: sudo apt-get install --no-install-recommends postgresql")?;
        let folder = tempfile::Builder::new().prefix("tokencast-pg-").tempdir()?;
        let owner = Owner::find(toolbox)?;
        let password = random_hex()?;
        let password_file = folder.path().join("password");
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&password_file)?
            .write_all(password.as_bytes())?;
        owner.give(&password_file)?;
        owner.give(folder.path())?;
        let data = folder.path().join("data");
        owner
            .runs(toolbox, &programs.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file)
            .args(["--username=tokencast", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .output()?;
        fs::remove_file(&password_file)?;

        let port = free_port()?;
        // Its log goes to stderr; whether it is ready is read from stdout.
        let (server, _) = owner
            .runs(toolbox, Path::new("sh"))
            .args(["-c", "exec \"$@\" 2>&1", "sh"])
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg(format!("--unix_socket_directories={}", folder.path().display()))
            .arg(format!("--port={port}"))
            .args([
                "--listen_addresses=127.0.0.1",
                "--fsync=on",
                "--synchronous_commit=on",
            ])
            // Files in the folder, so that nothing is left elsewhere.
            .args(["--dynamic_shared_memory_type=mmap", "--max_connections=300"])
            .serve(DEADLINE, |line| {
                line.contains("ready to accept connections").then_some(line)
            })?;
        Ok(Postgres {
            _server: server,
            _folder: folder,
            url: format!("postgres://tokencast:{password}@127.0.0.1:{port}/postgres"),
        })
    }

    /// The task, so that it finds this server.
    pub(crate) fn visible_to<'a>(&self, task: Task<'a>) -> Task<'a> {
        task.env(VARIABLE, &self.url)
    }
}

/// Whom the server runs as: it refuses to be root.
#[derive(Debug)]
enum Owner {
    Ourselves,
    User {
        name: &'static str,
        user: u32,
        group: u32,
    },
}

impl Owner {
    /// The package's own user, else the one that owns nothing.
    fn find(toolbox: &Toolbox) -> Result<Owner> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Owner::Ourselves);
        }
        let number = |flag: &str, name: &str| -> Option<u32> {
            let said = toolbox.program("id").args([flag, name]).output().ok()?;
            said.trim().parse().ok()
        };
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                let (user, group) = number("-u", name).zip(number("-g", name))?;
                Some(Owner::User { name, user, group })
            })
            .context("there is neither a user `postgres` nor `nobody` to run PostgreSQL as")
    }

    fn give(&self, path: &Path) -> Result<()> {
        match self {
            Owner::Ourselves => Ok(()),
            Owner::User { user, group, .. } => Ok(chown(path, Some(*user), Some(*group))?),
        }
    }

    /// `setpriv` becomes the program: the leash's signals reach it.
    fn runs<'a>(&self, toolbox: &'a Toolbox, program: &Path) -> Task<'a> {
        let task = match self {
            Owner::Ourselves => return in_plain_words(toolbox.program(program)),
            Owner::User { name, group, .. } => toolbox
                .program("setpriv")
                .arg(format!("--reuid={name}"))
                .arg(format!("--regid={group}"))
                .arg("--clear-groups")
                .arg(program),
        };
        in_plain_words(task)
    }
}

/// The line that says it is ready is looked for in English; and the repository may be closed to the server's user.
fn in_plain_words(task: Task<'_>) -> Task<'_> {
    task.env("LC_ALL", "C").in_folder("/")
}

/// The folder of the newest version's programs: Debian keeps them off the path.
fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    let version = |folder: &PathBuf| -> Option<u32> { folder.parent()?.file_name()?.to_str()?.parse().ok() };
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debians = versions.map(|entry| entry.path().join("bin")).filter(complete);
    debians.max_by_key(version).or_else(|| {
        let on_path = needs::on_path("postgres")?;
        Some(on_path.parent()?.to_owned()).filter(complete)
    })
}

/// Free a moment ago: should another take it meanwhile, the server does not start, and says so.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn random_hex() -> Result<String> {
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
