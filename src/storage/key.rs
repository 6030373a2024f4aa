use zeroize::Zeroizing;

/// Wraps one 32-byte data key with a key that the platform guards, such as one in the Android Keystore.
///
/// Called when a session is restored and when its first record is written, never at the commit of an exchange:
/// so trouble with the platform's key, or a biometric gate, comes before a token is spent.
pub trait KeyWrapper: Send + Sync + 'static {
    /// Wraps a data key. The result is stored beside the record in clear. Makes the platform's key when there is
    /// none, and a new one, under a new name, when the old one is gone or does not serve.
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure>;

    /// Gives back the data key that was wrapped.
    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure>;
}

/// Why the platform's key did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFailure {
    /// The device is locked, or the user did not pass the gate.
    #[error("the key is locked")]
    Locked,
    /// Something that may pass.
    #[error("the key is not available now")]
    Transient,
    /// The key was deleted or invalidated: what it wrapped is lost.
    #[error("the key is gone")]
    Gone,
}
