//! P7: a new token to the last of 32 webviews, from the moment at which the session has it. Push: floor, a trivial script
//! evaluated in each. Pull: floor, a bare notice, a message back and a reply, over the same relay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokencast_webviews::{ChromiumHost, View, World, until};

use super::channel::Channel;
use super::{MANY, NOW, all, duration, in_millis, millis, now, settle};
use crate::measure::{Row, in_turns};
use crate::rig;

const TURNS: usize = 40;

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let engines = [
        measure_in::<ChromiumHost>()?,
        #[cfg(feature = "webkit")]
        measure_in::<tokencast_webviews::WebKitHost>()?,
    ];
    Ok(engines.into_iter().flatten().collect())
}

fn measure_in<H: Channel>() -> Result<Vec<Row>, String> {
    let engine = H::NAME;
    let row = |way: &str, act: &str, medians| {
        let id = format!("P7-{way}-{}", engine.to_lowercase());
        Row::new(&id, act, medians, in_millis, "ms", Some(1.5))
    };
    let act = format!("new token to the last of 32 pages, {engine}, push; floor: a script in each");
    let push = row("push", &act, pair::<H>(true)?);
    let act = "the same, pull; floor: a bare notice, message, reply";
    let pull = row("pull", act, pair::<H>(false)?);
    Ok(vec![push, pull])
}

fn pair<H: Channel>(push: bool) -> Result<(Duration, Duration), String> {
    let runtime = rig::runtime(2);
    let floor = runtime.block_on(Bare::<H>::open());
    let ours = runtime.block_on(Ours::<H>::open(push));
    in_turns(
        TURNS,
        || runtime.block_on(floor.turn(push)),
        || runtime.block_on(ours.turn()),
    )
}

struct Bare<H: Channel> {
    world: World<H>,
    views: Vec<H::View>,
    ways: Vec<H::Way>,
}

impl<H: Channel> Bare<H> {
    async fn open() -> Self {
        let world = World::<H>::open().await;
        let (mut views, mut ways) = (Vec::new(), Vec::new());
        for _ in 0..MANY {
            // As long as a `state` is.
            let (view, way) = world
                .host
                .open_bare(&format!("{}/silent", world.sites.app), "x".repeat(800))
                .await;
            until(&view, "return location.pathname === '/silent'").await;
            views.push(view);
            ways.push(way);
        }
        Self { world, views, ways }
    }

    async fn turn(&self, push: bool) -> Result<Duration, String> {
        settle().await;
        all(&self.views, "window.at = undefined").await;
        let start = now();
        if push {
            let script = format!("window.at = {NOW}");
            join_all(
                self.views
                    .iter()
                    .map(|view| self.world.host.evaluate(view, &script)),
            )
            .await;
        } else {
            let each = self.views.iter().zip(&self.ways);
            join_all(each.map(|(view, way)| self.world.host.notify(view, way))).await;
        }
        last(&self.views, start).await
    }
}

struct Ours<H: Channel> {
    world: World<H>,
    views: Vec<H::View>,
    /// When the session had its last token.
    had: Arc<Mutex<Option<f64>>>,
    _listens: tokencast::publish::Subscription,
}

impl<H: Channel> Ours<H> {
    async fn open(push: bool) -> Self {
        let world = World::<H>::open_with(|policy| if push { policy.guarded_push() } else { policy }).await;
        let mut views = Vec::new();
        for _ in 0..MANY {
            let view = world.active(&world.sites.app).await;
            let notes = format!("session.onAccessToken(() => {{ window.at = {NOW} }})");
            tokencast_webviews::run(&view, &notes).await;
            until(&view, "return window.at !== undefined").await;
            views.push(view);
        }
        let had = Arc::new(Mutex::new(None));
        let noted = had.clone();
        let listens = world.session.subscribe(move |_| {
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(now);
        });
        Self {
            world,
            views,
            had,
            _listens: listens,
        }
    }

    async fn turn(&self) -> Result<Duration, String> {
        settle().await;
        all(&self.views, "window.at = undefined").await;
        *self.had.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.world.renew().await;
        let returned = now();
        for view in &self.views {
            self.world.until_current(view).await;
        }
        let told = *self.had.lock().unwrap_or_else(PoisonError::into_inner);
        last(&self.views, told.unwrap_or(returned).min(returned)).await
    }
}

/// When the last page had it, counted from `start`.
async fn last<V: View>(views: &[V], start: f64) -> Result<Duration, String> {
    let mut end = start;
    for view in views {
        until(view, "return window.at !== undefined").await;
    }
    for at in all(views, "return window.at").await {
        end = end.max(millis(&at)?);
    }
    Ok(duration(end - start))
}
