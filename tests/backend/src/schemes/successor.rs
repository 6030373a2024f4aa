//! The successor of an exchanged token, kept so that only who presents the same token and key again can read it:
//! a stolen database holds no usable token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::secret::{IdempotencyKey, RefreshToken, random_bytes};

/// Seals the successor under a key derived from (presented token, idempotency key).
pub(super) fn seal(
    successor: &RefreshToken,
    presented: &RefreshToken,
    key: &IdempotencyKey,
) -> Result<String, Unspecified> {
    let nonce = random_bytes::<NONCE_LEN>();
    let mut bytes = successor.expose().as_bytes().to_vec();
    sealing_key(presented, key)?.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        aad(presented),
        &mut bytes,
    )?;
    Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &bytes].concat()))
}

/// The successor, for the same token and key only.
pub(super) fn open(
    sealed: &str,
    presented: &RefreshToken,
    key: &IdempotencyKey,
) -> Result<RefreshToken, Unspecified> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unspecified)?;
    let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
    let mut rest = rest.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = sealing_key(presented, key)?.open_in_place(nonce, aad(presented), &mut rest)?;
    let text = String::from_utf8(plain.to_vec()).map_err(|_| Unspecified)?;
    Ok(RefreshToken::presented(text))
}

/// HKDF (RFC 5869): the token is the keying material, it has 256 random bits; the client's key is the salt.
fn sealing_key(presented: &RefreshToken, key: &IdempotencyKey) -> Result<LessSafeKey, Unspecified> {
    let secret = Salt::new(HKDF_SHA256, key.expose().as_bytes()).extract(presented.expose().as_bytes());
    let derived = secret.expand(&[b"tokencast successor v1"], &AES_256_GCM)?;
    Ok(LessSafeKey::new(UnboundKey::from(derived)))
}

fn aad(presented: &RefreshToken) -> Aad<Vec<u8>> {
    Aad::from(presented.fingerprint().as_str().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_opens_for_the_same_token_and_key_only() {
        let (old, new) = (RefreshToken::random(), RefreshToken::random());
        let key = IdempotencyKey::parse(b"key-1").unwrap();
        let sealed = seal(&new, &old, &key).unwrap();
        assert!(!sealed.contains(new.expose()));
        assert_eq!(open(&sealed, &old, &key).unwrap().expose(), new.expose());
        assert!(open(&sealed, &old, &IdempotencyKey::parse(b"key-2").unwrap()).is_err());
        assert!(open(&sealed, &RefreshToken::random(), &key).is_err());
        for broken in ["", "AAAA", "%", &sealed[..sealed.len() - 4]] {
            assert!(open(broken, &old, &key).is_err());
        }
    }
}
