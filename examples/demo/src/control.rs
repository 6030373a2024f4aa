//! What the two processes say to each other: lines of JSON on the app's standard input and output. Orders carry the
//! demo's password and its throw-away key; no line of either direction ever holds a token.

use std::fmt;
use std::path::PathBuf;

use ring::aead;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use tokencast::storage::{KeyFailure, KeyWrapper};
use tokencast::token::Generation;
use tokencast_backend::Scheme;

use crate::cli::StorageChoice;

/// A line from the launcher to the app. The first one is a [`Setup`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Comes back in the answer.
    pub(crate) id: u64,
    pub(crate) order: Order,
}

/// What the app is to do.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    SignIn {
        username: String,
        password: String,
    },
    SignOut,
    /// Asks the session for an access token; the answer is what the caller was told.
    Renew,
    /// Loads a page that the server renders, in a window of the app's.
    Load {
        path: String,
    },
    /// Asks to be told how things stand.
    Report,
    /// Moves the app's clock forward.
    Advance {
        ms: u64,
    },
    /// Asks for the address at which a page connects, once.
    Invite {
        url: String,
    },
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn { .. } => "SignIn",
            Self::SignOut => "SignOut",
            Self::Renew => "Renew",
            Self::Load { .. } => "Load",
            Self::Report => "Report",
            Self::Advance { .. } => "Advance",
            Self::Invite { .. } => "Invite",
        })
    }
}

/// What an app process is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The server.
    pub(crate) api: String,
    /// How it keeps a session alive.
    #[serde(with = "crate::scheme::by_name")]
    pub(crate) scheme: Scheme,
    /// The pages that may have access tokens.
    pub(crate) origins: Vec<String>,
    /// The addresses that the app shows in webviews of its own, if it does.
    pub(crate) webviews: Vec<String>,
    /// Where files live.
    pub(crate) folder: PathBuf,
    /// The session's name in its storage: another one for each run of the demo.
    pub(crate) entry: String,
    pub(crate) storage: StorageChoice,
    /// What seals the file.
    pub(crate) key: DemoKey,
    /// How far the app's clock is ahead of the system's.
    pub(crate) clock_ahead_ms: u64,
}

/// A line from the app to the launcher.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The session is restored and pages can connect.
    Ready { storage: StorageUsed, bridge: String },
    /// The app cannot start.
    CannotStart { why: String },
    /// How things stand.
    Now(Snapshot),
    /// Something for the list of events.
    Event { text: String },
    /// A message passed between a page and the app.
    Said(Said),
    /// What became of an order.
    Done { id: u64, outcome: Outcome },
}

/// What became of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was carried out; an invitation's answer is the address.
    Done {
        answer: Option<String>,
    },
    Failed {
        why: String,
    },
}

/// A message between a page and the app, by its kind: never what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// The page's.
    pub(crate) origin: String,
    pub(crate) by_page: bool,
    pub(crate) kind: String,
    pub(crate) why: Option<String>,
    pub(crate) generation: Option<Generation>,
}

/// Stands for the origin of the page that the server renders, among those of the other pages.
pub(crate) const RENDERED: &str = "rendered";

/// A page that the server rendered, as the app's window shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rendered {
    pub(crate) status: u16,
    /// Whether the request waited for a token.
    pub(crate) held: bool,
    /// The page's heading.
    pub(crate) text: String,
}

/// Where the session is kept, and why there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StorageUsed {
    pub(crate) choice: StorageChoice,
    /// For people.
    pub(crate) words: String,
}

/// How the app's session and its pages stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    /// Why the session ended, when it did.
    pub(crate) reason: Option<String>,
    /// The reason's stable name.
    pub(crate) code: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) generation: Generation,
    /// What is left of the access token's life; `None` when the app holds none.
    pub(crate) left_ms: Option<u64>,
    pub(crate) pages: Vec<PageSeen>,
    /// The last of what the session's history says, oldest first.
    pub(crate) history: Vec<String>,
}

/// `SessionState` by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Restoring,
    Locked,
    SignedOut,
    Active,
    SignInRequired,
}

