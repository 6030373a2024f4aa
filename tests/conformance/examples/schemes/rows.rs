//! Each scheme of the reference backend, with its contract and, where the scheme is one without it too, without.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokencast::ServerProfile;
use tokencast::profile::{OAuthClient, ProfileError};
use tokencast_backend::{Backend, Config, RunningBackend, Scheme, StartError};
use tokencast_conformance::{Mint, Order, Report, ServerClock, SoakError, Stop, Storage, soak};

/// One soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) scheme: Scheme,
    pub(crate) contract: Contract,
}

/// What becomes of a lost answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contract {
    /// The server gives it again, by the key.
    Kept,
    /// It is lost: the server honours no key, and the profile promises none.
    Off,
    /// Nothing is spent by an exchange: there is nothing to give again.
    NotNeeded,
}

/// How much, and what decides the faults.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) exchanges: u64,
    pub(crate) callers: usize,
    pub(crate) seed: u64,
    pub(crate) stop: Stop,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error("the backend did not start: {0}")]
    Start(#[from] StartError),
    #[error("the preset does not fit: {0}")]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Soak(#[from] SoakError),
}

pub(crate) fn rows() -> Vec<Row> {
    let contracts = |scheme| match scheme {
        Scheme::PerUser | Scheme::Salted | Scheme::SingleDevice => vec![Contract::NotNeeded],
        _ => vec![Contract::Kept, Contract::Off],
    };
    let of = |scheme| {
        contracts(scheme)
            .into_iter()
            .map(move |contract| Row { scheme, contract })
    };
    Scheme::all().flat_map(of).collect()
}

impl Row {
    /// `mint` is a command for the shell that takes a scheme and the backend's address.
    pub(crate) async fn soak(self, size: &Size, mint: &str, tell: impl Fn(&str)) -> Result<Report, RowError> {
        let config = Config {
            idempotency: self.contract == Contract::Kept,
            ..Config::for_tests().with_scheme(self.scheme)
        };
        let server = Arc::new(Backend::start(config).await?);
        // It renews expired tokens only; the others take what the client's own clock calls expired.
        let server_clock = (self.scheme == Scheme::AccessOnly).then(|| {
            let server = server.clone();
            ServerClock::new(move |by| server.advance_clock(by))
        });
        let order = Order {
            profile: self.profile(&server)?,
            mint: Mint(format!("{mint} {} {}", self.scheme.name(), server.url())),
            exchanges: size.exchanges,
            callers: size.callers,
            seed: size.seed,
            storage: Storage::Memory,
            most: None,
            pause: Duration::ZERO,
            stop: size.stop.clone(),
            server_clock,
        };
        Ok(soak(&order, tell).await?)
    }

    fn profile(self, server: &RunningBackend) -> Result<ServerProfile, ProfileError> {
        let base = server.url();
        let preset = match self.scheme {
            Scheme::ExchangeOnce => ServerProfile::exchange_once(base),
            Scheme::AccessOnly => ServerProfile::access_only(base),
            Scheme::PerUser => ServerProfile::per_user(base),
            Scheme::Salted => ServerProfile::salted(base),
            Scheme::SingleDevice => ServerProfile::single_device(base),
            Scheme::Cookie => ServerProfile::cookie(base),
            Scheme::OAuth2 => {
                let (token, revoke) = (format!("{base}/oauth/token"), format!("{base}/oauth/revoke"));
                ServerProfile::oauth2(&token, Some(&revoke), OAuthClient::public("app"))
            }
            _ => ServerProfile::rotation(base),
        }?;
        Ok(match self.contract {
            Contract::Kept => preset.with_idempotency_key(Some("Idempotency-Key")),
            Contract::Off => preset.with_idempotency_key(None),
            Contract::NotNeeded => preset,
        })
    }
}
