//! P13: from the first sending of a call, through its 401, to the answer of its replay; of one page, and of 32 at once. Floor:
//! every page makes two bare fetches, one of them a bare POST to the token endpoint between them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokencast_webviews::{ChromiumHost, World, run};

use super::channel::Channel;
use super::{MANY, NOW, all, duration, in_millis, millis, settle};
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
    let runtime = rig::runtime(2);
    let client = crate::server::bare_client();
    let mut rows = Vec::new();
    for pages in [1, MANY] {
        let stage = runtime.block_on(Stage::<H>::open(pages));
        let login = || runtime.block_on(sign_in(&client, stage.world.rig.server.url()));
        let mut before = login()?;
        let floor = || {
            stage.world.expire();
            let now = login()?;
            let took = runtime.block_on(stage.floor(&before, &now));
            before = now;
            took
        };
        let ours = || {
            stage.world.expire();
            runtime.block_on(stage.ours())
        };
        let medians = in_turns(TURNS, floor, ours)?;
        let stats = stage.world.rig.server.stats();
        if stats.refresh_rejected + stats.reuse_detected > 0 {
            return Err("the server refused an exchange".into());
        }
        let (engine, many) = (H::NAME, if pages == 1 { "1 page" } else { "32 pages" });
        let id = format!("P13-{pages}-{}", engine.to_lowercase());
        let act = format!("401 to replayed call, {many}, {engine}; floor: POST, 2 fetches");
        rows.push(Row::new(&id, &act, medians, in_millis, "ms", Some(1.3)));
    }
    Ok(rows)
}

/// What a sign-in of the floor's own brought.
struct Login {
    access_token: String,
    refresh_token: String,
}

async fn sign_in(client: &reqwest::Client, url: &str) -> Result<Login, String> {
    let form = [("username", "ada"), ("password", "lovelace")];
    let request = client.post(format!("{url}/auth/login")).form(&form);
    let answer = async { request.send().await?.json::<Value>().await }.await;
    let answer = answer.map_err(|error| error.without_url().to_string())?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    Ok(Login {
        access_token: text("access_token"),
        refresh_token: text("refresh_token"),
    })
}

struct Stage<H: Channel> {
    world: World<H>,
    views: Vec<H::View>,
}

impl<H: Channel> Stage<H> {
    async fn open(pages: usize) -> Self {
        let world = World::<H>::open().await;
        let (me, refresh) = (
            world.api("me"),
            format!("{}/auth/refresh", world.rig.server.url()),
        );
        let mut views = Vec::new();
        for _ in 0..pages {
            let view = world.active(&world.sites.app).await;
            let prepare = format!(
                "const call = async (token, status) => {{
                    const answer = await fetch({me:?}, {{ headers: {{ authorization: 'Bearer ' + token }} }});
                    await answer.text();
                    if (answer.status !== status) throw new Error('answered ' + answer.status);
                }};
                const exchange = async (token) => {{
                    const answer = await fetch({refresh:?}, {{
                        method: 'POST',
                        headers: {{ 'idempotency-key': crypto.getRandomValues(new Uint32Array(4)).join('-') }},
                        body: new URLSearchParams({{ grant_type: 'refresh_token', refresh_token: token }}),
                    }});
                    return (await answer.json()).access_token;
                }};
                const at = (time) => new Promise((passed) => setTimeout(passed, time - Date.now()));
                window.floor = async (time, old, token, fresh) => {{
                    await at(time);
                    const start = {NOW};
                    await call(old, 401);
                    if (token) fresh = await exchange(token);
                    await call(fresh, 200);
                    return [start, {NOW}];
                }};
                window.ours = async (time) => {{
                    await at(time);
                    const start = {NOW};
                    const answer = await session.fetch({me:?});
                    await answer.text();
                    if (answer.status !== 200) throw new Error('answered ' + answer.status);
                    return [start, {NOW}];
                }};"
            );
            run(&view, &prepare).await;
            views.push(view);
        }
        Self { world, views }
    }

    async fn floor(&self, before: &Login, now: &Login) -> Result<Duration, String> {
        settle().await;
        let time = self.time();
        let calls = self.views.iter().enumerate().map(|(number, view)| {
            // The first makes the exchange; for the others a token is there.
            let token = (number == 0).then_some(&before.refresh_token);
            let (old, token, fresh) = (json!(before.access_token), json!(token), json!(now.access_token));
            let body = format!("return floor({time}, {old}, {token}, {fresh})");
            async move { run(view, &body).await }
        });
        span(&join_all(calls).await)
    }

    async fn ours(&self) -> Result<Duration, String> {
        settle().await;
        span(&all(&self.views, &format!("return ours({})", self.time())).await)
    }

    /// When all pages begin: after the last of them has been told.
    fn time(&self) -> u64 {
        let ahead = if self.views.len() == 1 { 20.0 } else { 150.0 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // milliseconds since 1970
        let time = (super::now() + ahead) as u64;
        time
    }
}

/// From the first start to the last end.
fn span(times: &[Value]) -> Result<Duration, String> {
    let (mut start, mut end) = (f64::MAX, f64::MIN);
    for time in times {
        start = start.min(millis(&time[0])?);
        end = end.max(millis(&time[1])?);
    }
    Ok(duration(end - start))
}
