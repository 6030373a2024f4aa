use std::fmt;
use std::num::NonZeroU64;

use super::origin::Origin;
use super::script::Script;
use crate::time::BootTime;
use crate::token::{AccessToken, Secret};

/// What the host of a page has to do. Every kind is one call of the platform; the glue needs no logic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Answer the message that came with this slot, by the channel that reaches only the asking document.
    Reply {
        /// The slot of [`on_message`](crate::pages::Pages::on_message), answered now and never again.
        slot: Slot,
        /// The text to hand over.
        payload: Payload,
    },
    /// Hand a text to the page's present document. Where the platform has no such channel: do nothing, the page
    /// has a `watch` parked. Never carries a token.
    Notify {
        /// Which page.
        page: PageId,
        /// The text to hand over.
        payload: Payload,
    },
    /// Evaluate a script in the page's main frame, in the page's own world, and say by
    /// [`push_done`](crate::pages::Pages::push_done) what it came to. Comes for a policy with
    /// [`guarded_push`](crate::pages::PagePolicy::guarded_push), and for a document whose origin
    /// [`on_document_origin`](crate::pages::Pages::on_document_origin) has told or which has greeted.
    Push {
        /// Which page.
        page: PageId,
        /// The script to evaluate.
        script: Script,
    },
    /// Load the page's current URL again, by GET and without asking for its body to be sent once more.
    ReloadSame {
        /// Which page.
        page: PageId,
    },
    /// Write a cookie into the jar, and say by [`cookie_done`](crate::pages::Pages::cookie_done) when it stands there.
    SetCookie {
        /// Which cookie store.
        jar: Jar,
        /// Names the write.
        op: Op,
        /// What to write.
        cookie: Cookie,
    },
    /// Delete a cookie from the jar, and say by [`cookie_done`](crate::pages::Pages::cookie_done) when it is gone. One that
    /// is not there counts as deleted.
    DeleteCookie {
        /// Which cookie store.
        jar: Jar,
        /// Names the write.
        op: Op,
        /// Whose cookie it is.
        origin: Origin,
        /// The cookie's name; its path is `/`.
        name: String,
    },
    /// Let the held document request go on, the same one: not a new load, which would lose its body. For a dropped answer
    /// ([`DocumentResponse::Again`](crate::pages::DocumentResponse::Again)): load its URL.
    Release {
        /// The name of what waits.
        op: Op,
    },
    /// Wake the bridge at this time. `pages` does so itself; a host does not meet it.
    WakeAt {
        /// When, on the clock that counts sleep.
        time: BootTime,
    },
}

/// A page that the host has attached: one webview, whatever documents come and go in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(NonZeroU64);

impl PageId {
    /// The id as a number, for a foreign language. Never zero.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The id that [`get`](Self::get) gave; `None` for zero.
    pub fn from_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU64::MIN))
    }
}

/// A cookie store of the platform, by the host's own number: pages that share their cookies share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jar(pub u64);

/// Names a held request, or a write of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op(pub u64);

/// What is to become of a document request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentRequest {
    /// It goes on at once.
    Go,
    /// It waits for [`Action::Release`] with this name.
    Hold {
        /// The request's name.
        op: Op,
    },
}

/// The access token as a cookie: path `/`, `Secure`, `HttpOnly`, `SameSite=Lax`, without a domain and without an end, so
/// that an expired one is seen as expired and not as absent. `Debug` does not show its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    origin: Origin,
    name: String,
    value: Secret,
}

impl Cookie {
    /// `None` for a token that is no cookie's value (RFC 6265 §4.1.1).
    pub(super) fn new(origin: Origin, name: String, token: &AccessToken) -> Option<Self> {
        let is_octet = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
        token.secret().bytes().all(is_octet).then(|| Self {
            origin,
            name,
            value: token.secret().into(),
        })
    }

    /// Whose cookie it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, to be written into the jar and to be kept nowhere else.
    pub fn expose(&self) -> &str {
        self.value.expose()
    }

    /// The whole as a `Set-Cookie` header has it, for a platform that takes that.
    pub fn set_cookie(&self) -> Secret {
        let (name, value) = (&self.name, self.value.expose());
        format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax").into()
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({} at {})", self.name, self.origin)
    }
}

/// Names one received message, so that its answer finds the way back. The host chooses it; it must be another one
/// for each message of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// Who sent a message, as the platform says it. Nothing of this may come from the page itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The sending frame's origin, serialized (`null` when opaque).
    pub origin: String,
    /// Whether it is the page's main frame.
    pub is_main_frame: bool,
    /// The platform's own name of the sending document, where it has one.
    pub doc: Option<String>,
}

impl Sender {
    /// The main frame of a page of this origin.
    pub fn main_frame(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            is_main_frame: true,
            doc: None,
        }
    }

    /// Adds the platform's name of the document.
    #[must_use]
    pub fn document(mut self, doc: impl Into<String>) -> Self {
        self.doc = Some(doc.into());
        self
    }
}

/// What a host has seen of a committed document before anything is pushed into it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentOrigin {
    /// What `self.origin` is in an isolated world of that document (`null` when opaque). Read in the page's own world it
    /// says nothing: the page can have put something else there.
    Isolated(String),
    /// The platform has no isolated world. A document that its server put into a sandbox then gets the token as well: for
    /// demonstration, and where these origins serve no foreign documents.
    DangerUnseen,
}

/// What became of a pushed script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pushed {
    /// The page's client took the message.
    Taken,
    /// The document had another origin: nothing was handed over.
    OtherOrigin,
    /// No client is there, or not yet: nothing was handed over.
    NoClient,
    /// The script was not evaluated, or to something else.
    Failed,
}

impl Pushed {
    /// What the script was evaluated to: `k`, `o` or `c`, without quotes; none when it was not.
    pub fn from_result(result: Option<&str>) -> Self {
        match result {
            Some("k") => Self::Taken,
            Some("o") => Self::OtherOrigin,
            Some("c") => Self::NoClient,
            _ => Self::Failed,
        }
    }
}

/// One message of `tokencast/1` for a page, as ASCII text. It may hold an access token: `Debug` shows its kind and
/// size only, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    kind: &'static str,
    text: Secret,
}

impl Payload {
    pub(super) fn new(kind: &'static str, text: Secret) -> Self {
        Self { kind, text }
    }

    /// The text, to be handed to the page and to nobody else.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The message's kind: `state`, `notify`, `ended` or `err`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.kind, self.text.expose().len())
    }
}
