use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokencast::storage::{ReadOutcome, SecureStorage, WriteOutcome};

/// Where the default entry's record lives: an opaque name, the hash of `default`.
pub const ENTRY: &str = "session/37a8eec1ce19687d132fe29051dca629";

/// The record as JSON; `None` when the entry is absent.
pub fn stored(storage: &impl SecureStorage) -> Option<Value> {
    let bytes = snapshot(storage)?;
    let text = std::str::from_utf8(&bytes).unwrap();
    let (_, json) = text.split_once('\n').unwrap();
    Some(serde_json::from_str(json).unwrap())
}

/// The entry's bytes, to be put back later.
pub fn snapshot(storage: &impl SecureStorage) -> Option<Vec<u8>> {
    match storage.read(ENTRY) {
        ReadOutcome::Found(bytes) => Some(bytes.to_vec()),
        ReadOutcome::Absent => None,
        other => panic!("the test's storage is readable: {other:?}"),
    }
}

/// Puts a record there, as another process would have.
pub fn put(storage: &impl SecureStorage, record: &Value) {
    let json = record.to_string();
    let digest = ring::digest::digest(&ring::digest::SHA256, json.as_bytes());
    let sum: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("tokencast-record/1 {sum}\n{json}");
    assert_eq!(storage.write(ENTRY, text.as_bytes()), WriteOutcome::Acknowledged);
}

/// Takes the entry away behind the library's back, as a wiped keyring does.
pub fn erase(storage: &impl SecureStorage) {
    assert_eq!(storage.delete(ENTRY), WriteOutcome::Acknowledged);
}

/// A record as another process would have written it at its renewal to `number`, with an access token that lives for
/// days: `their-access-token`.
pub fn renewed_elsewhere(record: &Value, number: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let days_later = now + Duration::from_secs(10 * 24 * 3600);
    let mut record = record.clone();
    record["number"] = number.into();
    record["credential"] =
        json!({"refresh_token": "their-refresh-token", "access_token": "their-access-token"});
    record["expires_at"] = json!(u64::try_from(days_later.as_millis()).unwrap());
    record.as_object_mut().unwrap().remove("inflight");
    record
}
