//! The open webviews. What a page or a jar is given lives in objects, which no language prints.

use std::sync::Arc;

use tokencast::pages as core;
use tokencast::pages::GoneReason;

use crate::error::SessionError;

/// The webviews of one session. Keep one: letting go of it detaches them.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct WebViews(core::Pages);

/// Which pages may have access tokens, and how they go on after a 401.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PagePolicy {
    /// The pages' origins, each `https://host` or `https://host:port`.
    pub origins: Vec<String>,
    /// The APIs to which these pages may send the token; none stands for the profile's.
    #[uniffi(default = [])]
    pub api: Vec<ApiOrigin>,
    /// Counts `http` on loopback as well. For development only.
    #[uniffi(default = false)]
    pub allow_loopback_http: bool,
    /// Loads a page again for a new token, where that is safe, instead of telling it.
    #[uniffi(default = false)]
    pub reload: bool,
    /// Pushes tokens by scripts that check the document's origin, for hosts that can only evaluate scripts.
    #[uniffi(default = false)]
    pub guarded_push: bool,
    /// Pages of these origins are lent the **refresh token** for an exchange of their own.
    #[uniffi(default = [])]
    pub self_refresh: Vec<String>,
    /// Keeps the token in a cookie as well, for pages that a server renders.
    #[uniffi(default = None)]
    pub cookie: Option<CookieUse>,
}

/// An API and the statuses by which it rejects a token; none stands for 401.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ApiOrigin {
    /// The API's origin.
    pub origin: String,
    /// The statuses.
    #[uniffi(default = [])]
    pub rejected: Vec<i64>,
}

/// Which cookie holds the token, in which store.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CookieUse {
    /// The store, by the host's own number.
    pub jar: i64,
    /// The cookie's name: `__Host-…`.
    pub name: String,
}

/// Who sent a message, as the platform says it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PageSender {
    /// The sending frame's origin, serialized.
    pub origin: String,
    /// Whether it is the main frame.
    pub is_main_frame: bool,
    /// The platform's own name of the sending document, where it has one.
    #[uniffi(default = None)]
    pub doc: Option<String>,
}

/// Why a page is gone.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum GoneReason {
    /// The webview or the connection was closed.
    Closed,
    /// The process that rendered it ended.
    ProcessTerminated,
}

/// What the host has to do; every kind is one call of the platform.
#[derive(Clone, Debug, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum PageAction {
    /// Answer the message of this slot, once.
    Reply {
        /// The slot.
        slot: i64,
        /// What to hand over.
        message: Arc<PageMessage>,
    },
    /// Hand a text to the page's present document, where the platform can.
    Notify {
        /// Which page.
        page: i64,
        /// What to hand over.
        message: Arc<PageMessage>,
    },
    /// Evaluate a script in the page's main frame, then call `push_done` with its result.
    Push {
        /// Which page.
        page: i64,
        /// The script.
        script: Arc<PageMessage>,
    },
    /// Load the current URL again, by GET.
    ReloadSame {
        /// Which page.
        page: i64,
    },
    /// Write a cookie, then call `cookie_done`.
    SetCookie {
        /// Which store.
        jar: i64,
        /// Names the write.
        op: i64,
        /// Whose cookie it is.
        origin: String,
        /// Its name.
        name: String,
        /// Its value: path `/`, `Secure`, `HttpOnly`, `SameSite=Lax`, without an end.
        value: Arc<PageMessage>,
    },
    /// Delete a cookie, then call `cookie_done`.
    DeleteCookie {
        /// Which store.
        jar: i64,
        /// Names the write.
        op: i64,
        /// Whose cookie it is.
        origin: String,
        /// Its name.
        name: String,
    },
    /// Let the held request go on, the same one.
    Release {
        /// The request's name.
        op: i64,
    },
}

/// A text for a page or a jar. It may hold a token: its `Debug` shows none of it.
#[derive(uniffi::Object)]
#[uniffi::export(Debug)]
pub struct PageMessage(Text);

enum Text {
    Payload(core::Payload),
    Script(core::Script),
    Cookie(core::Cookie),
}

#[uniffi::export]
impl PageMessage {
    /// The text, to be handed over and to be kept nowhere.
    pub fn expose(&self) -> Result<String, SessionError> {
        Ok(match &self.0 {
            Text::Payload(payload) => payload.expose(),
            Text::Script(script) => script.expose(),
            Text::Cookie(cookie) => cookie.expose(),
        }
        .to_owned())
    }
}

