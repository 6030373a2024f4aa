//! The end of an entry: only an account that is removed comes here.

use std::sync::Arc;

use super::AuthSession;
use super::core::Core;
use crate::error::SessionError;
use crate::lock::LockKind;

impl AuthSession {
    /// Signs out, revokes, and deletes the record with all notes on it; the session is closed then. `false`: the server could
    /// not be told, and the record stays for that.
    pub(crate) async fn erase(&self) -> Result<bool, SessionError> {
        self.0.core.clone().erase().await
    }
}

impl Core {
    async fn erase(self: Arc<Self>) -> Result<bool, SessionError> {
        self.clone().sign_out().await?;
        self.detached(move |core| async move {
            // From here on no exchange is under way, in any process: none can bring a record back.
            let flight = core
                .ledger
                .lock(LockKind::Flight, core.plan.lock_deadline)
                .await?;
            core.clone().revoke_pending().await;
            let erased = core.ledger.erase(core.profile.id().to_owned(), flight).await?;
            if erased {
                let recorder = core.recorder.clone();
                core.ledger.aside(move || recorder.erase()).await;
                core.close();
            }
            Ok(erased)
        })
        .await
    }
}
