//! Everything that any crate says, at every level, while pages come, call and go: no token stands in it.
#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex};

use tokencast_testkit::eventually;
use tokencast_threats::{Engine, Stage};
use tokencast_webviews::{View, until};
use tracing_subscriber::filter::LevelFilter;

static SAID: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let all = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false);
    all.with_writer(|| Listener).init();
    Mutex::default()
});

struct Listener;

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_said(text: &str) -> bool {
    String::from_utf8_lossy(&SAID.lock().unwrap()).contains(text)
}

async fn no_token_is_logged<E: Engine>() {
    LazyLock::force(&SAID);
    let stage = Stage::<E>::open().await;
    let mut secrets = vec![stage.token().await, stage.refresh_token()];
    let page = stage.active(&stage.app).await;
    stage.rig.server.expire_access_tokens();
    assert_eq!(stage.status(&page).await, 200);
    secrets.extend([stage.token().await, stage.refresh_token()]);
    let stranger = stage.engine.open(&stage.evil.url("/")).await;
    stage.evil.until_seen("/loot", 1).await;
    secrets.push(stage.renew().await);
    secrets.push(stage.refresh_token());
    page.go(&stage.foreign.url("/")).await;
    stranger.go(&stage.app.url("/")).await;
    stage.until_current(&stranger).await;
    stage.session.sign_out().await.unwrap();
    until(&stranger, "return session.state === 'ended'").await;
    // What the core has to say of all this.
    stranger.kill().await;
    eventually("the core is heard", || is_said("a page is gone")).await;
    for secret in &secrets {
        assert!(!is_said(secret), "a token is logged");
    }
    // The naive app logs what it evaluates.
    tracing::debug!("evaluating window.onToken('{}')", secrets[0]);
    assert!(is_said(&secrets[0]), "it must be found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_chromium_s_pages_is_logged() {
    no_token_is_logged::<tokencast_webviews::ChromiumHost>().await;
}

#[cfg(feature = "webkit")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_webkitgtk_s_pages_is_logged() {
    no_token_is_logged::<tokencast_webviews::WebKitHost>().await;
}
