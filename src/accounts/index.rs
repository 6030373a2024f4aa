//! The list as it is stored: ids, names and which account is the current one. No token is ever in it. Pure.

use serde::{Deserialize, Serialize};

use super::{Account, AccountList};
use crate::error::{Failure, LockedCause};

/// How many accounts a list holds.
pub(super) const MOST: usize = 64;
/// Accounts that are removed and wait for the server, on top of those.
const MOST_LEAVING: usize = 64;
const LONGEST_ID: usize = 128;
const LONGEST_NAME: usize = 256;
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    /// How many accounts were ever added. An entry is named by its count: one that is removed and added again is another, so
    /// that nothing of the old one, in a late process or a late write, can be taken for it.
    count: u64,
    /// The current one, by its count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<u64>,
    #[serde(default)]
    accounts: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    n: u64,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Removed: not shown any more, and forgotten when its record is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leaving: bool,
}

/// The name of an account's entry. The count ends at the second slash, whatever stands in the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) n: u64,
    pub(super) name: String,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            version: VERSION,
            count: 0,
            current: None,
            accounts: Vec::new(),
        }
    }
}

impl Index {
    /// Reads the list; none, or one that is damaged, is empty. One of a newer version is not touched.
    pub(super) fn read(bytes: Option<&[u8]>) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Some(bytes) = bytes else {
            return Ok(Self::default());
        };
        if serde_json::from_slice::<Version>(bytes).is_ok_and(|found| found.version > VERSION) {
            return Err(Failure::Locked(LockedCause::NewerFormat));
        }
        Ok(serde_json::from_slice(bytes).unwrap_or_else(|_| {
            tracing::warn!(
                "the list of accounts was damaged; accounts that are added again find their sessions"
            );
            Self::default()
        }))
    }

    pub(super) fn written(&self) -> Vec<u8> {
        // Strings and numbers: nothing that JSON cannot hold.
        serde_json::to_vec(self).expect("a list serialises")
    }

    pub(super) fn list(&self) -> AccountList {
        let shown = self.accounts.iter().filter(|line| !line.leaving);
        AccountList {
            current: self.current_line().map(|line| line.id.clone()),
            accounts: shown
                .map(|line| Account {
                    id: line.id.clone(),
                    name: line.name.clone(),
                })
                .collect(),
        }
    }

    pub(super) fn entry(&self, id: &str) -> Option<Entry> {
        self.line(id).map(Line::entry)
    }

    pub(super) fn current(&self) -> Option<Entry> {
        self.current_line().map(Line::entry)
    }

    /// Adds an account, or gives one that is there another name.
    pub(super) fn add(&mut self, id: &str, name: Option<String>) -> Result<Entry, Failure> {
        check("account's id", id, LONGEST_ID)?;
        if let Some(name) = &name {
            check("account's name", name, LONGEST_NAME)?;
        }
        let known = self
            .accounts
            .iter_mut()
            .find(|line| line.id == id && !line.leaving);
        if let Some(line) = known {
            line.name = name.or(line.name.take());
            return Ok(line.entry());
        }
        let leaving = self.accounts.iter().filter(|line| line.leaving).count();
        if self.accounts.len() - leaving >= MOST {
            return Err(Failure::misconfigured(
                format!("there are {MOST} accounts already"),
                "let the user remove one",
            ));
        }
        self.count += 1;
        let line = Line {
            n: self.count,
            id: id.to_owned(),
            name,
            leaving: false,
        };
        let entry = line.entry();
        self.accounts.push(line);
        self.current.get_or_insert(entry.n);
        Ok(entry)
    }

    pub(super) fn switch_to(&mut self, id: &str) -> Option<Entry> {
        let entry = self.entry(id)?;
        self.current = Some(entry.n);
        Some(entry)
    }

    /// Shows an account no more, until its record is gone.
    pub(super) fn leave(&mut self, id: &str) -> Result<Option<Entry>, Failure> {
        let leaving = self.accounts.iter().filter(|line| line.leaving).count();
        let Some(line) = self
            .accounts
            .iter_mut()
            .find(|line| line.id == id && !line.leaving)
        else {
            return Ok(None);
        };
        if leaving >= MOST_LEAVING {
            // The server could not be told of so many: it has to be reached first.
            return Err(Failure::Offline);
        }
        line.leaving = true;
        let entry = line.entry();
        self.current = self.current.filter(|current| *current != entry.n);
        Ok(Some(entry))
    }

    /// Those that are removed and not gone yet.
    pub(super) fn leaving(&self) -> Vec<Entry> {
        let leaving = self.accounts.iter().filter(|line| line.leaving);
        leaving.map(Line::entry).collect()
    }

    /// Those of one id that are removed and not gone yet.
    pub(super) fn leaving_as(&self, id: &str) -> Vec<Entry> {
        let leaving = self.accounts.iter().filter(|line| line.leaving && line.id == id);
        leaving.map(Line::entry).collect()
    }

    /// Its record is gone.
    pub(super) fn forget(&mut self, n: u64) {
        self.accounts.retain(|line| line.n != n || !line.leaving);
    }

    fn line(&self, id: &str) -> Option<&Line> {
        self.accounts.iter().find(|line| line.id == id && !line.leaving)
    }

    fn current_line(&self) -> Option<&Line> {
        let current = self.current?;
        self.accounts
            .iter()
            .find(|line| line.n == current && !line.leaving)
    }
}

