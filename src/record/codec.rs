//! The record's text form: a version, a checksum, JSON.
//!
//! ```text
//! tokencast-record/1 <SHA-256 of what follows the line break, hexadecimal>
//! {"kind":"session", …}
//! ```

use zeroize::Zeroizing;

use super::Record;
use crate::token::CredentialHash;

const MAGIC: &str = "tokencast-record/";
const VERSION: u32 = 1;
/// The largest record that is written or read, in bytes.
const LIMIT: usize = 256 * 1024;

/// Why bytes are not a record that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Written by a newer version: wait for the update, never overwrite.
    NewerFormat,
    /// Damaged.
    Corrupt,
}

/// The text to store, and whether the whole record is in it; `None` when even without its access token the record is
/// larger than 256 KiB.
pub(crate) fn encode(record: &Record) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let text = written(record);
    if text.len() <= LIMIT {
        return Some((text, true));
    }
    let mut smaller = record.clone();
    smaller.credential.access_token = None;
    if smaller.credential.presented().is_none() && record.credential.presented().is_some() {
        // It is what the session lives by.
        return None;
    }
    let text = written(&smaller);
    (text.len() <= LIMIT).then_some((text, false))
}

/// Reads a stored text.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Corrupt)?;
    let rest = text.strip_prefix(MAGIC).ok_or(Unreadable::Corrupt)?;
    let (version, rest) = rest.split_once(' ').ok_or(Unreadable::Corrupt)?;
    match version.parse::<u32>() {
        Ok(VERSION) => {}
        Ok(newer) if newer > VERSION => return Err(Unreadable::NewerFormat),
        _ => return Err(Unreadable::Corrupt),
    }
    let (sum, json) = rest.split_once('\n').ok_or(Unreadable::Corrupt)?;
    if sum != checksum(json) {
        return Err(Unreadable::Corrupt);
    }
    serde_json::from_str(json).map_err(|_| Unreadable::Corrupt)
}

fn written(record: &Record) -> Zeroizing<Vec<u8>> {
    // Strings, numbers and lists of them: nothing that JSON cannot hold.
    let json = Zeroizing::new(serde_json::to_string(record).expect("a record serialises"));
    let head = format!("{MAGIC}{VERSION} {}\n", checksum(&json));
    Zeroizing::new([head.as_bytes(), json.as_bytes()].concat())
}

fn checksum(json: &str) -> String {
    CredentialHash::of_text(json).into()
}

#[cfg(test)]
mod tests {
    use super::super::samples::session;
    use super::*;
    use crate::error::EndReason;
    use crate::time::WallTime;

    /// As version 0.1.0 writes it. It must load for ever; a change of the form gets a new version number.
    const FROZEN: &str = concat!(
        "tokencast-record/1 e5768043a06b356456ffc97476ed0d2fa1e5f4ba88bc6390e3cadbaeb8caa160\n",
        r#"{"kind":"session","store":"5707e","epoch":2,"number":7,"install_id":"","profile_id":"rotation","#,
        r#""account":"ada","credential":{"refresh_token":"r"},"attempt_key":"00ff","inflight":{"started":5,"count":1},"#,
        r#""obtained_at":1000,"expires_at":61000,"server_offset_ms":-250,"a_later_field":{"x":[1]}}"#
    );

    #[test]
    fn the_frozen_text_of_version_1_loads_and_unknown_fields_are_ignored() {
        let record = decode(FROZEN.as_bytes()).unwrap();
        assert_eq!((record.generation.epoch, record.generation.number), (2, 7));
        assert_eq!(record.credential.refresh_token, Some("r".into()));
        assert_eq!(record.server_offset_ms, -250);
        assert_eq!(record.inflight.unwrap().count, 1);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let record = session(1, 4, "r\"\u{2028}é");
        assert_eq!(decode(&encode(&record).unwrap().0), Ok(record.clone()));
        let tombstone = record.buried(EndReason::Server("odd".into()), WallTime::from_unix_millis(9));
        assert_eq!(decode(&encode(&tombstone).unwrap().0), Ok(tombstone));
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_corrupt() {
        let (text, _) = encode(&session(1, 1, "r")).unwrap();
        for end in 0..text.len() {
            assert_eq!(decode(&text[..end]), Err(Unreadable::Corrupt), "{end}");
        }
        for at in 0..text.len() {
            let mut damaged = text.to_vec();
            damaged[at] ^= 0x04;
            assert!(decode(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_told_from_a_damaged_one() {
        let text = String::from_utf8(encode(&session(1, 1, "r")).unwrap().0.to_vec()).unwrap();
        let newer = text.replacen("record/1", "record/2", 1);
        assert_eq!(decode(newer.as_bytes()), Err(Unreadable::NewerFormat));
    }

    #[test]
    fn a_record_too_large_loses_its_access_token_first() {
        let mut record = session(1, 1, "r");
        record.credential.access_token = Some("a".repeat(300 * 1024).into());
        let (text, whole) = encode(&record).unwrap();
        let read = decode(&text).unwrap();
        assert!(!whole);
        assert_eq!(read.credential.access_token, None);
        record.credential.refresh_token = Some("r".repeat(300 * 1024).into());
        assert_eq!(encode(&record), None);
    }

    #[test]
    fn an_access_token_that_the_session_lives_by_is_never_left_out() {
        let mut record = session(1, 1, "r");
        record.credential.refresh_token = None;
        record.credential.access_token = Some("a".repeat(300 * 1024).into());
        assert_eq!(encode(&record), None);
        record.credential.cookie = Some("refresh=c".into());
        assert!(encode(&record).is_some_and(|(_, whole)| !whole));
    }
}
