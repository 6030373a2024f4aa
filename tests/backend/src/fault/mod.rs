//! Faults as data: what goes wrong, on which route, how often. Armed through the library or by `POST /test/faults`.

mod layer;

use std::fmt;

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use layer::{Copy, apply};

/// Something that goes wrong for the next requests on a route. Of several armed faults the oldest that fits is used;
/// one request meets one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where.
    pub route: Route,
    /// For how many requests; 1 when left out.
    #[serde(default = "once")]
    pub times: u32,
    /// What.
    pub fault: FaultKind,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// This fault for the next request of the route.
    pub fn once(route: Route, fault: FaultKind) -> Self {
        Self {
            route,
            times: 1,
            fault,
        }
    }

    /// This fault for the next `times` requests of the route.
    pub fn times(route: Route, times: u32, fault: FaultKind) -> Self {
        Self { route, times, fault }
    }
}

/// The routes on which faults can be armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `POST /auth/login`, and any grant but the next at `POST /oauth/token`
    Login,
    /// `POST /auth/refresh`, and `GET` where the scheme has it; the grant `refresh_token` at `POST /oauth/token`
    Refresh,
    /// `POST /auth/logout`, `POST /oauth/revoke`
    Logout,
    /// `GET /api/me`
    Me,
    /// `GET` and `POST /api/notes`
    Notes,
    /// `/app` and what is below
    Pages,
    /// Every one of these.
    Any,
}

impl Route {
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        match (method.as_str(), path) {
            ("POST", "/auth/login") => Some(Self::Login),
            ("POST" | "GET", "/auth/refresh") => Some(Self::Refresh),
            ("POST", "/auth/logout") => Some(Self::Logout),
            ("POST", "/oauth/revoke") => Some(Self::Logout),
            ("GET", "/api/me") => Some(Self::Me),
            ("GET" | "POST", "/api/notes") => Some(Self::Notes),
            (_, path) if path == "/app" || path.starts_with("/app/") => Some(Self::Pages),
            _ => None,
        }
    }

    /// Of a request to the token endpoint, by its body.
    pub(crate) fn of_grant(body: &[u8]) -> Self {
        let mut fields = url::form_urlencoded::parse(body);
        if fields.any(|(name, value)| name == "grant_type" && value == "refresh_token") {
            Self::Refresh
        } else {
            Self::Login
        }
    }

    pub(crate) fn covers(self, route: Self) -> bool {
        self == route || self == Self::Any
    }
}

/// What goes wrong. *Processed* means that the request had its full effect (a refresh token was exchanged) before
/// the answer was spoilt.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultKind {
    /// The request waits, then is processed.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Processed; the answer waits.
    DelayAnswer {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection ends without an answer; not processed.
    DropBeforeCommit {},
    /// Processed; the connection ends without one byte of a response head.
    DropAfterCommit {},
    /// Processed; head and half of the body are sent, then the connection ends.
    CutBody {},
    /// Another answer.
    Answer {
        /// The status, 200 to 599.
        status: u16,
        /// `Retry-After` in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// `Content-Type`; JSON when left out.
        #[serde(default)]
        content_type: Option<String>,
        /// The body, sent as it is.
        #[serde(default)]
        body: String,
        /// Whether the request is processed first.
        #[serde(default)]
        processed: bool,
    },
    /// Processed; one field of the JSON answer has another value, or none (`null`).
    Field {
        /// The field's name.
        name: String,
        /// What it holds instead.
        value: Value,
    },
    /// Processed; one header of the answer has another value, or is missing (`null`).
    Header {
        /// The header's name.
        name: String,
        /// What it holds instead.
        value: Option<String>,
    },
    /// A redirect; not processed.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
    /// Status 200 and a body that never ends; not processed.
    EndlessBody {},
    /// The network delivers the request twice: both are processed, the first one's answer is sent.
    Duplicate {
        /// When the second one arrives.
        #[serde(default)]
        when: Second,
    },
    /// The connection ends without an answer, and the network delivers the request later, when the test says so.
    Postpone {},
}

/// When the copy of a duplicated request arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Second {
    /// Straight after the first, before the first one's answer is sent.
    #[default]
    AtOnce,
    /// When the test says so: `RunningBackend::deliver_copies` or `POST /test/copies`.
    WhenTold,
}

