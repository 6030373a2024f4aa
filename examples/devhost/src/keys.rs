use std::collections::VecDeque;
use std::fmt::{self, Write};

use tokencast::pages::Origin;
use tokencast::random::{NoRandomness, Random};
use tokencast::token::Secret;
use tokio::time::Instant;

/// Lets one page in, once. Not printed: `Debug` is redacted and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct PageKey(Secret);

impl PageKey {
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes)?;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            let _ = write!(text, "{byte:02x}"); // a String takes everything
        }
        Ok(Self(Secret::new(text)))
    }

    /// The key as the page offers it: the subprotocol `key.` and this.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageKey([redacted])")
    }
}

/// The keys that wait for their page.
#[derive(Default)]
pub(crate) struct Keys(VecDeque<Minted>);

struct Minted {
    key: PageKey,
    origin: Origin,
    until: Instant,
}

/// The oldest of more keys are forgotten.
const MAX_KEYS: usize = 1024;

impl Keys {
    pub(crate) fn add(&mut self, key: PageKey, origin: Origin, until: Instant) {
        if self.0.len() == MAX_KEYS {
            self.0.pop_front();
        }
        self.0.push_back(Minted { key, origin, until });
    }

    /// Uses a key up. True when it was minted for this origin and has not expired; it is gone in any case.
    pub(crate) fn redeem(&mut self, offered: &str, origin: &Origin, now: Instant) -> bool {
        self.0.retain(|minted| minted.until > now);
        let offered = PageKey(Secret::new(offered));
        // Each is compared, in constant time, so that the time taken says nothing of how close a guess came.
        let mut found = None;
        for (at, minted) in self.0.iter().enumerate() {
            if minted.key == offered {
                found = Some(at);
            }
        }
        let minted = found.and_then(|at| self.0.remove(at));
        minted.is_some_and(|minted| minted.origin == *origin)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokencast::random::SystemRandom;

    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    fn minted(now: Instant) -> (Keys, PageKey) {
        let mut keys = Keys::default();
        let key = PageKey::draw(&SystemRandom::default()).unwrap();
        keys.add(
            key.clone(),
            origin("http://127.0.0.1:3000"),
            now + Duration::from_secs(60),
        );
        (keys, key)
    }

    #[test]
    fn a_key_opens_once() {
        let now = Instant::now();
        let (mut keys, key) = minted(now);
        assert!(keys.redeem(key.expose(), &origin("http://127.0.0.1:3000"), now));
        assert!(!keys.redeem(key.expose(), &origin("http://127.0.0.1:3000"), now));
    }

    #[test]
    fn a_key_shown_by_another_origin_is_used_up() {
        let now = Instant::now();
        let (mut keys, key) = minted(now);
        assert!(!keys.redeem(key.expose(), &origin("http://127.0.0.1:3001"), now));
        assert!(!keys.redeem(key.expose(), &origin("http://127.0.0.1:3000"), now));
    }

    #[test]
    fn an_expired_key_opens_nothing() {
        let now = Instant::now();
        let (mut keys, key) = minted(now);
        let later = now + Duration::from_secs(60);
        assert!(!keys.redeem(key.expose(), &origin("http://127.0.0.1:3000"), later));
    }

    #[test]
    fn another_key_opens_nothing_and_harms_nobody() {
        let now = Instant::now();
        let (mut keys, key) = minted(now);
        for wrong in [
            "",
            "0",
            &key.expose()[1..],
            &format!("{}0", key.expose()),
            &"0".repeat(64),
        ] {
            assert!(!keys.redeem(wrong, &origin("http://127.0.0.1:3000"), now));
        }
        assert!(keys.redeem(key.expose(), &origin("http://127.0.0.1:3000"), now));
    }

    #[test]
    fn keys_that_nobody_uses_do_not_pile_up() {
        let now = Instant::now();
        let (mut keys, first) = minted(now);
        for _ in 0..MAX_KEYS {
            let key = PageKey::draw(&SystemRandom::default()).unwrap();
            keys.add(
                key,
                origin("http://127.0.0.1:3000"),
                now + Duration::from_secs(60),
            );
        }
        assert_eq!(keys.0.len(), MAX_KEYS);
        assert!(!keys.redeem(first.expose(), &origin("http://127.0.0.1:3000"), now));
    }

    #[test]
    fn a_key_is_long_and_never_printed() {
        let key = PageKey::draw(&SystemRandom::default()).unwrap();
        assert_eq!(key.expose().len(), 64);
        assert!(!format!("{key:?}").contains(key.expose()));
    }
}
