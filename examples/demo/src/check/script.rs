//! The steps, and what each must have done.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use axum::body::{Body, to_bytes};
use hyper::Request;
use hyper::header;

use super::Players;
use super::page::{Answer, exchange};
use super::transcript::Transcript;
use crate::control::State;
use crate::launcher::{Counted, Record, Stage};
use crate::step::{Call, Step};

pub(super) async fn play(
    stage: &mut Stage,
    players: &Players,
    record: &Record,
    transcript: &mut Transcript<impl Write>,
) -> Result<()> {
    let mut script = Script {
        stage,
        players,
        transcript,
    };
    let used = script.stage.board().scene().app.storage;
    let used = used.context("the app does not say where it keeps its session")?;
    script.transcript.step(&format!(
        "the app has started; it keeps its session in {}",
        used.words
    ))?;
    script.pages_are_served().await?;
    script.sign_in(0).await?;
    script.call_with_a_good_token("all pages call the API").await?;
    script.call_with_an_expired_token().await?;
    script.one_page_feeds_the_others().await?;
    script.notes_are_written_once().await?;
    script.kill().await?;
    script.kill_mid_refresh().await?;
    script
        .call_with_a_good_token("after it, all pages call the API")
        .await?;
    script.another_page().await?;
    script.rendered_page().await?;
    script.hostile_page().await?;
    script.sign_out().await?;
    script.sign_in(1).await?;
    script
        .call_with_a_good_token("all pages call the API again")
        .await?;
    script.the_whole(record)?;
    Ok(())
}

struct Script<'a, W> {
    stage: &'a mut Stage,
    players: &'a Players,
    transcript: &'a mut Transcript<W>,
}

