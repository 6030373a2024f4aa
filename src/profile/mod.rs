//! [`ServerProfile`]: one server described as data. It can be written in Rust through a preset or shipped as
//! JSON; either way it is validated once, here, and every later step can rely on it.

mod address;
mod answer;
mod check;
mod client;
mod draft;
mod pointer;
mod presets;
mod request;
#[cfg(test)]
mod schema_tests;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

pub use answer::{AnswerShape, ExpiresUnit};
pub use check::ProfileError;
pub(crate) use check::{belongs_to_the_connection, is_header_name};
pub use client::{ClientAuth, OAuthClient};
pub use pointer::JsonPointer;
pub use request::{BodyEncoding, CsrfEcho, Method, Place, Placement, RequestShape, SignInShape, TokenKind};
pub use subject::SubjectShape;
pub use verdict::{Verdict, VerdictRule};

use draft::Draft;

/// How to sign in, refresh and revoke at one server, and how to read its answers.
///
/// JSON: the same fields, see `docs/guides/server-profile.md`. An unknown field, an `http` address other than
/// loopback or a rule that can never apply is refused with the field's name and the mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Draft", into = "Draft")]
pub struct ServerProfile {
    id: String,
    client: Option<OAuthClient>,
    sign_in: Option<SignInShape>,
    refresh: RequestShape,
    revoke: Option<RequestShape>,
    subject: Option<SubjectShape>,
    answer: AnswerShape,
    default_life: Duration,
    reuse_leeway: Duration,
    idempotency_key: Option<String>,
    verdicts: Vec<VerdictRule>,
    resource_origins: Vec<Url>,
    rejected_statuses: Vec<u16>,
    renew: Renew,
    danger_tokens_in_query: bool,
}

/// When an access token is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Renew {
    /// Before its end, and whenever a caller asks for more life than is left.
    #[default]
    Ahead,
    /// Not before its end: the server refuses to renew a token that still lives.
    WhenExpired,
}

impl ServerProfile {
    /// Reads a profile from JSON.
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        Draft::parse(text)?.try_into()
    }

    /// The name kept in records, so that a record is never used with another server.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How the app names itself to the server, where the server asks for it.
    pub fn client(&self) -> Option<&OAuthClient> {
        self.client.as_ref()
    }

    /// The sign-in request, where the server has one of its own.
    pub fn sign_in(&self) -> Option<&SignInShape> {
        self.sign_in.as_ref()
    }

    /// The refresh request (RFC 6749 §6 or the server's own).
    pub fn refresh(&self) -> &RequestShape {
        &self.refresh
    }

    /// The revocation request (RFC 7009 or the server's own).
    pub fn revoke(&self) -> Option<&RequestShape> {
        self.revoke.as_ref()
    }

    /// Where the server says whose an access token is.
    pub fn subject(&self) -> Option<&SubjectShape> {
        self.subject.as_ref()
    }

    /// Where an answer keeps its values.
    pub fn answer(&self) -> &AnswerShape {
        &self.answer
    }

    /// The life of an access token about which neither the answer nor the token says anything.
    pub fn default_life(&self) -> Duration {
        self.default_life
    }

    /// How long the server accepts a spent refresh token again with the same answer; zero: not at all.
    pub fn reuse_leeway(&self) -> Duration {
        self.reuse_leeway
    }

    /// The header that carries the idempotency key, where the server keeps that contract.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// Which answers of the refresh endpoint mean what. What is not listed is transient.
    pub fn verdicts(&self) -> &[VerdictRule] {
        &self.verdicts
    }

    /// The origins that may see an access token: those listed; the endpoints' own are not among them unless
    /// listed.
    pub fn resource_origins(&self) -> impl Iterator<Item = url::Origin> + '_ {
        self.resource_origins.iter().map(Url::origin)
    }

    /// The statuses by which a resource says "this access token is not accepted".
    pub fn rejected_statuses(&self) -> &[u16] {
        &self.rejected_statuses
    }

    /// Whether a resource's answer, its status and its `WWW-Authenticate`, says that the token was not accepted, and not
    /// something that a newer token would not mend (RFC 6750 §3.1).
    pub fn rejects(&self, status: u16, challenge: Option<&str>) -> bool {
        let other = challenge.is_some_and(|text| text.contains("error=") && !text.contains("invalid_token"));
        self.rejected_statuses.contains(&status) && !other
    }

    /// When an access token is renewed.
    pub fn renew(&self) -> Renew {
        self.renew
    }

    /// The secret that the session lives by: what tells two of its records apart and what a sign-out revokes.
    pub fn presents(&self) -> TokenKind {
        [TokenKind::Refresh, TokenKind::Cookie]
            .into_iter()
            .find(|kind| self.refresh.places(*kind))
            .unwrap_or(TokenKind::Access)
    }

    /// Whether an access token may be sent to `url`.
    pub fn may_send_to(&self, url: &Url) -> bool {
        let origin = url.origin();
        origin.is_tuple() && self.resource_origins().any(|allowed| allowed == origin)
    }

    /// Adds an origin whose resources take the access token, such as `https://media.example.com`.
    pub fn with_resource_origin(mut self, origin: &str) -> Result<Self, ProfileError> {
        self.resource_origins
            .push(address::origin("resource_origins", origin)?);
        Ok(self)
    }

    /// Says where the server tells whose an access token is: `url` is asked with a GET, and what stands at the JSON pointer
    /// `at` of its answer, `/sub` for instance, names the user. Pages that refresh themselves need it.
    pub fn with_subject(mut self, url: &str, at: &str) -> Result<Self, ProfileError> {
        let at = JsonPointer::try_from(at.to_owned())
            .map_err(|problem| ProfileError::new("subject.at", problem, "name the field as `/sub`"))?;
        let url = address::web_address("subject.url", url)?;
        self.subject = Some(SubjectShape { url, at });
        Ok(self)
    }

    /// Says how long the server accepts a spent refresh token again (its "leeway", "reuse interval" or "grace period").
    /// Too long a value loses sessions: state what the server is set to.
    #[must_use]
    pub fn with_reuse_leeway(mut self, leeway: Duration) -> Self {
        self.reuse_leeway = leeway;
        self
    }

    /// Says whether the server keeps the idempotency contract (`docs/guides/server-contract.md`).
    #[must_use]
    pub fn with_idempotency_key(mut self, header: Option<&str>) -> Self {
        self.idempotency_key = header.map(str::to_owned);
        self
    }
}
