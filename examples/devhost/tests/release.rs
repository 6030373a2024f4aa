//! What a release build does: `cargo test --release -p tokencast-devhost`.
#![cfg(not(debug_assertions))]
#![allow(clippy::unwrap_used)] // its helper functions are tests too

use tokencast::pages::PagePolicy;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::storage;
use tokencast_devhost::{DevHost, DevHostError};

#[tokio::test]
async fn a_release_build_starts_no_host() {
    let profile = ServerProfile::rotation("https://api.example.com").unwrap();
    let builder = AuthSession::builder(profile).storage(storage::memory());
    let session = builder.transport(Nowhere).build().unwrap();
    let policy = PagePolicy::new(["https://app.example.com"]).unwrap();
    assert!(matches!(
        DevHost::start(&session, policy).await,
        Err(DevHostError::ReleaseBuild)
    ));
}

struct Nowhere;

impl tokencast::transport::HttpTransport for Nowhere {
    fn send(
        &self,
        _: tokencast::wire::HttpRequest,
    ) -> futures_util::future::BoxFuture<
        'static,
        Result<tokencast::wire::HttpResponse, tokencast::transport::TransportError>,
    > {
        Box::pin(async { Err(tokencast::transport::TransportError::NotSent) })
    }
}