impl Line {
    fn entry(&self) -> Entry {
        Entry {
            n: self.n,
            name: format!("tokencast.account/{}/{}", self.n, self.id),
        }
    }
}

fn check(what: &str, text: &str, longest: usize) -> Result<(), Failure> {
    let sound =
        !text.is_empty() && text.len() <= longest && text.trim() == text && !text.contains(char::is_control);
    if sound {
        return Ok(());
    }
    Err(Failure::misconfigured(
        format!("the {what} is none"),
        format!("use 1 to {longest} bytes without control characters, and no space around them"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(index: &Index) -> Vec<String> {
        let accounts = index.list().accounts.into_iter();
        accounts.map(|account| account.id).collect()
    }

    #[test]
    fn a_released_list_still_loads_and_unknown_fields_are_left_out() {
        let frozen = r#"{"version":1,"count":3,"current":2,"accounts":[{"n":2,"id":"ada","name":"Ada"},{"n":3,"id":"bob","leaving":true}]}"#;
        let index = Index::read(Some(frozen.as_bytes())).unwrap();
        assert_eq!(index.written(), frozen.as_bytes());
        assert_eq!(index.entry("ada").unwrap().name, "tokencast.account/2/ada");
        let later = frozen.replace("\"count\"", "\"colour\":\"red\",\"count\"");
        assert_eq!(Index::read(Some(later.as_bytes())).unwrap(), index);
        let newer = frozen.replace("\"version\":1", "\"version\":2");
        assert_eq!(
            Index::read(Some(newer.as_bytes())),
            Err(Failure::Locked(LockedCause::NewerFormat))
        );
    }

    #[test]
    fn odd_ids_never_share_an_entry() {
        let mut index = Index::default();
        let odd = [
            "a",
            "A",
            "a/",
            "1/a",
            "é",
            "e\u{301}",
            "a b",
            "../a",
            "tokencast.account/1/a",
        ];
        let mut names: Vec<_> = odd.map(|id| index.add(id, None).unwrap().name).to_vec();
        assert_eq!(ids(&index), odd);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), odd.len());
        for senseless in ["", " ", " a", "a\n", "a\0b", &"x".repeat(129)] {
            assert!(index.add(senseless, None).is_err(), "{senseless:?}");
        }
        assert!(index.add("ok", Some("x".repeat(257))).is_err());
    }

    #[test]
    fn an_account_added_again_is_another_entry_and_one_that_is_there_keeps_its_own() {
        let mut index = Index::default();
        let first = index.add("ada", Some("Ada".into())).unwrap();
        assert_eq!(index.add("ada", None).unwrap(), first);
        assert_eq!(index.list().accounts[0].name.as_deref(), Some("Ada"));
        assert_eq!(index.leave("ada").unwrap(), Some(first.clone()));
        assert_eq!((ids(&index), index.list().current), (Vec::new(), None));
        let second = index.add("ada", None).unwrap();
        assert_ne!(second.name, first.name);
        assert_eq!(index.leaving_as("ada"), std::slice::from_ref(&first));
        index.forget(first.n);
        index.forget(second.n);
        assert_eq!(ids(&index), ["ada"]);
        assert!(index.leaving().is_empty());
    }

    #[test]
    fn the_first_account_is_the_current_one_until_another_is_chosen() {
        let mut index = Index::default();
        index.add("ada", None).unwrap();
        index.add("bob", None).unwrap();
        assert_eq!(index.list().current.as_deref(), Some("ada"));
        index.switch_to("bob").unwrap();
        assert!(index.switch_to("eve").is_none());
        assert_eq!(index.list().current.as_deref(), Some("bob"));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut index = Index::default();
        for n in 0..MOST {
            index.add(&format!("{n}"), None).unwrap();
        }
        assert!(matches!(
            index.add("more", None),
            Err(Failure::Misconfigured { .. })
        ));
        for n in 0..MOST_LEAVING {
            index.leave(&format!("{n}")).unwrap();
            index.add(&format!("again{n}"), None).unwrap();
        }
        assert_eq!(index.leave("again1"), Err(Failure::Offline));
        assert!(index.written().len() < 64 * 1024);
    }

    #[test]
    fn a_damaged_list_is_an_empty_one() {
        assert_eq!(Index::read(Some(b"{\"version\":1,\"acc")), Ok(Index::default()));
    }
}