/// A page that is connected to the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageSeen {
    /// Another one for each connection.
    pub(crate) connection: u64,
    pub(crate) origin: String,
    /// The generation it has.
    pub(crate) generation: Option<Generation>,
}

/// The key that seals the demo's file. A real app lets the platform guard one (Keychain, Keystore); this one is drawn
/// by the launcher, lives in its memory and dies with it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DemoKey(Zeroizing<[u8; 32]>);

const NONCE: usize = aead::NONCE_LEN;

impl DemoKey {
    pub(crate) fn draw() -> Result<Self, ring::error::Unspecified> {
        let mut key = Zeroizing::new([0; 32]);
        fill(&mut *key)?;
        Ok(Self(key))
    }

    fn cipher(&self) -> Result<aead::LessSafeKey, ring::error::Unspecified> {
        Ok(aead::LessSafeKey::new(aead::UnboundKey::new(
            &aead::AES_256_GCM,
            &*self.0,
        )?))
    }
}

impl KeyWrapper for DemoKey {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        let seal = || {
            let mut nonce = [0; NONCE];
            fill(&mut nonce)?;
            let mut sealed = data_key.to_vec();
            let nonce_again = aead::Nonce::assume_unique_for_key(nonce);
            self.cipher()?
                .seal_in_place_append_tag(nonce_again, aead::Aad::empty(), &mut sealed)?;
            Ok::<_, ring::error::Unspecified>([&nonce[..], &sealed].concat())
        };
        seal().map_err(|_| KeyFailure::Transient)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE).ok_or(KeyFailure::Gone)?;
        let open = || {
            let nonce = aead::Nonce::try_assume_unique_for_key(nonce)?;
            let mut bytes = Zeroizing::new(sealed.to_vec());
            let length = self
                .cipher()?
                .open_in_place(nonce, aead::Aad::empty(), &mut bytes)?
                .len();
            bytes.truncate(length);
            Ok::<_, ring::error::Unspecified>(bytes)
        };
        // What this key does not open was sealed by another one.
        open().map_err(|_| KeyFailure::Gone)
    }
}

impl fmt::Debug for DemoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DemoKey([redacted])")
    }
}

/// Random bytes as lower-case hexadecimal: names and keys of this run.
pub(crate) fn random_name<const BYTES: usize>() -> Result<String, ring::error::Unspecified> {
    let mut bytes = [0; BYTES];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn fill(bytes: &mut [u8]) -> Result<(), ring::error::Unspecified> {
    use ring::rand::SecureRandom as _;
    ring::rand::SystemRandom::new().fill(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_key_gives_back_what_it_wrapped_and_nothing_else() {
        let (key, other) = (DemoKey::draw().unwrap(), DemoKey::draw().unwrap());
        let wrapped = key.wrap(&[7; 32]).unwrap();
        assert_eq!(*key.unwrap(&wrapped).unwrap(), [7; 32]);
        assert_ne!(wrapped, key.wrap(&[7; 32]).unwrap());
        assert_eq!(other.unwrap(&wrapped), Err(KeyFailure::Gone));
        let mut tampered = wrapped.clone();
        tampered[20] ^= 1;
        for broken in [&tampered[..], &wrapped[..40], &wrapped[..3], &[]] {
            assert_eq!(key.unwrap(broken), Err(KeyFailure::Gone));
        }
    }

    #[test]
    fn the_key_crosses_the_line_whole_and_is_never_printed() {
        let key = DemoKey::draw().unwrap();
        let crossed: DemoKey = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(crossed.0, key.0);
        assert_eq!(format!("{key:?}"), "DemoKey([redacted])");
    }

    #[test]
    fn an_order_prints_no_password() {
        let line = Line {
            id: 1,
            order: Order::SignIn {
                username: "ada".into(),
                password: "s3cret".into(),
            },
        };
        assert!(!format!("{line:?}").contains("s3cret"));
        let text = serde_json::to_string(&line).unwrap();
        assert!(serde_json::from_str::<Line>(&text).is_ok() && !text.contains('\n'));
    }
}
