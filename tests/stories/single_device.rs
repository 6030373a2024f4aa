//! Scheme `single-device`: whoever signs in last is signed in.

use std::time::Duration;

use tokencast::error::EndReason;
use tokencast::profile::ServerProfile;
use tokencast_backend::{Config, Scheme};

use crate::server::Server;

const ACCESS_LIFE: Duration = Duration::from_secs(60 * 60);
const REFRESH_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

async fn server() -> Server {
    let backend = super::start(Config::for_tests().with_scheme(Scheme::SingleDevice)).await;
    Server::of(backend, ServerProfile::single_device)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_expiry_and_a_restart() {
    server().await.device().lives_through_a_restart(ACCESS_LIFE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_session_and_the_app_is_told() {
    let server = server().await;
    let (reason, said) = (EndReason::PasswordChanged, "401 password_changed");
    server
        .device()
        .ends_with_the_password(ACCESS_LIFE, reason, said)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_refresh_token_buys_nothing_and_is_told_nothing_but_that() {
    server().await.device().ends_forged(ACCESS_LIFE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_came_to_its_end_is_told_so() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    device
        .ends(process, REFRESH_LIFE, EndReason::Expired, "401 expired")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_device_ends_the_first_whose_app_is_told() {
    server().await.keeps_the_second_device_only(ACCESS_LIFE).await;
}
