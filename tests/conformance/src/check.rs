//! The check: a few exchanges without any fault, and what no client would do (a token presented again, a token that is
//! none), to tell in plain words what the server does and which fields of the profile should say otherwise.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokencast::profile::{Renew, TokenKind};
use tokencast::storage;
use tokencast::time::Clock as _;
use tokencast::wire::{HttpRequest, HttpResponse};
use tokencast::{AuthSession, ServerProfile, SessionError, SessionState};

use crate::clock::QuickClock;
use crate::listening::{code, fits, redirect};
use crate::mint::{Mint, Minted};
use crate::presented::successor;
use crate::tap::Tap;
use crate::{SoakError, expiry};

/// One thing that the server does.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    /// What the server does.
    pub does: String,
    /// What to change in the profile, or at the server.
    pub change: Option<String>,
}

/// Looks at the server that `profile` describes. It burns a handful of sessions.
pub async fn check(profile: &ServerProfile, mint: &Mint) -> Result<Vec<Finding>, SoakError> {
    let mut check = Check {
        profile,
        mint,
        findings: Vec::new(),
    };
    let mut subject = check.subject(|_| ()).await?;
    let first = check.first_exchange(&mut subject).await?;
    check.answer(&first);
    check.rotation(&mut subject, &first).await?;
    check.unknown_tokens().await?;
    if profile.idempotency_key().is_some() {
        check.contract().await?;
    } else {
        check.reuse(&mut subject).await?;
    }
    Ok(check.findings)
}

struct Check<'a> {
    profile: &'a ServerProfile,
    mint: &'a Mint,
    findings: Vec<Finding>,
}

/// A session, and what passed of it.
struct Subject {
    session: AuthSession,
    tap: Tap,
    clock: QuickClock,
}

/// Exchanges that show whether a server rotates.
const EXCHANGES: usize = 4;
const WAITS: [u64; 4] = [0, 2, 5, 10];

