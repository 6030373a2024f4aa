//! Plays a story: does what its steps say, draws what went over the wire, and compares with what must come of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokencast::lock::MemoryLocks;
use tokencast::session::AuthSession;
use tokencast::storage;
use tokencast::token::Credentials;
use tokencast_backend::{Fault, FaultKind, Route, Scheme};
use tokio::time::sleep;

use super::{ACCESS_TTL, Audience, EVE, PASSWORD, PATIENCE, Stage, USERNAME};
use crate::control::{Order, State};
use crate::launcher::board::{Told as Outcome, Who};
use crate::launcher::outsider::{Outsider, signed_by_nobody};
use crate::launcher::played::{self, Arrow, Ending, Place, Played, PlayedStep, Tone};
use crate::launcher::tap::{Actor, Answer, Kind, Purse};
use crate::launcher::wire::{Moment, Spot, What};
use crate::scheme;
use crate::story::{Act, Presented, Step, Story, Told};

/// Within it an expired access token can be renewed (scheme `access-only`).
pub(super) const WINDOW: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long the end of a session may take to reach the app's last page.
const LAST_NEWS: Duration = Duration::from_secs(10);

/// What the other one in a story has.
#[derive(Default)]
struct Other {
    purse: Purse,
    device: Option<AuthSession>,
}

impl Stage {
    /// Plays a story of this server's scheme, and tells the board step by step.
    pub(crate) async fn play_story(&mut self, name: &str, audience: &impl Audience) -> Result<Played> {
        let stories = scheme::shown(self.setup.scheme).stories;
        let story = stories.iter().find(|story| story.name == name);
        let story = story.context("no such story of this scheme")?;
        self.board.change(|scene| {
            scene.playing = Some(story.name);
            scene.told = None;
            scene.story = Some(Played {
                name: story.name,
                title: story.title,
                other: story.other,
                of: story.steps.len(),
                steps: Vec::new(),
                ending: None,
            });
        });
        self.board.event(Who::You, story.title);
        let done = self.tell(story, audience).await;
        self.backend.disarm();
        self.board.count();
        self.board.change(|scene| {
            scene.playing = None;
            scene.performed += 1;
            if let Err(error) = &done {
                scene.told = Some(Outcome {
                    step: None,
                    text: format!("{}: {error:#}", story.title),
                    good: false,
                });
            }
        });
        done?;
        self.board.scene().story.context("the story is on the board")
    }

    async fn tell(&mut self, story: &'static Story, audience: &impl Audience) -> Result<()> {
        self.clear().await?;
        self.tap.begin();
        let before = self.backend.stats();
        let mut other = Other::default();
        let mut drawn = 0;
        for step in story.steps {
            let mut played = PlayedStep {
                title: step.title,
                ..PlayedStep::default()
            };
            for act in step.acts {
                self.act(*act, &mut other, &mut played, audience).await?;
            }
            self.draw(step, &mut played, &mut drawn);
            self.board.change(|scene| {
                if let Some(story) = &mut scene.story {
                    story.steps.push(played);
                }
            });
            sleep(audience.pace()).await;
        }
        self.end(story, &before).await
    }

    /// Nobody is signed in, and ada has her first password.
    async fn clear(&mut self) -> Result<()> {
        if self.is_active() {
            self.tap.begin();
            self.door.orders()?.give(Order::SignOut).await?;
            let out = |scene: &super::Scene| scene.app.now.state != State::Active;
            ensure!(self.board.until(PATIENCE, out).await, "the app does not sign out");
            // The server is told behind the user's back; it must not be counted in the story.
            self.until(LAST_NEWS, |_| {
                let messages = self.tap.messages();
                let told = |path: &str| {
                    messages
                        .iter()
                        .any(|it| it.asks.ends_with(path) && it.answer != Answer::NotYet)
                };
                told("/auth/logout") || told("/oauth/revoke")
            })
            .await;
        }
        self.backend.create_user(USERNAME, PASSWORD).await?;
        Ok(())
    }

    async fn act(
        &mut self,
        act: Act,
        other: &mut Other,
        played: &mut PlayedStep,
        audience: &impl Audience,
    ) -> Result<()> {
        match act {
            Act::SignIn => self.sign_in(audience).await?,
            Act::Renew => {
                let told = self.door.orders()?.give(Order::Renew).await?;
                played.notes.extend(told);
            }
            Act::Expire => self.expire().await?,
            Act::PassTheWindow => self.pass(ACCESS_TTL + WINDOW + Duration::from_secs(60)).await?,
            Act::LoseTheAnswer => {
                let lost = Fault::once(Route::Refresh, FaultKind::DropAfterCommit {});
                self.backend.arm(lost)?;
            }
            Act::Steal => {
                other.purse = self.stealable();
                let labels = self.tap.labels(&other.purse);
                self.board.passed(Moment {
                    from: Spot::App,
                    to: Spot::Other,
                    page: None,
                    what: What::Copies {
                        carries: labels.iter().map(|label| label.kind).collect(),
                    },
                });
                played.arrows.push(Arrow {
                    from: Place::App,
                    to: Place::Other,
                    text: "copied".into(),
                    labels,
                    tone: Tone::Stolen,
                });
            }
            Act::Refresh(how) => self.refresh_as_other(how, other).await?,
            Act::Read => {
                let token = other
                    .purse
                    .access
                    .clone()
                    .context("there is nothing to read with")?;
                self.outsider().read(&token).await?;
            }
            Act::SignInToo => {
                let device = self.second_device()?;
                device.sign_in(Credentials::password(USERNAME, PASSWORD)).await?;
                other.device = Some(device);
            }
            Act::RenewToo => {
                let device = other.device.as_ref().context("there is no second device")?;
                let token = device.access_token().await?;
                played
                    .notes
                    .push(format!("served: generation {}", token.generation()));
            }
            Act::SignInAsEve => {
                self.outsider().sign_in(EVE).await?;
            }
            Act::ChangePassword => {
                let ada = [USERNAME, PASSWORD];
                self.outsider().change_password(ada, "analytical engine").await?;
            }
            Act::Revoke => {
                let token = self.tap.purse(Actor::App).refresh;
                self.outsider()
                    .revoke(token.context("there is nothing to revoke")?)
                    .await?;
            }
            Act::Look => {
                let secrets = self.tap.purse(Actor::App);
                let secrets: Vec<_> = [secrets.refresh, secrets.csrf].into_iter().flatten().collect();
                let looks = audience.look(&secrets).await?;
                if self.pages() == 0 || (looks.len() as u64) < self.pages() {
                    played.wrong = Some("not every page looked: open the dashboard".into());
                }
                let pages = looks.len();
                let lucky: Vec<_> = looks.into_iter().filter(|look| !look.found.is_empty()).collect();
                if lucky.is_empty() {
                    played
                        .notes
                        .push(format!("the scripts in {pages} pages found nothing"));
                }
                for look in lucky {
                    played.wrong = Some(format!("the page {} found {}", look.page, look.found.join(", ")));
                }
            }
        }
        Ok(())
    }

