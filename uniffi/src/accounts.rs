use std::sync::Arc;

use tokencast::accounts as core;

use crate::background::BackgroundTime;
use crate::error::SessionError;
use crate::profile::ServerProfile;
use crate::request_fields::RequestFields;
use crate::session::{AuthSession, SessionOptions, builder};
use crate::storage::Storage;

/// Several accounts of one app: each a session with a record of its own, and a list of them in the same storage.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Accounts(core::Accounts);

/// One account of the list.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Account {
    /// The app's name for it.
    pub id: String,
    /// What the user knows it by.
    pub name: Option<String>,
}

/// The list as it stands in the storage.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct AccountList {
    /// In the order in which they were added.
    pub accounts: Vec<Account>,
    /// The id of the current one.
    pub current: Option<String>,
}

#[uniffi::export]
impl Accounts {
    /// The accounts whose sessions are made of these parts. Does no I/O. The options name no entry: each account has one of
    /// its own.
    #[uniffi::constructor(default(background_time = None, request_fields = None))]
    pub fn new(
        profile: Arc<ServerProfile>,
        storage: Arc<Storage>,
        options: SessionOptions,
        background_time: Option<Arc<dyn BackgroundTime>>,
        request_fields: Option<Arc<dyn RequestFields>>,
    ) -> Result<Self, SessionError> {
        let template = builder(&profile, &storage, options, background_time, request_fields)?;
        Ok(Self(core::Accounts::new(template)?))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl Accounts {
    /// The accounts and the current one. Opens no session; nothing goes over the network.
    pub async fn list(&self) -> Result<AccountList, SessionError> {
        let core::AccountList {
            accounts, current, ..
        } = self.0.list().await?;
        let accounts = accounts
            .into_iter()
            .map(|core::Account { id, name, .. }| Account { id, name });
        Ok(AccountList {
            accounts: accounts.collect(),
            current,
        })
    }

    /// Puts an account on the list and opens its session. The first one becomes the current one; one that is on the list
    /// already is opened, and takes a new name if one is given.
    pub async fn add(&self, id: String, name: Option<String>) -> Result<Arc<AuthSession>, SessionError> {
        Ok(opened(self.0.add(&id, name.as_deref()).await?))
    }

    /// Opens the session of an account that is on the list.
    pub async fn open(&self, id: String) -> Result<Arc<AuthSession>, SessionError> {
        Ok(opened(self.0.open(&id).await?))
    }

    /// Opens the session of the current account, if there is one.
    pub async fn current(&self) -> Result<Option<Arc<AuthSession>>, SessionError> {
        Ok(self.0.current().await?.map(opened))
    }

    /// Makes an account the current one, for the next start too, and opens its session.
    pub async fn switch_to(&self, id: String) -> Result<Arc<AuthSession>, SessionError> {
        Ok(opened(self.0.switch_to(&id).await?))
    }

    /// Signs an account out, revokes, and deletes all that is kept of it; its sessions in this process are closed. Without
    /// a network the revocation is kept for the next start.
    pub async fn remove(&self, id: String) -> Result<(), SessionError> {
        Ok(self.0.remove(&id).await?)
    }
}

fn opened(session: tokencast::AuthSession) -> Arc<AuthSession> {
    Arc::new(AuthSession::of(session))
}
