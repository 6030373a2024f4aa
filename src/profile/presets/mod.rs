//! Profiles for schemes and servers that people use.

mod documented;
mod oauth;
mod schemes;

use std::time::Duration;

use url::Url;

use super::address;
use super::check::{self, ProfileError};
use super::draft::{default_life_seconds, default_rejections};
use super::{AnswerShape, Renew, RequestShape, ServerProfile};

impl ServerProfile {
    /// A server of which nothing but its refresh request is known.
    fn of(id: &str, refresh: RequestShape) -> Self {
        Self {
            id: id.into(),
            client: None,
            sign_in: None,
            refresh,
            revoke: None,
            subject: None,
            answer: AnswerShape::default(),
            default_life: Duration::from_secs(default_life_seconds()),
            reuse_leeway: Duration::ZERO,
            idempotency_key: None,
            verdicts: Vec::new(),
            resource_origins: Vec::new(),
            rejected_statuses: default_rejections(),
            renew: Renew::Ahead,
            danger_tokens_in_query: false,
        }
    }

    fn checked(mut self) -> Result<Self, ProfileError> {
        let origins = self.resource_origins.into_iter().map(address::origin_of);
        self.resource_origins = origins.collect();
        check::profile(&self)?;
        Ok(self)
    }
}

/// The addresses of one server.
struct Server(Url);

impl Server {
    fn at(field: &str, base: &str) -> Result<Self, ProfileError> {
        Ok(Self(address::web_address(field, base)?))
    }

    fn endpoint(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}