impl std::fmt::Debug for PageMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Text::Payload(payload) => payload.fmt(f),
            Text::Script(script) => script.fmt(f),
            Text::Cookie(cookie) => cookie.fmt(f),
        }
    }
}

/// What a host does for its page. Called from any thread, one call at a time: post to the UI thread and return.
#[uniffi::export(with_foreign)]
pub trait PageHost: Send + Sync {
    /// Does what came up outside of a call of the host, in this order.
    fn perform(&self, actions: Vec<PageAction>) -> Result<(), PageHostError>;
}

/// A page's host threw. Its text is dropped: it may quote what the host was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PageHostError {
    /// Something was thrown.
    #[error("the page's host threw")]
    Threw,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for PageHostError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Threw
    }
}

#[uniffi::export]
impl WebViews {
    /// Attaches a page; the number is its name from then on.
    pub fn attach(&self, policy: PagePolicy, host: Arc<dyn PageHost>) -> Result<i64, SessionError> {
        let page = self.0.attach(policy.to_core()?, Arc::new(Host(host)))?;
        Ok(number(page.get()))
    }

    /// A page sent a text. The answers are to be performed at once; a slot without one is answered later.
    pub fn on_message(
        &self,
        page: i64,
        sender: PageSender,
        text: String,
        slot: i64,
    ) -> Result<Vec<PageAction>, SessionError> {
        let sender = core::Sender {
            origin: sender.origin,
            is_main_frame: sender.is_main_frame,
            doc: sender.doc,
        };
        let slot = core::Slot(slot.cast_unsigned());
        Ok(actions(self.0.on_message(id(page)?, &sender, &text, slot)))
    }

    /// A document was committed in the page's main frame, by this request.
    pub fn on_committed(
        &self,
        page: i64,
        url: String,
        method: String,
    ) -> Result<Vec<PageAction>, SessionError> {
        Ok(actions(self.0.on_committed(id(page)?, &url, &method)))
    }

    /// What `self.origin` is in an isolated world of the committed document; nothing is pushed before. `None`: the platform
    /// has no isolated world, and a sandboxed document gets the token as well (for demonstration).
    pub fn on_document_origin(
        &self,
        page: i64,
        isolated: Option<String>,
    ) -> Result<Vec<PageAction>, SessionError> {
        let seen = isolated.map_or(core::DocumentOrigin::DangerUnseen, core::DocumentOrigin::Isolated);
        Ok(actions(self.0.on_document_origin(id(page)?, &seen)))
    }

    /// The host saw the token of the page's document rejected; what comes of it is pushed.
    pub fn on_rejected(&self, page: i64) -> Result<Vec<PageAction>, SessionError> {
        Ok(actions(self.0.on_rejected(id(page)?)))
    }

    /// What a pushed script was evaluated to; `None` when it was not.
    pub fn push_done(&self, page: i64, result: Option<String>) -> Result<(), SessionError> {
        let pushed = core::Pushed::from_result(result.as_deref());
        self.0.push_done(id(page)?, pushed);
        Ok(())
    }

    /// The page is shown to the user, or hidden.
    pub fn on_visibility(&self, page: i64, visible: bool) -> Result<Vec<PageAction>, SessionError> {
        Ok(actions(self.0.on_visibility(id(page)?, visible)))
    }

    /// A document is about to be asked for: the name under which it is let go, or `None` when it goes at once.
    pub fn on_document_request(
        &self,
        page: i64,
        url: String,
        method: String,
    ) -> Result<Option<i64>, SessionError> {
        Ok(match self.0.on_document_request(id(page)?, &url, &method) {
            core::DocumentRequest::Go => None,
            core::DocumentRequest::Hold { op } => Some(number(op.0)),
        })
    }

    /// The server answered a request for the main frame's document, and nothing of it is shown yet: the name of what is to be
    /// loaded again, by GET, once `Release` comes; or `None` when it is shown.
    pub fn on_document_response(
        &self,
        page: i64,
        url: String,
        method: String,
        status: i64,
    ) -> Result<Option<i64>, SessionError> {
        // What is no status is no rejection.
        let status = u16::try_from(status).unwrap_or_default();
        Ok(
            match self.0.on_document_response(id(page)?, &url, &method, status) {
                core::DocumentResponse::Go => None,
                core::DocumentResponse::Again { op } => Some(number(op.0)),
            },
        )
    }

    /// A cookie was written or deleted, or could not be.
    pub fn cookie_done(&self, op: i64, ok: bool) -> Result<(), SessionError> {
        self.0.cookie_done(core::Op(op.cast_unsigned()), ok);
        Ok(())
    }