    /// What the app got last, of that what a refresh presents.
    fn stealable(&self) -> Purse {
        let all = self.tap.purse(Actor::App);
        let no_access = matches!(
            self.setup.scheme,
            Scheme::Rotation | Scheme::Cookie | Scheme::OAuth2
        );
        Purse {
            access: all.access.filter(|_| !no_access),
            ..all
        }
    }

    async fn refresh_as_other(&self, how: Presented, other: &mut Other) -> Result<()> {
        let mut shown = other.purse.clone();
        match how {
            Presented::ForeignPair => shown.access = self.tap.purse(Actor::Other).access,
            Presented::Forged => {
                let real = shown.refresh.context("there is nothing to forge")?;
                let forged = signed_by_nobody(&real);
                self.tap.call(Kind::Refresh, &forged, "forged");
                shown.refresh = Some(forged);
            }
            _ => {}
        }
        self.outsider().refresh(&shown, how).await?;
        if how == Presented::All {
            let got = self.tap.purse(Actor::Other);
            other.purse = Purse {
                access: got.access.or(other.purse.access.take()),
                refresh: got.refresh.or(other.purse.refresh.take()),
                csrf: got.csrf.or(other.purse.csrf.take()),
            };
        }
        Ok(())
    }

    fn draw(&self, step: &Step, played: &mut PlayedStep, drawn: &mut usize) {
        let arrows = played::arrows(&self.tap.messages());
        let new = arrows.into_iter().skip(*drawn).take(step.draws);
        let before = played.arrows.len();
        played.arrows.extend(new);
        *drawn += played.arrows.len() - before;
        if let Some(expected) = step.answered {
            let wrong = played::check_answer(expected, &played.arrows);
            played.wrong = played.wrong.take().or(wrong);
        }
        // What the app is told follows from the answer: it is told when that is drawn.
        if step.draws == 1 && played.arrows.last().is_some_and(|arrow| arrow.tone == Tone::Asks) {
            played.notes.clear();
        }
    }

    /// What the app was told, and what the server counted.
    async fn end(&self, story: &'static Story, before: &tokencast_backend::Stats) -> Result<()> {
        let told = |scene: &super::Scene| story.told.is(scene.app.now.state, scene.app.now.code.as_deref());
        let as_told = self.board.until(LAST_NEWS, told).await;
        // Once more: the history as it is after the last event.
        self.door.orders()?.give(Order::Report).await?;
        self.board.count();
        let counted = played::countings(before, &self.backend.stats(), story.counted);
        self.board.change(|scene| {
            let now = &scene.app.now;
            let words = match (story.told, &now.reason) {
                (_, Some(reason)) => format!("Sign in again: {reason}."),
                (Told::SignedIn, None) if as_told => "Nothing: ada is signed in.".to_owned(),
                _ => "Nothing of what the story has.".to_owned(),
            };
            // What came before belongs to other stories.
            let signed_in = now
                .history
                .iter()
                .rposition(|line| line.starts_with("the user signed in"));
            let history = now.history[signed_in.unwrap_or(0)..].to_vec();
            let over = now.state != State::Active;
            let Some(played) = &mut scene.story else { return };
            let steps = played.steps.iter().all(|step| step.wrong.is_none());
            let counts = counted.iter().all(|one| one.number == one.expected);
            let all_drawn = played.steps.len() == played.of;
            played.ending = Some(Ending {
                told: words,
                over,
                history,
                moral: story.moral,
                good: as_told && steps && counts && all_drawn,
                counted,
            });
        });
        Ok(())
    }

    fn outsider(&self) -> Outsider {
        Outsider {
            scheme: self.setup.scheme,
            api: self.others_api.clone(),
        }
    }

    /// Another device: a core of its own, in this process, with the same clock.
    fn second_device(&self) -> Result<AuthSession> {
        let profile = scheme::profile(self.setup.scheme, &self.others_api)?;
        let session = AuthSession::builder(profile)
            .storage(storage::memory())
            .locks(Arc::new(MemoryLocks::default()))
            .clock(self.clock.clone())
            .build();
        session.map_err(|error| anyhow!("no second device: {error}"))
    }
}
