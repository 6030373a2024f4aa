//! Data keys in a place that is too small for a record. Pure, so that it is tested where there is no such place.

use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::storage::{KeyFailure, KeyWrapper};

/// Says what the names of keys are made from, and their version.
const DOMAIN: &[u8] = b"tokencast-key/1";
const NAME: &str = "tokencast/key/";

/// Keeps a few bytes secret under a name.
pub(super) trait KeyPlace: Send + Sync + 'static {
    /// `None`: the place was readable and has no such key.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFailure>;

    fn write(&self, name: &str, key: &[u8]) -> Result<(), KeyFailure>;
}

/// Keeps each data key itself in the place. What stands beside the record, "wrapped", is only the key's name: 16 bytes of
/// its hash. A key of its own for each record that is sealed anew, so that no process replaces another's.
pub(super) struct KeptKeys<P>(pub(super) P);

impl<P: KeyPlace> KeyWrapper for KeptKeys<P> {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        let name = name_of(data_key);
        self.0.write(&name, data_key)?;
        // Once for each key: a record whose key did not land would be lost.
        match self.0.read(&name)? {
            Some(kept) if kept.as_slice() == data_key => Ok(name.into_bytes()),
            _ => Err(KeyFailure::Transient),
        }
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        let name = std::str::from_utf8(wrapped)
            .ok()
            .filter(|name| name.starts_with(NAME));
        // Another wrapper's, which never named a key here.
        let name = name.ok_or(KeyFailure::Gone)?;
        // "Not found" alone is no proof: three launches of it are (trusted absence).
        let kept = self.0.read(name)?.ok_or(KeyFailure::Transient)?;
        if name_of(&kept) != name {
            return Err(KeyFailure::Gone);
        }
        Ok(kept)
    }
}

fn name_of(key: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(DOMAIN);
    hash.update(key);
    let hash = hash.finish();
    let hex: String = hash.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{NAME}{hex}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct InMemory {
        keys: Arc<Mutex<HashMap<String, Vec<u8>>>>,
        failure: Option<KeyFailure>,
        /// Says yes and keeps nothing.
        lies: bool,
    }

    impl KeyPlace for InMemory {
        fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFailure> {
            match self.failure {
                Some(failure) => Err(failure),
                None => Ok(self.keys.lock().unwrap().get(name).cloned().map(Zeroizing::new)),
            }
        }

        fn write(&self, name: &str, key: &[u8]) -> Result<(), KeyFailure> {
            if !self.lies {
                self.keys.lock().unwrap().insert(name.into(), key.to_vec());
            }
            self.failure.map_or(Ok(()), Err)
        }
    }

    #[test]
    fn a_key_is_found_by_the_next_process_and_its_name_does_not_tell_it() {
        let place = InMemory::default();
        let wrapped = KeptKeys(place.clone()).wrap(&[7; 32]).unwrap();
        assert!(!wrapped.windows(4).any(|part| part == [7; 4]));
        assert_eq!(KeptKeys(place).unwrap(&wrapped).unwrap().as_slice(), [7; 32]);
    }

    #[test]
    fn a_second_record_does_not_replace_the_key_of_the_first() {
        let keys = KeptKeys(InMemory::default());
        let [one, two] = [1, 2].map(|byte| keys.wrap(&[byte; 32]).unwrap());
        assert_eq!(keys.unwrap(&one).unwrap().as_slice(), [1; 32]);
        assert_eq!(keys.unwrap(&two).unwrap().as_slice(), [2; 32]);
    }

    #[test]
    fn a_key_that_is_not_found_may_be_back_and_one_that_changed_is_gone() {
        let place = InMemory::default();
        let keys = KeptKeys(place.clone());
        let wrapped = keys.wrap(&[7; 32]).unwrap();
        for changed in [vec![8; 32], vec![7; 31], Vec::new()] {
            place
                .keys
                .lock()
                .unwrap()
                .values_mut()
                .for_each(|key| *key = changed.clone());
            assert_eq!(keys.unwrap(&wrapped), Err(KeyFailure::Gone));
        }
        place.keys.lock().unwrap().clear();
        assert_eq!(keys.unwrap(&wrapped), Err(KeyFailure::Transient));
    }

    #[test]
    fn what_another_wrapper_wrapped_is_gone() {
        let keys = KeptKeys(InMemory::default());
        for foreign in [&b"other"[..], &[0xff; 60], b""] {
            assert_eq!(keys.unwrap(foreign), Err(KeyFailure::Gone));
        }
    }

    #[test]
    fn a_place_that_fails_or_lies_wraps_no_key() {
        for failure in [KeyFailure::Locked, KeyFailure::Transient] {
            let place = InMemory {
                failure: Some(failure),
                ..InMemory::default()
            };
            assert_eq!(KeptKeys(place).wrap(&[7; 32]), Err(failure));
        }
        let lying = InMemory {
            lies: true,
            ..InMemory::default()
        };
        assert_eq!(KeptKeys(lying).wrap(&[7; 32]), Err(KeyFailure::Transient));
    }
}
