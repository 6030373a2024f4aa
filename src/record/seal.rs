//! Sealing: a record for a place that keeps no secrets itself is encrypted with AES-256-GCM under a data key,
//! with the entry's name as associated data. The data key travels with the record, wrapped by the platform.
//!
//! ```text
//! tokencast-sealed/1 <key id> <wrapped data key> <nonce> <ciphertext>      (each base64, no padding)
//! ```

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::Unreadable;
use crate::random::{NoRandomness, Random};

const MAGIC: &str = "tokencast-sealed/";
const VERSION: &str = "1";

/// 32 bytes that seal records. Made by the core, wrapped by the platform, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new key.
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// The key that a platform unwrapped; `None` unless it is 32 bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        (bytes.len() == 32).then(|| key.copy_from_slice(bytes))?;
        Some(Self(key))
    }

    /// The bytes, for the platform to wrap.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> LessSafeKey {
        // 32 bytes are what this algorithm takes: the only reason for an error.
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.0.as_ref()).expect("a 32-byte key"))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

/// A sealed record as it is stored, taken apart.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) wrapped_key: Vec<u8>,
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

/// What makes one sealing unlike all others. Not `Clone`: a second use would break the cipher.
pub(crate) struct SealNonce([u8; NONCE_LEN]);

impl SealNonce {
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut bytes = [0; NONCE_LEN];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The bytes of a sealed record, their place or the key are not those it was sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

impl Sealed {
    /// Seals `plain` for the entry `name`.
    pub(crate) fn seal(
        plain: &[u8],
        name: &str,
        key: &DataKey,
        wrapped_key: &[u8],
        SealNonce(nonce): SealNonce,
    ) -> Result<Self, DoesNotOpen> {
        let mut ciphertext = plain.to_vec();
        let aad = Aad::from(associated(name));
        key.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut ciphertext)
            .map_err(|_| DoesNotOpen)?;
        Ok(Self {
            key_id: key_id(wrapped_key),
            wrapped_key: wrapped_key.to_vec(),
            nonce,
            ciphertext,
        })
    }

    /// Opens it with the key that `wrapped_key` unwraps to.
    pub(crate) fn open(&self, name: &str, key: &DataKey) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let mut bytes = Zeroizing::new(self.ciphertext.clone());
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let plain = key
            .cipher()
            .open_in_place(nonce, Aad::from(associated(name)), &mut bytes);
        let length = plain.map_err(|_| DoesNotOpen)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    pub(crate) fn to_text(&self) -> String {
        let Self {
            key_id,
            wrapped_key,
            nonce,
            ciphertext,
        } = self;
        let [wrapped_key, nonce, ciphertext] =
            [&wrapped_key[..], nonce, ciphertext].map(|part| BASE64.encode(part));
        format!("{MAGIC}{VERSION} {key_id} {wrapped_key} {nonce} {ciphertext}")
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Corrupt)?;
        let rest = text.strip_prefix(MAGIC).ok_or(Unreadable::Corrupt)?;
        let parts: Vec<&str> = rest.split(' ').collect();
        if parts[0] != VERSION {
            let newer = parts[0].parse::<u32>().is_ok_and(|version| version > 1);
            return Err(if newer {
                Unreadable::NewerFormat
            } else {
                Unreadable::Corrupt
            });
        }
        let [_, key_id, wrapped_key, nonce, ciphertext] = parts[..] else {
            return Err(Unreadable::Corrupt);
        };
        let part = |text: &str| BASE64.decode(text).map_err(|_| Unreadable::Corrupt);
        Ok(Self {
            key_id: key_id.to_owned(),
            wrapped_key: part(wrapped_key)?,
            nonce: part(nonce)?.try_into().map_err(|_| Unreadable::Corrupt)?,
            ciphertext: part(ciphertext)?,
        })
    }
}

/// Names the wrapped key, so that a reader knows whether it has unwrapped this one already.
pub(crate) fn key_id(wrapped_key: &[u8]) -> String {
    BASE64.encode(&ring::digest::digest(&ring::digest::SHA256, wrapped_key).as_ref()[..8])
}

fn associated(name: &str) -> Vec<u8> {
    format!("{MAGIC}{VERSION} {name}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    fn key() -> DataKey {
        DataKey::draw(&SystemRandom::default()).unwrap()
    }

    fn nonce() -> SealNonce {
        SealNonce::draw(&SystemRandom::default()).unwrap()
    }

    #[test]
    fn a_sealed_record_opens_under_its_own_name_and_key_only() {
        let right = key();
        let sealed = Sealed::seal(b"record", "session/1", &right, b"wrapped", nonce()).unwrap();
        let text = sealed.to_text();
        assert!(!text.contains("record"));
        let read = Sealed::parse(text.as_bytes()).unwrap();
        assert_eq!(read.wrapped_key, b"wrapped");
        assert_eq!(read.open("session/1", &right).unwrap().as_slice(), b"record");
        assert_eq!(read.open("session/2", &right).unwrap_err(), DoesNotOpen);
        assert_eq!(read.open("session/1", &key()).unwrap_err(), DoesNotOpen);
    }

    #[test]
    fn one_record_sealed_twice_looks_different() {
        let key = key();
        let [a, b] = [0, 1].map(|_| Sealed::seal(b"x", "n", &key, b"w", nonce()).unwrap().to_text());
        assert_ne!(a, b);
    }

    #[test]
    fn damage_is_corrupt_and_a_newer_version_is_newer() {
        let text = Sealed::seal(b"x", "n", &key(), b"w", nonce()).unwrap().to_text();
        let refused = |text: &str| Sealed::parse(text.as_bytes()).err();
        assert_eq!(
            refused(&text[..text.rfind(' ').unwrap()]),
            Some(Unreadable::Corrupt)
        );
        assert_eq!(
            refused(&text.replacen("sealed/1", "sealed/2", 1)),
            Some(Unreadable::NewerFormat)
        );
        for bad in [
            "",
            "x",
            "tokencast-sealed/1",
            "tokencast-sealed/1 a b c d",
            "tokencast-sealed/x a a a a",
        ] {
            assert_eq!(refused(bad), Some(Unreadable::Corrupt), "{bad}");
        }
    }

    #[test]
    fn only_32_bytes_are_a_data_key() {
        assert!(DataKey::from_bytes(&[7; 31]).is_none() && DataKey::from_bytes(&[7; 32]).is_some());
    }
}
