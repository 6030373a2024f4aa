//! The server in memory: refresh token rotation, plain or with the idempotency contract (all seven rules), and a
//! log of its exchanges. It never fails by itself; what goes wrong happens between it and the client.

use std::collections::BTreeMap;

/// How long the same request is answered `superseded` after the successor's first use, in milliseconds.
const LATE_WINDOW_MS: u64 = 120_000;

#[derive(Debug)]
pub(crate) struct Server {
    contract: bool,
    life_seconds: u64,
    born: u64,
    tokens: BTreeMap<String, Token>,
    /// Rule 1: each key belongs to one token.
    keys: BTreeMap<String, String>,
    families: Vec<Family>,
}

#[derive(Debug)]
struct Token {
    family: usize,
    /// When it was first presented at the refresh endpoint.
    first_presented: Option<u64>,
    spent: Option<Spent>,
}

#[derive(Clone, Debug)]
struct Spent {
    key: Option<String>,
    successor: String,
}

/// One sign-in and all tokens that came of it.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) ended: Option<End>,
    /// A thief presented one of its tokens.
    pub(crate) robbed: bool,
    /// The client was told that the sign-in succeeded.
    pub(crate) owned: bool,
    pub(crate) exchanges: Vec<Exchange>,
}

/// One committed exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) successor: String,
    pub(crate) by_thief: bool,
    /// The answer reached a living client, whole.
    pub(crate) arrived: bool,
    /// The client's storage has held the successor.
    pub(crate) saved: bool,
    /// The client died between the two.
    pub(crate) interrupted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    LoggedOut,
    PasswordChanged,
    /// A spent token came again; `stray`: in a copy made, or kept too long, by the network.
    Reuse {
        stray: bool,
    },
}

/// Who presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presenter {
    Client,
    /// A copy that the network made or kept beyond the connection's end.
    Network,
    Thief,
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) retry_after: Option<u64>,
    /// The successor that it carries.
    pub(crate) carries: Option<String>,
    /// A violation of the contract by the presenter, if this shows one.
    pub(crate) complaint: Option<&'static str>,
}

impl Server {
    pub(crate) fn new(contract: bool, life_seconds: u64) -> Self {
        Self {
            contract,
            life_seconds,
            born: 0,
            tokens: BTreeMap::new(),
            keys: BTreeMap::new(),
            families: Vec::new(),
        }
    }

    pub(crate) fn keeps_the_contract(&self) -> bool {
        self.contract
    }

    pub(crate) fn family(&self, token: &str) -> Option<&Family> {
        self.tokens.get(token).map(|token| &self.families[token.family])
    }

    pub(crate) fn family_mut(&mut self, token: &str) -> Option<&mut Family> {
        let family = self.tokens.get(token)?.family;
        self.families.get_mut(family)
    }

    pub(crate) fn family_of(&self, token: &str) -> Option<usize> {
        self.tokens.get(token).map(|token| token.family)
    }

    pub(crate) fn same_family(&self, one: &str, other: &str) -> bool {
        self.family_of(one).is_some() && self.family_of(one) == self.family_of(other)
    }

    pub(crate) fn exchange_mut(&mut self, successor: &str) -> Option<&mut Exchange> {
        let family = self.family_mut(successor)?;
        family
            .exchanges
            .iter_mut()
            .find(|exchange| exchange.successor == successor)
    }

    /// A client process died: what it had been told and had not saved is gone.
    pub(crate) fn client_died(&mut self) {
        let exchanges = self.families.iter_mut().flat_map(|family| &mut family.exchanges);
        for exchange in exchanges.filter(|exchange| exchange.arrived && !exchange.saved) {
            exchange.interrupted = true;
        }
    }

    /// How many sessions that a client was given live on besides the one of `current`.
    pub(crate) fn unrevoked(&self, current: Option<&str>) -> usize {
        let current = current
            .and_then(|token| self.tokens.get(token))
            .map(|token| token.family);
        let lives_on = |(number, family): &(usize, &Family)| {
            family.owned && family.ended.is_none() && Some(*number) != current
        };
        self.families.iter().enumerate().filter(lives_on).count()
    }

    pub(crate) fn log_in(&mut self) -> Reply {
        self.families.push(Family::default());
        let token = self.bear(self.families.len() - 1);
        self.success(token)
    }

    /// Rule 6: any token of a family ends it. The answer is a success either way (RFC 7009 §2.2).
    pub(crate) fn log_out(&mut self, token: &str) -> Reply {
        if let Some(family) = self.family_mut(token) {
            family.ended.get_or_insert(End::LoggedOut);
        }
        Reply::new(200, "{}".into())
    }

    pub(crate) fn change_password(&mut self) {
        for family in &mut self.families {
            family.ended.get_or_insert(End::PasswordChanged);
        }
    }

    pub(crate) fn refresh(&mut self, presented: &str, key: Option<&str>, who: Presenter, now: u64) -> Reply {
        let key = key.filter(|_| self.contract);
        if let Some(key) = key
            && self.keys.get(key).is_some_and(|bound| bound != presented)
        {
            return Reply::error(422, "idempotency_mismatch").complaining("one key came with two tokens");
        }
        let Some(token) = self.tokens.get_mut(presented) else {
            return Reply::error(401, "invalid_token")
                .complaining("a token that was never issued was presented");
        };
        token.first_presented.get_or_insert(now);
        let (number, spent) = (token.family, token.spent.clone());
        let family = &mut self.families[number];
        family.robbed |= who == Presenter::Thief;
        match family.ended {
            Some(End::PasswordChanged) => return Reply::error(401, "password_changed"),
            Some(End::Reuse { .. }) => return Reply::error(401, "reuse_detected"),
            Some(End::LoggedOut) => return Reply::error(401, "invalid_token"),
            None => {}
        }
        let Some(Spent {
            key: bound,
            successor,
        }) = spent
        else {
            return self.exchange(presented, key, number, who);
        };
        if key.is_none() || key != bound.as_deref() {
            let reply = self.reuse(number, who);
            let with_another_key = who == Presenter::Client && self.contract && !self.families[number].robbed;
            return if with_another_key {
                reply.complaining("a spent token came with another key")
            } else {
                reply
            };
        }
        match self.tokens[&successor].first_presented {
            None => self.success(successor),
            Some(used) if now.saturating_sub(used) <= LATE_WINDOW_MS => {
                let mut reply = Reply::error(409, "superseded");
                reply.retry_after = Some((LATE_WINDOW_MS - (now.saturating_sub(used))).div_ceil(1000));
                reply
            }
            Some(_) => self.reuse(number, who),
        }
    }