impl<W: Write> Script<'_, W> {
    async fn perform(&mut self, step: Step) -> Result<Counted> {
        self.perform_as(step, step.title()).await
    }

    async fn perform_as(&mut self, step: Step, title: &str) -> Result<Counted> {
        self.transcript.step(title)?;
        let counted = self.stage.perform(step, self.players).await?;
        self.transcript.counted(&counted)?;
        Ok(counted)
    }

    fn expect(&mut self, what: &str, is_so: bool) -> Result<()> {
        Ok(self.transcript.expect(what, is_so)?)
    }

    /// Each page's web server gives its page, with the client and a policy, to its own host only.
    async fn pages_are_served(&mut self) -> Result<()> {
        let origins: Vec<_> = self.stage.door().origins().map(str::to_owned).collect();
        let mut good = 0;
        for origin in &origins {
            let host = origin.trim_start_matches("http://");
            let request = Request::get("/").header(header::HOST, host).body(Body::empty())?;
            let response = exchange(host, request).await?;
            let has_policy = response.headers().contains_key(header::CONTENT_SECURITY_POLICY);
            let body = to_bytes(Body::new(response.into_body()), 1 << 20).await?;
            let text = String::from_utf8_lossy(&body);
            let stranger = Request::get("/")
                .header(header::HOST, "evil.example")
                .body(Body::empty())?;
            let misdirected = exchange(host, stranger).await?.status() == 421;
            good += usize::from(has_policy && misdirected && text.contains("tokencast.inject.js"));
        }
        self.expect(
            "five pages are served, each from an origin of its own",
            good == 5 && origins.len() == 5,
        )
    }

    async fn sign_in(&mut self, epoch_before: u64) -> Result<()> {
        let counted = self.perform(Step::SignIn).await?;
        self.expect(
            "one sign-in, no exchange",
            logins(&counted) == 1 && exchanges(&counted) == 0,
        )?;
        let generation = self.players.generation().await?;
        self.expect(
            &format!("all four pages hold the token of generation {generation}"),
            self.generation_is(&generation.to_string()),
        )?;
        self.expect("it is a new epoch", generation.e > epoch_before)
    }

    async fn call_with_a_good_token(&mut self, title: &str) -> Result<()> {
        let counted = self.perform_as(Step::CallApi, title).await?;
        self.expect("all four are answered at once", self.all_are(&[200])?)?;
        self.expect("no exchange", exchanges(&counted) == 0)
    }

    async fn call_with_an_expired_token(&mut self) -> Result<()> {
        let before = self.players.generation().await?;
        let counted = self.perform(Step::Expire).await?;
        let expired = self.stage.board().scene().app.now.left_ms == Some(0);
        self.expect(
            "the token is past its end, and nobody has asked for another",
            expired && exchanges(&counted) == 0,
        )?;
        let counted = self
            .perform_as(Step::CallApi, "all four pages call the API at once")
            .await?;
        self.expect(
            "four 401s, exactly one exchange",
            rejected(&counted) == 4 && exchanges(&counted) == 1,
        )?;
        self.expect(
            "all four calls are replayed once, and answered",
            self.all_are(&[401, 200])?,
        )?;
        let after = self.players.generation().await?;
        self.expect(
            &format!("all four pages went from generation {before} to {after}, and none was loaded anew"),
            after.e == before.e && after.g == before.g + 1 && counted.pages_stayed,
        )
    }

    async fn one_page_feeds_the_others(&mut self) -> Result<()> {
        self.perform(Step::Expire).await?;
        self.transcript
            .step("one page calls the API; the others do nothing")?;
        let before = self.stage.stats();
        let mut pages = self.players.pages().await;
        let (first, others) = pages.split_first_mut().context("no pages")?;
        let answer = first.call(Call::Me).await?;
        let generation = first.generation().cloned();
        let mut told = 0;
        for page in others {
            told += u32::from(page.until(|page| page.generation() == generation.as_ref()).await);
        }
        self.players.note(&pages);
        drop(pages);
        let counted = Counted {
            before,
            after: self.stage.stats(),
            pages_stayed: true,
        };
        self.transcript.counted(&counted)?;
        self.expect("its call is replayed and answered", answer.statuses == [401, 200])?;
        self.expect("the other three are told and have the new token, too", told == 3)?;
        self.expect(
            "one 401, exactly one exchange",
            rejected(&counted) == 1 && exchanges(&counted) == 1,
        )
    }

    async fn notes_are_written_once(&mut self) -> Result<()> {
        let counted = self.perform(Step::AddNotes).await?;
        self.expect("four notes", notes(&counted) == 4 && self.all_are(&[201])?)?;
        self.perform(Step::Expire).await?;
        let counted = self
            .perform_as(Step::AddNotes, "all pages add a note with the expired token")
            .await?;
        self.expect(
            "four 401s, exactly one exchange",
            rejected(&counted) == 4 && exchanges(&counted) == 1,
        )?;
        self.expect(
            "four more notes: each replayed, none written twice",
            notes(&counted) == 4 && self.all_are(&[401, 201])?,
        )
    }

    async fn kill(&mut self) -> Result<()> {
        let (before, pid) = (self.players.generation().await?, self.pid());
        let counted = self.perform(Step::Kill).await?;
        self.expect(
            "another process has the same session",
            self.is_signed_in() && self.pid() != pid,
        )?;
        self.expect("exactly one exchange for all pages", exchanges(&counted) == 1)?;
        let after = self.players.generation().await?;
        self.expect(
            &format!("all four pages went from generation {before} to {after}"),
            after.e == before.e && after.g == before.g + 1,
        )
    }

    async fn kill_mid_refresh(&mut self) -> Result<()> {
        let (before, pid) = (self.players.generation().await?, self.pid());
        let counted = self
            .perform_as(
                Step::KillMidRefresh,
                "let the token expire; kill the app while the server holds the answer of the exchange",
            )
            .await?;
        self.expect("the pages' calls ended with their own 401", self.all_are(&[401])?)?;
        self.expect(
            "another process has the same session",
            self.is_signed_in() && self.pid() != pid,
        )?;
        self.expect(
            "one exchange, repeated under the same key: the same successor",
            exchanges(&counted) == 1 && counted.after.replays - counted.before.replays == 1,
        )?;
        let after = self.players.generation().await?;
        self.expect(
            &format!("all four pages went from generation {before} to {after}"),
            after.e == before.e && after.g > before.g,
        )
    }

    async fn another_page(&mut self) -> Result<()> {
        let before = self.players.generation().await?;
        let counted = self.perform(Step::AnotherPage).await?;
        let after = self.players.generation().await?;
        let pages = self.players.pages().await.len();
        self.expect(
            "it has the token that the others have, and nothing was exchanged",
            pages == 5 && before == after && exchanges(&counted) == 0 && rejected(&counted) == 0,
        )?;
        self.perform(Step::Expire).await?;
        let counted = self
            .perform_as(Step::CallApi, "all five pages call the API")
            .await?;
        self.expect(
            "five 401s, exactly one exchange, five answers",
            rejected(&counted) == 5 && exchanges(&counted) == 1 && self.players.answers()?.len() == 5,
        )
    }

    async fn rendered_page(&mut self) -> Result<()> {
        let before = self.players.generation().await?;
        let counted = self.perform(Step::RenderedPage).await?;
        let page = self.stage.board().scene().rendered;
        let page = page.context("the app loaded no page")?;
        self.expect(
            &format!(
                "its request waited for the exchange, and the server rendered “{}”",
                page.text
            ),
            page.held && page.status == 200 && page.text.contains("ada") && exchanges(&counted) == 1,
        )?;
        self.expect(
            "the server was asked once, and never answered 401",
            counted.after.documents - counted.before.documents == 1
                && counted.after.documents_refused == counted.before.documents_refused,
        )?;
        let mut told = 0;
        for page in &mut *self.players.pages().await {
            told += u32::from(
                page.until(|page| page.generation().is_some_and(|held| held.is_newer(&before)))
                    .await,
            );
        }
        self.expect("the other pages got the new token as well", told == 5)
    }

    async fn hostile_page(&mut self) -> Result<()> {
        let before = self.players.generation().await?;
        let counted = self.perform(Step::HostilePage).await?;
        for attempt in self.stage.board().scene().attempts {
            let what = format!("it {}: {}", lower_first(&attempt.tries), attempt.got);
            self.expect(&what, attempt.nothing)?;
        }
        self.expect(
            "the server gave it nothing, and the app exchanged nothing for it",
            rejected(&counted) == 1 && exchanges(&counted) == 0 && answered(&counted) == 0,
        )?;
        let after = self.players.generation().await?;
        self.expect(
            "the app’s own pages noticed nothing",
            before == after && counted.pages_stayed,
        )
    }

    async fn sign_out(&mut self) -> Result<()> {
        let counted = self.perform(Step::SignOut).await?;
        self.expect(
            "the server revoked the session",
            counted.after.revocations - counted.before.revocations == 1,
        )?;
        let mut told = 0;
        for page in &mut *self.players.pages().await {
            let ended = page.until(|page| page.ended.is_some()).await;
            let reason = page.ended.as_deref() == Some("signed_out");
            told += u32::from(ended && reason && page.token().is_none());
        }
        self.expect("every page was told, and dropped its token", told == 5)?;
        let counted = self
            .perform_as(Step::CallApi, "all pages call the API, signed out")
            .await?;
        self.expect(
            "five 401s, no exchange, nothing replayed",
            rejected(&counted) == 5 && exchanges(&counted) == 0 && self.all_of(5, &[401])?,
        )
    }

    fn the_whole(&mut self, record: &Record) -> Result<()> {
        self.transcript.step("over the whole script")?;
        let stats = self.stage.stats();
        self.expect(
            "no refresh token was used twice, none was refused",
            stats.reuse_detected == 0 && stats.refresh_rejected == 0,
        )?;
        self.expect(
            &format!("{} exchanges: one for each new token", stats.exchanges),
            stats.exchanges == 7,
        )?;
        self.expect("eight notes for eight calls", stats.notes == 8)?;
        let tokens = self.players.tokens();
        ensure!(tokens.len() >= 6, "the pages held too few tokens for a search");
        self.expect(
            &format!(
                "none of the {} access tokens crossed the line between app and launcher",
                tokens.len()
            ),
            record.holds("generation") && !tokens.iter().any(|token| record.holds(token)),
        )
    }

    /// Whether all four calls met these statuses, in this order.
    fn all_are(&self, statuses: &[u16]) -> Result<bool> {
        self.all_of(4, statuses)
    }

    fn all_of(&self, pages: usize, statuses: &[u16]) -> Result<bool> {
        let answers = self.players.answers()?;
        Ok(answers.len() == pages && answers.iter().all(|answer| is(answer, statuses)))
    }

    fn generation_is(&self, generation: &str) -> bool {
        self.stage.board().scene().app.now.generation.to_string() == generation
    }

    fn is_signed_in(&self) -> bool {
        let now = self.stage.board().scene().app.now;
        now.state == State::Active && now.account.as_deref() == Some("ada")
    }

    fn pid(&self) -> Option<u32> {
        self.stage.board().scene().app.pid
    }
}

fn is(answer: &Answer, statuses: &[u16]) -> bool {
    let names_ada = || answer.body["name"] == "ada" || answer.body["text"].is_string();
    let served = answer.statuses.last().is_none_or(|status| *status == 401) || names_ada();
    answer.statuses == statuses && served
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn answered(counted: &Counted) -> u64 {
    counted.after.api_ok - counted.before.api_ok
}

fn logins(counted: &Counted) -> u64 {
    counted.after.logins - counted.before.logins
}

fn exchanges(counted: &Counted) -> u64 {
    counted.after.exchanges - counted.before.exchanges
}

fn rejected(counted: &Counted) -> u64 {
    counted.after.api_rejected - counted.before.api_rejected
}

fn notes(counted: &Counted) -> u64 {
    counted.after.notes - counted.before.notes
}
