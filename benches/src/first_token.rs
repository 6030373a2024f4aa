//! P9: from the start of a process to its first token. Each turn starts two processes anew, the floor's and ours;
//! each measures itself, from the first line of its `main`, and prints the nanoseconds.
//!
//! P9a: the access token was persisted and is still valid. Floor: one bare read of the store. P9b: it was not.
//! Floor: connect, four bare reads, the POST, two bare writes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokencast::session::AuthSessionBuilder;
use tokencast::storage::{self, KeyFailure, KeyWrapper};
use zeroize::Zeroizing;

use crate::bare_file::BareFile;
use crate::bare_keyring::BareEntry;
use crate::measure::{Row, in_turns, micros};
use crate::rig::{self, Weighed};
use crate::server::{bare_client, bare_post, serve_fixed_bytes};

const TURNS: usize = 40;

/// The first argument of a process that is started here.
pub(crate) const CHILD: &str = "measured-child";

pub(crate) fn measure_persisted() -> Result<Vec<Row>, String> {
    let rows = [
        (Store::Keyring, "P9a", Some(1.3)),
        (Store::File, "side:P9a-file", None),
    ];
    measure(rows, true, "persisted; floor: one bare read")
}

pub(crate) fn measure_refreshed() -> Result<Vec<Row>, String> {
    let rows = [
        (Store::Keyring, "P9b", Some(1.2)),
        (Store::File, "side:P9b-file", None),
    ];
    measure(rows, false, "refreshed; floor: 4 reads, POST, 2 writes")
}

/// What one of these processes is told by its arguments.
struct Errand {
    store: Store,
    persisted: bool,
    /// Or only the floor.
    ours: bool,
    url: String,
    folder: PathBuf,
    application: String,
    size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Keyring,
    File,
}

fn measure(rows: [(Store, &str, Option<f64>); 2], persisted: bool, act: &str) -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let url = runtime.block_on(serve_fixed_bytes());
    let measured = rows.into_iter().map(|(store, id, goal)| {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut errand = Errand {
            store,
            persisted,
            ours: true,
            url: url.clone(),
            folder: folder.path().to_owned(),
            application: format!("dev.tokencast.bench.{id}.{}", std::process::id()),
            size: 0,
        };
        errand.size = runtime.block_on(errand.prepare())?;
        let floor = || errand.run(false);
        let ours = || errand.run(true);
        let medians = in_turns(TURNS, floor, ours)?;
        let place = if store == Store::Keyring {
            "Secret Service"
        } else {
            "sealed file"
        };
        let act = format!("start to token, {place}, {act}");
        Ok(Row::new(id, &act, medians, micros, "us", goal))
    });
    measured.collect()
}

impl Errand {
    /// Leaves a session and the floor's entry behind, and gives the record's size.
    async fn prepare(&self) -> Result<usize, String> {
        let (builder, size) = match self.store {
            Store::Keyring => {
                let (store, size) = Weighed::new(storage::keyring(self.application.as_str()));
                (self.builder().storage(store), size)
            }
            Store::File => {
                let (store, size) = Weighed::new(storage::file(self.folder.join("store")));
                (self.builder().storage(store).key_wrapper(Arc::new(Turned)), size)
            }
        };
        rig::adopted(builder).await?;
        match self.store {
            Store::Keyring => BareEntry::connect(&self.application, size.get())?.write()?,
            Store::File => BareFile::new(&self.folder, size.get()).write()?,
        }
        Ok(size.get())
    }

    /// Runs the errand in a process of its own.
    fn run(&self, ours: bool) -> Result<Duration, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let store = if self.store == Store::Keyring {
            "keyring"
        } else {
            "file"
        };
        let output = Command::new(this)
            .args([
                CHILD,
                store,
                &self.persisted.to_string(),
                &ours.to_string(),
                &self.url,
            ])
            .arg(&self.folder)
            .args([&self.application, &self.size.to_string()])
            .output()
            .map_err(|error| error.to_string())?;
        let nanos = String::from_utf8_lossy(&output.stdout).trim().parse();
        nanos.map(Duration::from_nanos).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("a measured process failed: {}", said.trim())
        })
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || arguments.next();
        Some(Self {
            store: if next()? == "keyring" {
                Store::Keyring
            } else {
                Store::File
            },
            persisted: next()? == "true",
            ours: next()? == "true",
            url: next()?,
            folder: next()?.into(),
            application: next()?,
            size: next()?.parse().ok()?,
        })
    }

    fn builder(&self) -> AuthSessionBuilder {
        let builder = rig::builder(&self.url).state_dir(self.folder.join("state"));
        if self.persisted {
            builder.persist_access_token()
        } else {
            builder
        }
    }

    async fn first_token(&self) -> Result<(), String> {
        let builder = match self.store {
            Store::Keyring => self
                .builder()
                .storage(storage::keyring(self.application.as_str())),
            Store::File => {
                let builder = self.builder().storage(storage::file(self.folder.join("store")));
                builder.key_wrapper(Arc::new(Turned))
            }
        };
        let session = builder.build().map_err(|error| error.to_string())?;
        let token = session.access_token().await;
        token.map(drop).map_err(|error| error.to_string())
    }

    fn floor(&self) -> Result<(), String> {
        match self.store {
            Store::Keyring => {
                let entry = BareEntry::connect(&self.application, self.size)?;
                self.floor_on(|| entry.read(), || entry.write())
            }
            Store::File => {
                let file = BareFile::new(&self.folder, self.size);
                self.floor_on(|| file.read(), || file.write())
            }
        }
    }

    fn floor_on(
        &self,
        read: impl Fn() -> Result<(), String>,
        write: impl Fn() -> Result<(), String>,
    ) -> Result<(), String> {
        read()?;
        if self.persisted {
            return Ok(());
        }
        read()?;
        write()?;
        read()?;
        let posted = small_runtime().block_on(bare_post(&bare_client(), &self.url));
        posted.map_err(|error| error.without_url().to_string())?;
        read()?;
        write()
    }
}

/// The other process's `main`, which began at `start`.
pub(crate) fn child(start: Instant, arguments: impl Iterator<Item = String>) -> Result<Duration, String> {
    let errand = Errand::parse(arguments).ok_or("these arguments are for the bench itself")?;
    if errand.ours {
        small_runtime().block_on(errand.first_token())?;
    } else {
        errand.floor()?;
    }
    Ok(start.elapsed())
}

/// An app's smallest runtime, in the floor's process as in ours.
fn small_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime starts")
}

/// Stands for the platform's key; it costs nothing, and keeps nothing secret.
struct Turned;

impl KeyWrapper for Turned {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.iter().map(|byte| !byte).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(Zeroizing::new(wrapped.iter().map(|byte| !byte).collect()))
    }
}
