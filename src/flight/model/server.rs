//! The server: one family of refresh tokens, under the contract of docs/guides/server-contract.md or under plain
//! rotation. One request is one step: rule 7.

use super::alphabet::NONE;

const MOST_TOKENS: usize = 8;

/// What presents a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) token: u8,
    pub(super) key: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Tokens {
        successor: u8,
    },
    Superseded,
    /// 422: the key belongs to another token.
    Mismatch,
    Dead,
}

/// Which rules the server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// False: plain rotation, a spent token is reuse.
    pub(super) contract: bool,
    /// Rule 2.
    pub(super) repeats_its_answer: bool,
    /// Rule 3: keys of unused successors outlive the window.
    pub(super) remembers_keys: bool,
    /// Rule 4.
    pub(super) late_window: bool,
    /// Not a rule but a mistake: the use of an access token at a resource counts as the successor's first use.
    pub(super) counts_resources: bool,
}

impl Rules {
    pub(super) const CONTRACT: Self = Self {
        contract: true,
        repeats_its_answer: true,
        remembers_keys: true,
        late_window: true,
        counts_resources: false,
    };
    pub(super) const PLAIN: Self = Self {
        contract: false,
        ..Self::CONTRACT
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    tokens: [Token; MOST_TOKENS],
    born: u8,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Token {
    /// `NONE` while unspent.
    successor: u8,
    /// The key it was spent with.
    key: u8,
    /// The successor was presented at the refresh endpoint.
    successor_used: bool,
    /// More than the late window has passed since then.
    long_ago: bool,
}

const LIVE: Token = Token {
    successor: NONE,
    key: NONE,
    successor_used: false,
    long_ago: false,
};

impl Server {
    /// After the sign-in: token 0 is live.
    pub(super) const FIRST: Self = Self {
        tokens: [LIVE; MOST_TOKENS],
        born: 1,
        ended: false,
    };

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// How many exchanges were committed.
    pub(super) fn exchanges(&self) -> u8 {
        self.born - 1
    }

    pub(super) fn refresh(&mut self, request: Request, rules: Rules) -> Answer {
        let answer = self.judge(request, rules);
        match answer {
            Answer::Dead => self.ended = true,
            Answer::Tokens { successor } if successor == self.born => {
                let spent = &mut self.tokens[usize::from(request.token)];
                spent.successor = successor;
                spent.key = request.key;
                self.born += 1;
                assert!(
                    usize::from(self.born) <= MOST_TOKENS,
                    "more exchanges than the model has room for"
                );
                self.use_of(request.token);
            }
            Answer::Tokens { .. } | Answer::Superseded | Answer::Mismatch => {}
        }
        answer
    }

    /// The access token that came with this refresh token is used at a resource.
    pub(super) fn resource(&mut self, token: u8, rules: Rules) {
        if rules.counts_resources {
            self.use_of(token);
        }
    }

    fn use_of(&mut self, successor: u8) {
        for token in &mut self.tokens {
            token.successor_used |= token.successor == successor && successor != NONE;
        }
    }

    /// What the answer would be.
    pub(super) fn judge(&self, request: Request, rules: Rules) -> Answer {
        if self.ended || request.token >= self.born {
            return Answer::Dead;
        }
        let token = self.tokens[usize::from(request.token)];
        if token.successor == NONE {
            // Rule 1: a key stands for one token.
            let bound = self
                .tokens
                .iter()
                .any(|other| other.successor != NONE && other.key == request.key);
            return if rules.contract && bound {
                Answer::Mismatch
            } else {
                Answer::Tokens { successor: self.born }
            };
        }
        // Rule 5, and plain rotation.
        if !rules.contract || token.key != request.key || token.key == NONE {
            return Answer::Dead;
        }
        let successor = token.successor;
        match (token.successor_used, token.long_ago) {
            (false, false) if rules.repeats_its_answer => Answer::Tokens { successor },
            (false, true) if rules.repeats_its_answer && rules.remembers_keys => Answer::Tokens { successor },
            (true, false) if rules.late_window => Answer::Superseded,
            _ => Answer::Dead,
        }
    }

    /// More time passes than the late window is long. False if nothing depends on it.
    pub(super) fn wait(&mut self, rules: Rules) -> bool {
        let mut changed = false;
        for token in &mut self.tokens {
            let counts = token.successor != NONE && (token.successor_used || !rules.remembers_keys);
            changed |= counts && !token.long_ago;
            token.long_ago |= counts;
        }
        changed && rules.contract
    }
}