    /// The page is gone without the host's doing.
    pub fn on_gone(&self, page: i64, reason: GoneReason) -> Result<Vec<PageAction>, SessionError> {
        Ok(actions(self.0.on_gone(id(page)?, reason)))
    }

    /// Forgets the page. The actions settle its open slots.
    pub fn detach(&self, page: i64) -> Result<Vec<PageAction>, SessionError> {
        Ok(actions(self.0.detach(id(page)?)))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl WebViews {
    /// Waits until the page can be shown without a 401: on resume and before the first load. Five seconds at most.
    pub async fn ready(&self, page: i64) -> Result<(), SessionError> {
        self.0.ready(id(page)?).await;
        Ok(())
    }
}

impl WebViews {
    pub(crate) fn of(pages: core::Pages) -> Self {
        Self(pages)
    }
}

impl PagePolicy {
    fn to_core(&self) -> Result<core::PagePolicy, SessionError> {
        let wrong = |error: core::OriginError| {
            SessionError::misconfigured("an origin of the page policy is none", error.to_string())
        };
        let mut policy = core::PagePolicy::new(&self.origins).map_err(wrong)?;
        for api in &self.api {
            let statuses: Result<Vec<_>, _> =
                api.rejected.iter().map(|status| u16::try_from(*status)).collect();
            let statuses = statuses.map_err(|_| {
                SessionError::misconfigured(
                    "an API rejects by a number that is no status",
                    "name HTTP statuses",
                )
            })?;
            policy = policy.api_origin(&api.origin, &statuses).map_err(wrong)?;
        }
        if self.allow_loopback_http {
            policy = policy.allow_loopback_http();
        }
        if self.guarded_push {
            policy = policy.guarded_push();
        }
        if self.reload && !self.self_refresh.is_empty() {
            return Err(SessionError::misconfigured(
                "a page cannot refresh itself and be loaded again for it",
                "choose one of the two",
            ));
        }
        if self.reload {
            policy = policy.strategy(core::Strategy::Reload);
        }
        if !self.self_refresh.is_empty() {
            policy = policy.self_refresh(&self.self_refresh).map_err(wrong)?;
        }
        if let Some(CookieUse { jar, name }) = &self.cookie {
            let jar = core::Jar(jar.cast_unsigned());
            policy = policy.cookie(jar, name).map_err(|error| {
                SessionError::misconfigured("the page policy's cookie has no fit name", error.to_string())
            })?;
        }
        Ok(policy)
    }
}

struct Host(Arc<dyn PageHost>);

impl core::PageHost for Host {
    fn perform(&self, actions_of_core: Vec<core::Action>) {
        if self.0.perform(actions(actions_of_core)).is_err() {
            tracing::warn!("a page's host threw; the session goes on");
        }
    }
}

fn actions(actions: Vec<core::Action>) -> Vec<PageAction> {
    actions.into_iter().filter_map(PageAction::from_core).collect()
}

impl PageAction {
    /// `None` for what a host does not meet.
    fn from_core(action: core::Action) -> Option<Self> {
        let text = |text| Arc::new(PageMessage(text));
        Some(match action {
            core::Action::Reply { slot, payload } => Self::Reply {
                slot: slot.0.cast_signed(),
                message: text(Text::Payload(payload)),
            },
            core::Action::Notify { page, payload } => Self::Notify {
                page: number(page.get()),
                message: text(Text::Payload(payload)),
            },
            core::Action::Push { page, script } => Self::Push {
                page: number(page.get()),
                script: text(Text::Script(script)),
            },
            core::Action::ReloadSame { page } => Self::ReloadSame {
                page: number(page.get()),
            },
            core::Action::SetCookie { jar, op, cookie } => Self::SetCookie {
                jar: jar.0.cast_signed(),
                op: number(op.0),
                origin: cookie.origin().to_string(),
                name: cookie.name().to_owned(),
                value: text(Text::Cookie(cookie)),
            },
            core::Action::DeleteCookie {
                jar,
                op,
                origin,
                name,
            } => Self::DeleteCookie {
                jar: jar.0.cast_signed(),
                op: number(op.0),
                origin: origin.to_string(),
                name,
            },
            core::Action::Release { op } => Self::Release { op: number(op.0) },
            _ => return None,
        })
    }
}

/// Numbers of the core's own that cross the boundary have 52 bits or count up from one.
fn number(number: u64) -> i64 {
    number.cast_signed()
}

fn id(page: i64) -> Result<core::PageId, SessionError> {
    core::PageId::from_number(page.cast_unsigned()).ok_or_else(|| {
        SessionError::misconfigured("no page is called zero", "give the number that `attach` gave")
    })
}
