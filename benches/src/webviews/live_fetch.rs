//! P12: a call with a live token, `session.fetch` against bare `fetch` with the same header, in Chromium; axios with
//! axios-auth-refresh beside it.

use std::time::Duration;

use tokencast_webviews::{ChromiumHost, World, run};

use super::{duration, millis};
use crate::measure::{Row, in_turns, micros};
use crate::rig;

const TURNS: usize = 60;
/// Calls in a turn, one after the other: a page's clock is coarse.
const CALLS: u32 = 50;
/// Where `cargo xtask bench` had the bundle of axios written.
const PEER: &str = "TOKENCAST_PEER_BUNDLE";

pub(crate) fn measure() -> Result<Vec<Row>, String> {
    let runtime = rig::runtime(2);
    let file = std::env::var_os(PEER).ok_or_else(|| format!("{PEER} names no bundle of axios"))?;
    let peer = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let peer = serde_json::to_string(&peer).map_err(|error| error.to_string())?;
    let world = runtime.block_on(World::<ChromiumHost>::open());
    let page = runtime.block_on(world.active(&world.sites.app));
    let url = world.api("me");
    let prepare = format!(
        "(0, eval)({peer});
        let token;
        session.onAccessToken(({{ value }}) => {{ token = value }});
        await new Promise((passed) => setTimeout(passed, 100));
        const headers = {{ authorization: 'Bearer ' + token }};
        const axios = peer.axios.create({{ headers }});
        peer.createAuthRefresh(axios, async () => {{}});
        window.ways = {{
            bare: async () => {{ const answer = await fetch({url:?}, {{ headers }}); await answer.text(); return answer.status }},
            ours: async () => {{ const answer = await session.fetch({url:?}); await answer.text(); return answer.status }},
            axios: async () => (await axios.get({url:?}, {{ responseType: 'text' }})).status,
        }};
        window.timed = async (way) => {{
            const start = performance.now();
            for (let call = 0; call < {CALLS}; call++) {{
                if (await ways[way]() !== 200) throw new Error('a call was refused');
            }}
            return performance.now() - start;
        }};"
    );
    runtime.block_on(run(&page, &prepare));
    let turn = |way: &str| {
        let took = runtime.block_on(run(&page, &format!("return timed('{way}')")));
        Ok::<Duration, String>(duration(millis(&took)?) / CALLS)
    };
    let ours = in_turns(TURNS, || turn("bare"), || turn("ours"))?;
    let axios = in_turns(TURNS, || turn("bare"), || turn("axios"))?;
    let act = "a call with a live token, Chromium; floor: bare fetch";
    Ok(vec![
        Row::new("P12", act, ours, micros, "us", Some(1.05)),
        Row::new(
            "peer:P12",
            "the same, axios and axios-auth-refresh",
            axios,
            micros,
            "us",
            None,
        ),
    ])
}