    fn exchange(&mut self, presented: &str, key: Option<&str>, family: usize, who: Presenter) -> Reply {
        let successor = self.bear(family);
        if let Some(key) = key {
            self.keys.insert(key.to_owned(), presented.to_owned());
        }
        if let Some(token) = self.tokens.get_mut(presented) {
            token.spent = Some(Spent {
                key: key.map(str::to_owned),
                successor: successor.clone(),
            });
        }
        self.families[family].exchanges.push(Exchange {
            successor: successor.clone(),
            by_thief: who == Presenter::Thief,
            arrived: false,
            saved: false,
            interrupted: false,
        });
        self.success(successor)
    }

    fn reuse(&mut self, family: usize, who: Presenter) -> Reply {
        self.families[family].ended = Some(End::Reuse {
            stray: who == Presenter::Network,
        });
        Reply::error(401, "reuse_detected")
    }

    fn bear(&mut self, family: usize) -> String {
        self.born += 1;
        let name = format!("refresh-{}", self.born);
        let token = Token {
            family,
            first_presented: None,
            spent: None,
        };
        self.tokens.insert(name.clone(), token);
        name
    }

    fn success(&mut self, refresh_token: String) -> Reply {
        self.born += 1;
        let mut reply = Reply::new(
            200,
            format!(
                r#"{{"access_token":"access-{}","refresh_token":"{refresh_token}","expires_in":{},"token_type":"Bearer"}}"#,
                self.born, self.life_seconds
            ),
        );
        reply.carries = Some(refresh_token);
        reply
    }
}

impl Family {
    /// Whether its end is what the user, a password change or a thief brought about.
    pub(crate) fn ended_rightly(&self) -> bool {
        self.robbed || matches!(self.ended, Some(End::LoggedOut | End::PasswordChanged))
    }

    /// Whether a client of plain rotation could not have kept it.
    pub(crate) fn lost_on_the_way(&self) -> bool {
        let unheard = |exchange: &Exchange| {
            !exchange.by_thief && (!exchange.arrived || (exchange.interrupted && !exchange.saved))
        };
        self.ended == Some(End::Reuse { stray: true }) || self.exchanges.iter().any(unheard)
    }
}

impl Reply {
    fn new(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            retry_after: None,
            carries: None,
            complaint: None,
        }
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::new(
            status,
            format!(r#"{{"error":"{code}","error_description":"simulated"}}"#),
        )
    }

    /// The error code in its body.
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    fn complaining(mut self, complaint: &'static str) -> Self {
        self.complaint = Some(complaint);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Server {
        fn is_live(&self, token: &str) -> bool {
            self.family(token).is_some_and(|family| family.ended.is_none())
        }
    }

    fn refresh(server: &mut Server, token: &str, key: &str, now: u64) -> Reply {
        server.refresh(token, Some(key), Presenter::Client, now)
    }

    #[test]
    fn the_contract_answers_alike_until_the_successor_is_used_then_late_then_reuse() {
        let mut server = Server::new(true, 300);
        let first = server.log_in().carries.unwrap();
        let second = refresh(&mut server, &first, "a", 0).carries.unwrap();
        assert_eq!(
            refresh(&mut server, &first, "a", 9_000_000).carries,
            Some(second.clone())
        );
        assert_eq!(refresh(&mut server, &second, "a", 0).status, 422);
        assert_eq!(refresh(&mut server, &second, "b", 9_000_000).status, 200);
        assert_eq!(
            refresh(&mut server, &first, "a", 9_000_000 + LATE_WINDOW_MS).status,
            409
        );
        assert!(server.is_live(&first));
        assert_eq!(
            refresh(&mut server, &first, "a", 9_000_001 + LATE_WINDOW_MS).status,
            401
        );
        assert!(!server.is_live(&second));
    }

    #[test]
    fn a_spent_token_with_another_key_or_none_is_reuse() {
        for key in [Some("x"), None] {
            let mut server = Server::new(true, 300);
            let first = server.log_in().carries.unwrap();
            refresh(&mut server, &first, "a", 0);
            assert_eq!(server.refresh(&first, key, Presenter::Thief, 0).status, 401);
            assert!(!server.is_live(&first));
        }
    }

    #[test]
    fn plain_rotation_takes_a_token_once() {
        let mut server = Server::new(false, 300);
        let first = server.log_in().carries.unwrap();
        assert_eq!(refresh(&mut server, &first, "a", 0).status, 200);
        assert_eq!(refresh(&mut server, &first, "a", 0).status, 401);
        assert!(!server.is_live(&first));
    }

    #[test]
    fn a_spent_token_revokes_its_family_too() {
        let mut server = Server::new(true, 300);
        let first = server.log_in().carries.unwrap();
        let second = refresh(&mut server, &first, "a", 0).carries.unwrap();
        server.log_out(&first);
        assert_eq!(refresh(&mut server, &second, "b", 0).status, 401);
    }
}
