//! `peer:P1`: the cached path of yup-oauth2, beside the floor of P1.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokencast::time::{Clock, SystemClock};
use yup_oauth2::client::CustomHyperClientBuilder;
use yup_oauth2::{ApplicationSecret, InstalledFlowAuthenticator, InstalledFlowReturnMethod};

use crate::measure::{Row, in_turns, nanos_each, timed};

const READS: u32 = 20_000;
const TURNS: usize = 31;
/// Its form of a stored token, good for some decades.
const STORED: &str = r#"[{"scopes":["s"],"token":{"access_token":"acc3ss","refresh_token":"r3fr3sh",
"expires_at":[2090,1,0,0,0,0,0,0,0],"id_token":null}}]"#;

pub(crate) fn measure(runtime: &tokio::runtime::Runtime) -> Result<Row, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, STORED).map_err(|error| error.to_string())?;
    let peer = runtime.block_on(async {
        // Never called: the token is there.
        let client = Client::builder(TokioExecutor::new()).build_http::<String>();
        let method = InstalledFlowReturnMethod::HTTPRedirect;
        let client = CustomHyperClientBuilder::from(client);
        InstalledFlowAuthenticator::with_client(ApplicationSecret::default(), method, client)
            .persist_tokens_to_disk(tokens)
            .build()
            .await
            .map_err(|error| error.to_string())
    })?;
    let cached = runtime.block_on(peer.token(&["s"]));
    cached.map_err(|_| "the peer does not take the stored token")?;

    let slot = Arc::new(ArcSwap::from_pointee(7_u64));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let floor = || {
        let one = || {
            black_box(slot.load_full());
            black_box(clock.boot());
        };
        Ok::<_, Infallible>(timed(|| (0..READS).for_each(|_| one())).0)
    };
    let theirs = || {
        Ok(runtime.block_on(async {
            let start = std::time::Instant::now();
            for _ in 0..READS {
                let _ = black_box(peer.token(&["s"]).await);
            }
            start.elapsed()
        }))
    };
    let medians = in_turns(TURNS, floor, theirs).unwrap_or_else(|never| match never {});
    let act = "yup-oauth2, cached read, 1 thread; floor as in P1";
    Ok(Row::new("peer:P1", act, medians, nanos_each(READS), "ns", None))
}
