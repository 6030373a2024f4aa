//! What the app adds to sign-in, refresh and revocation. It is asked before anything of ours is locked, written or sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::core::Core;
use crate::error::Failure;
use crate::token::Credentials;
use crate::wire::{Extra, ExtraFields, Purpose};

/// An attestation may need the network. One that takes longer than this counts as not there.
const PATIENCE: Duration = Duration::from_secs(15);

/// Adds headers and body fields of the app's own to the profile's requests, such as a device's id or an attestation. It
/// sees no token, and can override nothing that the profile places: such a field is `Misconfigured`, before anything
/// leaves.
///
/// Called where host code may block, with no lock held: asking the session for its
/// [`current_token`](super::AuthSession::current_token) or state is fine. Waiting for an exchange of the same session from
/// here is not: that exchange waits for this answer, 15 seconds at most.
///
/// A flight asks once, before it takes its locks, and every repeat of its request carries the same fields. A later flight
/// asks anew, also where it presents the same token under the same idempotency key: an attestation may have aged. A server
/// must therefore bind a key to the token alone (`docs/guides/server-contract.md`).
pub trait RequestFields: Send + Sync + 'static {
    /// What to add to the request that is about to be made.
    ///
    /// An error, or a panic, keeps the request from being sent: callers get `TryAgain` with
    /// [`TryAgainCause::App`](crate::error::TryAgainCause::App), and the session stays as it is.
    fn fields(&self, purpose: Purpose) -> Result<ExtraFields, NoFields>;
}

/// The app cannot say now what to add to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the app has no fields for the request now")]
pub struct NoFields;

impl Core {
    pub(super) async fn extra_of_sign_in(&self, credentials: &Credentials) -> Result<Extra, Failure> {
        let given = self.ask_for_fields(Purpose::SignIn).await?;
        Extra::of_sign_in(&self.profile, credentials, given)
    }

    pub(super) async fn extra_of_refresh(&self) -> Result<Extra, Failure> {
        let given = self.ask_for_fields(Purpose::Refresh).await?;
        Extra::of_refresh(&self.profile, given)
    }

    pub(super) async fn extra_of_revocation(&self) -> Result<Extra, Failure> {
        let given = self.ask_for_fields(Purpose::Revoke).await?;
        Extra::of_revocation(&self.profile, given)
    }

    async fn ask_for_fields(&self, purpose: Purpose) -> Result<ExtraFields, Failure> {
        let Some(host) = self.request_fields.clone() else {
            return Ok(ExtraFields::none());
        };
        tokio::select! {
            biased;
            // A host that panicked has no fields.
            given = ask(self, host, purpose) => given.ok().and_then(Result::ok).ok_or(Failure::NoFields),
            () = self.clock.sleep(PATIENCE) => Err(Failure::NoFields),
        }
    }
}

fn ask(
    core: &Core,
    host: Arc<dyn RequestFields>,
    purpose: Purpose,
) -> oneshot::Receiver<Result<ExtraFields, NoFields>> {
    let (answer, answered) = oneshot::channel();
    core.spawner.spawn_blocking(Box::new(move || {
        // Nobody waits any longer: the fields are dropped.
        let _ = answer.send(host.fields(purpose));
    }));
    answered
}