impl FaultKind {
    /// A status with an empty JSON object; not processed.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            retry_after: None,
            content_type: None,
            body: "{}".into(),
            processed: false,
        }
    }

    /// 429 with `Retry-After`; not processed.
    pub fn too_many_requests(retry_after: u64) -> Self {
        Self::Answer {
            status: 429,
            retry_after: Some(retry_after),
            content_type: None,
            body: r#"{"error":"slow_down"}"#.into(),
            processed: false,
        }
    }

    /// A page in HTML, as a captive portal (200) or a broken gateway (5xx) sends it.
    pub fn html(status: u16, processed: bool) -> Self {
        Self::Answer {
            status,
            retry_after: None,
            content_type: Some("text/html; charset=utf-8".into()),
            body: "<!doctype html><title>Welcome</title><p>Please accept our terms.".into(),
            processed,
        }
    }

    /// Plain words in place of a code.
    pub fn prose(status: u16, text: &str) -> Self {
        Self::Answer {
            status,
            retry_after: None,
            content_type: Some("text/plain".into()),
            body: text.into(),
            processed: false,
        }
    }

    /// 200 with JSON that breaks off, after a request that was processed.
    pub fn garbage_json() -> Self {
        Self::Answer {
            status: 200,
            retry_after: None,
            content_type: None,
            body: r#"{"access_token": "#.into(),
            processed: true,
        }
    }

    /// One field of the answer replaced; `Value::Null` removes it.
    pub fn field(name: &str, value: impl Into<Value>) -> Self {
        Self::Field {
            name: name.into(),
            value: value.into(),
        }
    }

    /// One header of the answer replaced; `None` removes it.
    pub fn header(name: &str, value: Option<&str>) -> Self {
        Self::Header {
            name: name.into(),
            value: value.map(Into::into),
        }
    }

    /// A redirect to a URL.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Redirect {
            status,
            location: location.into(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::DelayAnswer { .. } => "delay_answer",
            Self::DropBeforeCommit {} => "drop_before_commit",
            Self::DropAfterCommit {} => "drop_after_commit",
            Self::CutBody {} => "cut_body",
            Self::Answer { .. } => "answer",
            Self::Field { .. } => "field",
            Self::Header { .. } => "header",
            Self::Redirect { .. } => "redirect",
            Self::EndlessBody {} => "endless_body",
            Self::Duplicate { .. } => "duplicate",
            Self::Postpone {} => "postpone",
        }
    }

    /// Refuses what could not be sent, when it is armed and not when it fires.
    pub(crate) fn validate(&self) -> Result<(), FaultError> {
        use axum::http::{HeaderName, HeaderValue};
        let (status_fits, header_fits) = match self {
            Self::Answer {
                status, content_type, ..
            } => (
                (200..600).contains(status),
                content_type
                    .as_ref()
                    .is_none_or(|value| HeaderValue::from_str(value).is_ok()),
            ),
            Self::Redirect { status, location } => (
                matches!(status, 301 | 302 | 303 | 307 | 308),
                HeaderValue::from_str(location).is_ok(),
            ),
            Self::Header { name, value } => (
                true,
                HeaderName::from_bytes(name.as_bytes()).is_ok()
                    && value
                        .as_ref()
                        .is_none_or(|value| HeaderValue::from_str(value).is_ok()),
            ),
            _ => (true, true),
        };
        match (status_fits, header_fits) {
            (true, true) => Ok(()),
            (false, _) => Err(FaultError::Status),
            (_, false) => Err(FaultError::Header),
        }
    }
}

/// The kind only: a field's value may look like a token.
impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault that could not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// An answer's status is 200 to 599, a redirect's one of 301, 302, 303, 307, 308.
    #[error("a fault's status is 200 to 599; a redirect's 301, 302, 303, 307 or 308")]
    Status,
    /// Not a legal header.
    #[error("a fault's header or location is not a legal HTTP header")]
    Header,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_from_its_json() {
        let faults = [
            FaultKind::Delay { ms: 5 },
            FaultKind::DelayAnswer { ms: 5 },
            FaultKind::DropBeforeCommit {},
            FaultKind::DropAfterCommit {},
            FaultKind::CutBody {},
            FaultKind::too_many_requests(7),
            FaultKind::field("expires_in", 1e300),
            FaultKind::field("refresh_token", Value::Null),
            FaultKind::header("date", None),
            FaultKind::redirect(307, "http://127.0.0.1:1/"),
            FaultKind::EndlessBody {},
            FaultKind::Duplicate {
                when: Second::WhenTold,
            },
            FaultKind::Postpone {},
        ];
        for fault in faults {
            let fault = Fault::times(Route::Refresh, 3, fault);
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault, "{json}");
        }
        let short: Fault = serde_json::from_str(r#"{"route":"me","fault":{"kind":"cut_body"}}"#).unwrap();
        assert_eq!(short, Fault::once(Route::Me, FaultKind::CutBody {}));
    }

    #[test]
    fn an_unknown_fault_or_field_is_refused() {
        for json in [
            r#"{"route":"moon","fault":{"kind":"cut_body"}}"#,
            r#"{"route":"me","fault":{"kind":"meteor"}}"#,
            r#"{"route":"me","fault":{"kind":"cut_body","at":3}}"#,
            r#"{"route":"me","fault":{"kind":"delay","ms":1},"extra":1}"#,
            r#"{"route":"me","times":-1,"fault":{"kind":"cut_body"}}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_sent_cannot_be_armed() {
        for fault in [
            FaultKind::status(99),
            FaultKind::status(100),
            FaultKind::status(600),
            FaultKind::redirect(200, "/"),
            FaultKind::redirect(307, "a\nb"),
            FaultKind::header("no such header", None),
            FaultKind::header("date", Some("a\0b")),
        ] {
            assert!(fault.validate().is_err());
        }
        assert!(FaultKind::html(500, true).validate().is_ok());
    }
}
