//! [`Accounts`]: several accounts of one app, one of which is the current one.
//!
//! Each account is an [`AuthSession`] with a record and locks of its own. The list of them is one more entry, named
//! `accounts`, in the same storage: ids, names and the current one, never a token. It is changed by read-compare-write
//! under a lock that all processes share. An account is on the list before its session has a record, and off it only after
//! its record is gone, so that a crash at any step leaves nothing that the next start does not find.

mod index;

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::{Failure, SessionError};
use crate::session::{AuthSession, AuthSessionBuilder, Shelf};
use index::{Entry, Index};

/// How many accounts a list holds.
pub const MOST_ACCOUNTS: usize = index::MOST;

/// The accounts of one app. Cheap to clone.
///
/// ```no_run
/// use tokencast::{Accounts, AuthSession, Credentials, ServerProfile, storage};
///
/// # async fn story(password: String) -> Result<(), Box<dyn std::error::Error>> {
/// let accounts = Accounts::new(
///     AuthSession::builder(ServerProfile::rotation("https://api.example.com")?)
///         .storage(storage::keyring("com.example.app")),
/// )?;
/// let ada = accounts.add("user-17", Some("Ada")).await?;
/// ada.sign_in(Credentials::password("ada", password)).await?;
/// for account in accounts.list().await?.accounts {
///     println!("{}", account.name.unwrap_or(account.id));
/// }
/// let session = accounts.switch_to("user-17").await?;
/// accounts.remove("user-17").await?;
/// # drop(session); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    template: AuthSessionBuilder,
    shelf: Shelf,
}

/// One account of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The app's name for it, as it was given to [`Accounts::add`].
    pub id: String,
    /// What the user knows it by.
    pub name: Option<String>,
}

/// The list as it stands in the storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountList {
    /// In the order in which they were added.
    pub accounts: Vec<Account>,
    /// The id of the current one.
    pub current: Option<String>,
}

impl Accounts {
    /// The accounts whose sessions are built as `template` says, each with an entry of its own in its storage. Does no I/O;
    /// removals that could not be finished earlier are finished in the background.
    ///
    /// Errors: `Misconfigured` when a part is missing, or the template names an `.entry(…)`.
    pub fn new(template: AuthSessionBuilder) -> Result<Self, SessionError> {
        let (template, shelf) = template.with_shelf("accounts")?;
        let accounts = Self(Arc::new(Inner { template, shelf }));
        if accounts.0.shelf.may_write() {
            let inner = accounts.0.clone();
            let task = async move {
                if let Err(error) = inner.finish_removals().await {
                    tracing::debug!(%error, "removed accounts wait for the next start");
                }
            };
            accounts.0.shelf.spawn(Box::pin(task));
        }
        Ok(accounts)
    }

    /// The accounts and the current one. No session is opened and nothing goes over the network.
    ///
    /// Errors: `Locked` while the storage cannot be read.
    pub async fn list(&self) -> Result<AccountList, SessionError> {
        Ok(self.0.index().await?.list())
    }

    /// Puts an account on the list and opens its session, which is signed out at first. The first account becomes the
    /// current one. One that is on the list already is opened, and takes a new name if one is given: an app that died
    /// between adding and signing in does the same again.
    ///
    /// `id` is the app's own and opaque here: 1 to 128 bytes without control characters, compared byte by byte.
    ///
    /// Errors: `Misconfigured` (an id that is none; more than [`MOST_ACCOUNTS`]), `Locked`, `StorageFailed`.
    pub async fn add(&self, id: &str, name: Option<&str>) -> Result<AuthSession, SessionError> {
        let (id, name) = (id.to_owned(), name.map(str::to_owned));
        let entry = self.0.amend(move |index| index.add(&id, name)).await?;
        self.0.session(&entry)
    }

    /// Opens the session of an account. All that are open in one process are one session.
    ///
    /// Errors: `Misconfigured` when it is not on the list, `Locked`.
    pub async fn open(&self, id: &str) -> Result<AuthSession, SessionError> {
        let entry = self.0.index().await?.entry(id).ok_or_else(unknown)?;
        self.0.session(&entry)
    }

    /// Opens the session of the current account, if there is one.
    pub async fn current(&self) -> Result<Option<AuthSession>, SessionError> {
        let entry = self.0.index().await?.current();
        entry.map(|entry| self.0.session(&entry)).transpose()
    }

    /// Makes an account the current one, for the next start too, and opens its session. The others go on as they are.
    ///
    /// Errors: `Misconfigured` when it is not on the list, `Locked`, `StorageFailed`: the one before is still current.
    pub async fn switch_to(&self, id: &str) -> Result<AuthSession, SessionError> {
        let id = id.to_owned();
        let entry = self
            .0
            .amend(move |index| index.switch_to(&id).ok_or_else(unknown));
        self.0.session(&entry.await?)
    }

    /// Signs an account out, as [`AuthSession::sign_out`] does, and deletes all that is kept of it: its record, its history,
    /// its locks. Its sessions in this process are closed. It is off the list at once; if it was the current one, none is.
    ///
    /// Without a network the end is saved, and what is to be revoked stays stored until the server could be told: the next
    /// `remove` or start goes on. One that is not on the list counts as removed.
    ///
    /// Errors: `Locked`, `StorageFailed`, `TryAgain` (another process is in an exchange): it is off the list or will be;
    /// call it again, or let the next start finish it.
    pub async fn remove(&self, id: &str) -> Result<(), SessionError> {
        let (inner, id) = (self.0.clone(), id.to_owned());
        let (done, result) = oneshot::channel();
        // A caller that goes away only stops waiting.
        self.0.shelf.spawn(Box::pin(async move {
            let _ = done.send(inner.remove(id).await);
        }));
        result.await.unwrap_or(Err(SessionError::Closed))
    }
}

impl Inner {
    async fn index(&self) -> Result<Index, SessionError> {
        let stored = self.shelf.read().await?;
        Ok(Index::read(stored.as_ref().map(|stored| stored.as_slice()))?)
    }

    /// Changes the list as it stands in the storage then, whoever changed it before.
    async fn amend<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Index) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, SessionError> {
        self.shelf
            .amend(move |stored| {
                let before = Index::read(stored)?;
                let mut index = before.clone();
                let value = change(&mut index)?;
                Ok(((index != before).then(|| index.written()), value))
            })
            .await
    }

    fn session(&self, entry: &Entry) -> Result<AuthSession, SessionError> {
        self.template.clone().entry(entry.name.as_str()).build()
    }

    /// First off the list, then signed out, revoked and deleted, and only then forgotten.
    async fn remove(&self, id: String) -> Result<(), SessionError> {
        let named = id.clone();
        self.amend(move |index| index.leave(&named)).await?;
        for entry in self.index().await?.leaving_as(&id) {
            self.finish(entry).await?;
        }
        Ok(())
    }

    async fn finish_removals(&self) -> Result<(), SessionError> {
        for entry in self.index().await?.leaving() {
            self.finish(entry).await?;
        }
        Ok(())
    }

    async fn finish(&self, entry: Entry) -> Result<(), SessionError> {
        let erased = self.session(&entry)?.erase().await?;
        if erased {
            self.amend(move |index| {
                index.forget(entry.n);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

fn unknown() -> Failure {
    Failure::misconfigured(
        "there is no such account on the list",
        "open one of those that `list` names, or `add` it",
    )
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}
