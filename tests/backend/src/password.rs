//! Passwords: argon2id, off the runtime's threads, and no sign of whether a user exists.

use std::sync::Arc;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::PasswordCost;

/// Hashes and checks passwords, a few at a time: each takes a core, and 19 MiB at the recommended cost.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    slots: Arc<Semaphore>,
    /// Checked when there is no such user, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new(cost: PasswordCost) -> Result<Self, PasswordError> {
        let params = match cost {
            PasswordCost::Recommended => Params::default(),
            PasswordCost::Minimal => {
                Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None)
                    .map_err(|_| PasswordError)?
            }
        };
        let mut passwords = Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            slots: Arc::new(Semaphore::new(4)),
            nobody: Arc::from(""),
        };
        passwords.nobody = Arc::from(passwords.hash("nobody's password".to_owned()).await?);
        Ok(passwords)
    }

    /// The hash to store, in PHC string form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.off_thread(move || {
            let salt = SaltString::generate(&mut OsRng);
            argon2
                .hash_password(password.as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|_| PasswordError)
        })
        .await?
    }

    /// Whether this is the password of the stored hash. Without a hash the answer is no, after the same work.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let argon2 = self.argon2.clone();
        let nobody = self.nobody.clone();
        self.off_thread(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| nobody.to_string());
            let hash = PasswordHash::new(&stored).map_err(|_| PasswordError)?;
            let matches = argon2.verify_password(password.as_bytes(), &hash).is_ok();
            Ok(known && matches)
        })
        .await?
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _slot = self.slots.acquire().await.map_err(|_| PasswordError)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError)
    }
}

/// A stored hash that cannot be read, or a runtime that is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed or checked")]
pub(crate) struct PasswordError;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_accepted() {
        let passwords = Passwords::new(PasswordCost::Minimal).await.unwrap();
        let stored = passwords.hash("lovelace".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(
            passwords
                .verify("lovelace".into(), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("Lovelace".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap());
        assert!(
            passwords
                .verify("x".into(), Some("not a hash".into()))
                .await
                .is_err()
        );
    }
}
