//! Pages that come later: one more of the app's, one that the server renders, and a hostile one.

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Audience, Scene, Stage, sites};
use crate::control::{Order, PageSeen};
use crate::launcher::wire::{Moment, Spot, What};

/// What a hostile page tried, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attempt {
    pub(crate) at: Target,
    pub(crate) tries: String,
    pub(crate) got: String,
    /// Whether it got nothing.
    pub(crate) nothing: bool,
}

/// Whom a hostile page tries it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    App,
    Server,
    Page,
}

impl Stage {
    pub(super) async fn another_page(&mut self, audience: &impl Audience) -> Result<()> {
        ensure!(self.is_active(), "nobody is signed in");
        let before = self.connections();
        self.door.show(sites::COUNT + 1);
        audience.open_another(&self.door).await?;
        let has_it = |scene: &Scene| {
            let now = &scene.app.now;
            let mut pages = now.pages.iter();
            let is_new = |page: &PageSeen| !before.contains(&page.connection);
            pages.any(|page| is_new(page) && page.generation == Some(now.generation))
        };
        ensure!(
            self.board.until(audience.patience(), has_it).await,
            "the new page has no access token: is the dashboard open?"
        );
        Ok(())
    }

    pub(super) async fn rendered_page(&mut self) -> Result<()> {
        ensure!(self.is_active(), "nobody is signed in");
        self.board.change(|scene| scene.rendered = None);
        self.expire().await?;
        let order = Order::Load { path: "/app".into() };
        let page = self.door.orders()?.give(order).await?;
        let page = serde_json::from_str(&page.context("the app does not tell what it loaded")?)?;
        self.board.change(|scene| scene.rendered = Some(page));
        Ok(())
    }

    pub(super) async fn hostile_page(&mut self, audience: &impl Audience) -> Result<()> {
        ensure!(self.is_active(), "nobody is signed in: there is nothing to steal");
        self.board.change(|scene| scene.attempts.clear());
        let attempts = audience.attack(&self.door).await?;
        ensure!(
            !attempts.is_empty(),
            "the hostile page does not say what it tried: is the dashboard open?"
        );
        self.board.change(|scene| scene.attempts = attempts);
        Ok(())
    }
}

impl Attempt {
    /// As it is drawn, beside what the tap sees.
    pub(crate) fn moment(&self, origin: &str) -> Moment {
        Moment {
            from: Spot::Page,
            to: match self.at {
                Target::App => Spot::App,
                Target::Server => Spot::Server,
                Target::Page => Spot::Page,
            },
            page: Some(origin.to_owned()),
            what: What::Tries {
                tries: self.tries.clone(),
                got: self.got.clone(),
                nothing: self.nothing,
            },
        }
    }
}