impl Check<'_> {
    async fn subject(&self, change: impl FnOnce(&mut Minted)) -> Result<Subject, SoakError> {
        let mut minted = self.mint.run().await?;
        change(&mut minted);
        let (tap, clock) = (
            Tap::default(),
            QuickClock::new(1, self.profile.answer().expires_unit),
        );
        let failed = |error: SessionError| SoakError::Client(error.to_string());
        let session = AuthSession::builder(self.profile.clone())
            .storage(storage::memory())
            .clock(std::sync::Arc::new(clock.clone()))
            .transport(tap.clone())
            .build()
            .map_err(failed)?;
        session
            .adopt(minted.into_tokens(self.profile.presents())?)
            .await
            .map_err(failed)?;
        Ok(Subject { session, tap, clock })
    }

    /// One exchange by the client; what passed.
    async fn exchange(&self, subject: &mut Subject) -> (Option<HttpRequest>, Option<HttpResponse>) {
        if let Some(token) = subject.session.current_token() {
            let left = token.remaining(subject.clock.boot()) + Duration::from_secs(1);
            if self.profile.renew() == Renew::WhenExpired {
                tokio::time::sleep(left).await;
            } else {
                subject.clock.advance(left);
            }
        }
        // A pause after an earlier failure is over.
        subject.clock.advance(Duration::from_secs(60));
        let _ = subject.session.access_token().await; // what the server said is what counts
        match subject.tap.last() {
            Some((request, response)) => (Some(request), response),
            None => (None, None),
        }
    }

    async fn first_exchange(&self, subject: &mut Subject) -> Result<HttpResponse, SoakError> {
        match self.exchange(subject).await {
            (_, Some(response))
                if (200..300).contains(&response.status) && subject.session.current_token().is_some() =>
            {
                Ok(response)
            }
            (_, Some(response)) => Err(SoakError::FirstExchange {
                what: format!("{} {}", response.status, code(self.profile, &response)),
                fix: if (200..300).contains(&response.status) {
                    "compare `answer.access_token` and `answer.refresh_token` with what the server answers"
                        .into()
                } else if let Some(target) = redirect(&response) {
                    format!("the server redirects to {target}: write that in `refresh.url`")
                } else {
                    "compare `refresh` (url, method, encoding, tokens, fields, headers, client) with the server's documents, \
                     and what --mint prints; a server that refuses to renew a token that still lives needs \
                     `\"renew\": \"when_expired\"`"
                        .into()
                },
            }),
            (_, None) => Err(SoakError::Unreachable {
                host: self.profile.refresh().url.host_str().unwrap_or_default().into(),
                error: "the request had no answer".into(),
            }),
        }
    }

    fn answer(&mut self, response: &HttpResponse) {
        let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        let shape = self.profile.answer();
        let (does, change) = expiry::tell(shape, &body, self.profile.default_life());
        self.found("life", does, change);
        let date = response.header("date").is_some();
        let does = if date {
            "a `Date` comes with the answer"
        } else {
            "no `Date`: times are read by the device's clock"
        };
        self.found("Date", does, None);
    }

    async fn rotation(&mut self, subject: &mut Subject, first: &HttpResponse) -> Result<(), SoakError> {
        let mut brought = vec![self.successor(first)];
        for _ in 1..EXCHANGES {
            if let (_, Some(response)) = self.exchange(subject).await {
                brought.push(self.successor(&response));
            }
        }
        let count = brought.len();
        let came: Vec<_> = brought.iter().flatten().collect();
        let mut different = came.clone();
        different.sort();
        different.dedup();
        let does = match (came.len(), different.len()) {
            (0, _) => "never: no answer brings a new one".into(),
            (_, 1) if count > 1 => "never: the same one comes again".into(),
            (_, different) if different == count => "always: each answer brings a new one".into(),
            (_, different) => format!("sometimes: {different} new ones in {count} exchanges"),
        };
        self.found("rotation", does, None);
        Ok(())
    }

    /// A token that the server never gave, and one that it gave with a letter changed.
    async fn unknown_tokens(&mut self) -> Result<(), SoakError> {
        let kind = self.profile.presents();
        for (about, change) in [
            (
                "a token that is none",
                Minted::replaced as fn(&mut Minted, TokenKind),
            ),
            ("a token with a letter changed", Minted::tampered),
        ] {
            let mut subject = self.subject(|minted| change(minted, kind)).await?;
            if let (_, Some(response)) = self.exchange(&mut subject).await {
                let change = self.should_be_dead(&response);
                self.found(about, self.said(&response), change);
            }
        }
        Ok(())
    }

    /// Without the contract: what becomes of a token that is presented again, and of its session.
    async fn reuse(&mut self, subject: &mut Subject) -> Result<(), SoakError> {
        let (Some(spent), Some(before)) = self.exchange(subject).await else {
            return Ok(());
        };
        if self.successor(&before).is_none() {
            self.found(
                "a token presented again",
                "is what every exchange does here: nothing is spent",
                None,
            );
            return Ok(());
        }
        let (mut accepted, mut last) = (None, None);
        let mut waited = 0;
        for wait in WAITS {
            tokio::time::sleep(Duration::from_secs(wait - waited)).await;
            waited = wait;
            let Ok(response) = subject.tap.present(&spent).await else {
                break;
            };
            let good = (200..300).contains(&response.status);
            last = Some(response);
            if !good {
                break;
            }
            accepted = Some(wait);
        }
        let leeway = self.profile.reuse_leeway().as_secs();
        let change = match accepted {
            None if leeway > 0 => Some("`reuse_leeway_seconds`: leave it out, the server keeps none".into()),
            Some(0) if leeway > 2 => Some("`reuse_leeway_seconds`: less than 2, the server keeps no more".into()),
            Some(_) if leeway == 0 => Some(
                "`reuse_leeway_seconds`: what the server is set to, if its documents say that a spent token is good again".into(),
            ),
            _ => None,
        };
        match accepted {
            Some(seconds) => {
                let end = if seconds == WAITS[WAITS.len() - 1] {
                    " (not tried for longer)"
                } else {
                    ""
                };
                self.found(
                    "a spent token",
                    format!("is accepted again after {seconds} s{end}"),
                    change,
                );
            }
            None => self.found(
                "a spent token",
                "is not accepted again: an answer that is lost loses the session",
                change,
            ),
        }
        if let Some(response) = last.filter(|response| !(200..300).contains(&response.status)) {
            let said = self.said(&response);
            let (_, after) = self.exchange(subject).await;
            let lives = after.is_some_and(|after| (200..300).contains(&after.status));
            let change = self.should_be_dead(&response);
            if lives {
                self.found(
                    "a spent token's session",
                    format!("lives on; the one who presented it got {said}"),
                    None,
                );
            } else {
                self.found(
                    "a spent token's session",
                    format!("ends with it (reuse detection); {said}"),
                    change,
                );
            }
        }
        Ok(())
    }

    /// Rules 1, 2, 4, 5, 6 and 7 of docs/guides/server-contract.md.
    async fn contract(&mut self) -> Result<(), SoakError> {
        let Some(header) = self.profile.idempotency_key().map(str::to_owned) else {
            return Ok(());
        };
        let mut subject = self.subject(|_| ()).await?;
        let (Some(spent), Some(answer)) = self.exchange(&mut subject).await else {
            return Ok(());
        };
        let successor = self.successor(&answer);

        let again = futures_util::future::join_all((0..5).map(|_| subject.tap.present(&spent))).await;
        let alike = again.iter().all(|answer| {
            answer
                .as_ref()
                .is_ok_and(|answer| answer.status == 200 && self.successor(answer) == successor)
        });
        self.rule(
            "rules 2 and 7: the same key again, five at once",
            alike,
            "the same successor, once",
            "not the same successor",
        );

        // The next one of another session, kept back, under this session's key.
        let mut other = self.subject(|_| ()).await?;
        other.tap.withhold(true);
        if let (Some(mut request), _) = self.exchange(&mut other).await {
            other.tap.withhold(false);
            let own = request.clone();
            set_key(&mut request, &header, &key_of(&spent, &header));
            let said = other.tap.present(&request).await;
            let refused = said.as_ref().is_ok_and(|answer| answer.status == 422);
            let kept = other
                .tap
                .present(&own)
                .await
                .is_ok_and(|answer| answer.status == 200);
            self.rule(
                "rule 1: one key with two tokens",
                refused && kept,
                "422, and nothing is exchanged",
                "no 422, or the token was spent",
            );
        }

        let (_, next) = self.exchange(&mut subject).await;
        let used = next.is_some_and(|answer| (200..300).contains(&answer.status));
        let late = subject.tap.present(&spent).await;
        let superseded = late.as_ref().is_ok_and(|answer| answer.status == 409);
        let (_, after) = self.exchange(&mut subject).await;
        let lives = after.is_some_and(|answer| (200..300).contains(&answer.status));
        self.rule(
            "rule 4: the same key after the successor's use",
            used && superseded && lives,
            "409, and the session lives",
            "not 409, or the session ended",
        );

        let (Some(mut stolen), _) = self.exchange(&mut subject).await else {
            return Ok(());
        };
        set_key(&mut stolen, &header, "another-key-of-a-thief");
        let reuse = subject.tap.present(&stolen).await;
        let refused = reuse
            .as_ref()
            .is_ok_and(|answer| (400..500).contains(&answer.status));
        let (_, after) = self.exchange(&mut subject).await;
        let ended = after.is_some_and(|answer| !(200..300).contains(&answer.status));
        self.rule(
            "rule 5: a spent token with another key",
            refused && ended,
            "refused, and the session ends",
            "accepted, or the session lives on",
        );

        if self.profile.revoke().is_some() {
            self.revocation_of_a_spent_token().await?;
        }
        Ok(())
    }

    async fn revocation_of_a_spent_token(&mut self) -> Result<(), SoakError> {
        let minted = self.mint.run().await?;
        let mut subject = self.subject(|fresh| *fresh = minted.clone()).await?;
        self.exchange(&mut subject).await;
        // Another object of the same, by now spent, tokens signs out.
        let leaver = self.subject(|fresh| *fresh = minted.clone()).await?;
        let _ = leaver.session.sign_out().await;
        for _ in 0..500 {
            if leaver.tap.last().is_some_and(|(_, answer)| answer.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (_, after) = self.exchange(&mut subject).await;
        let ended = after.is_some_and(|answer| !(200..300).contains(&answer.status))
            && matches!(subject.session.state(), SessionState::SignInRequired { .. });
        self.rule(
            "rule 6: revoking a spent token",
            ended,
            "the session ends",
            "the session lives on",
        );
        Ok(())
    }

    fn successor(&self, response: &HttpResponse) -> Option<String> {
        successor(self.profile, response)
    }

    fn said(&self, response: &HttpResponse) -> String {
        let means = self
            .profile
            .verdicts()
            .iter()
            .find(|rule| fits(rule, self.profile, response));
        let means = match means {
            Some(rule) => serde_json::to_string(&rule.means).unwrap_or_default(),
            None => "in no verdict: trouble that passes".into(),
        };
        format!(
            "the server says {} {} ({means})",
            response.status,
            code(self.profile, response)
        )
    }

    fn should_be_dead(&self, response: &HttpResponse) -> Option<String> {
        let listed = self
            .profile
            .verdicts()
            .iter()
            .any(|rule| fits(rule, self.profile, response));
        (!listed && (400..500).contains(&response.status)).then(|| {
            format!(
                "`verdicts`: if the documents say that {} {} ends a session, list it; else the app never hears that it must sign in",
                response.status,
                code(self.profile, response)
            )
        })
    }

    fn rule(&mut self, about: &'static str, kept: bool, good: &str, bad: &str) {
        let change = (!kept).then(|| {
            "`idempotency_key`: leave it out, or mend the server (docs/guides/server-contract.md)".into()
        });
        let does = if kept {
            format!("kept: {good}")
        } else {
            format!("NOT kept: {bad}")
        };
        self.found(about, does, change);
    }

    fn found(&mut self, about: &'static str, does: impl Into<String>, change: Option<String>) {
        self.findings.push(Finding {
            about,
            does: does.into(),
            change,
        });
    }
}

fn key_of(request: &HttpRequest, header: &str) -> String {
    let found = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(header));
    found.map(|(_, value)| value.to_string()).unwrap_or_default()
}

fn set_key(request: &mut HttpRequest, header: &str, key: &str) {
    request
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case(header));
    request.headers.push((header.to_owned(), key.to_owned().into()));
}
