use super::action::Jar;
use super::origin::{Origin, OriginError};

/// Which pages may have access tokens, for which APIs, and how a page goes on after a 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePolicy {
    origins: Vec<Origin>,
    api: Vec<ApiOrigin>,
    loopback_http: bool,
    strategy: Strategy,
    pushes: bool,
    lends_to: Vec<Origin>,
    cookie: Option<CookieUse>,
}

impl PagePolicy {
    /// Pages of these origins, each `https://host` or `https://host:port`. Tokens go to the APIs of the session's
    /// profile unless [`api_origin`](Self::api_origin) narrows that.
    pub fn new<I>(origins: I) -> Result<Self, OriginError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let origins = origins
            .into_iter()
            .map(|text| Origin::parse(text.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            origins,
            api: Vec::new(),
            loopback_http: false,
            strategy: Strategy::default(),
            pushes: false,
            lends_to: Vec::new(),
            cookie: None,
        })
    }

    /// Lets these pages use the token at this API only (and at others added the same way), which must be one of
    /// the profile's. `rejected` are the statuses by which the API rejects a token; none stands for 401.
    pub fn api_origin(mut self, origin: &str, rejected: &[u16]) -> Result<Self, OriginError> {
        let origin = Origin::parse(origin)?;
        self.api.push(ApiOrigin::new(origin, rejected));
        Ok(self)
    }

    /// Counts `http` origins on loopback as well. For development only: any program of the machine can serve
    /// such a page.
    #[must_use]
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback_http = true;
        self
    }

    /// Chooses another strategy than [`Strategy::Inject`].
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// For a host that can only evaluate scripts in its pages: each new token is pushed to them, in a script that
    /// checks the document's origin itself. Needs a host that calls
    /// [`on_committed`](crate::pages::Pages::on_committed) and then
    /// [`on_document_origin`](crate::pages::Pages::on_document_origin): nothing is pushed before.
    ///
    /// The script's own check sees the URL's origin, also in a document which its server put into a sandbox
    /// (`Content-Security-Policy: sandbox`). What the host saw is of the document that it looked at: no origin of the policy
    /// should serve foreign documents, as a navigation between the look and the script is not seen. Prefer a page that asks.
    #[must_use]
    pub fn guarded_push(mut self) -> Self {
        self.pushes = true;
        self
    }

    /// Lets pages of these origins refresh by themselves ([`Strategy::SelfRefresh`]): after a 401 such a page is lent
    /// the **refresh token** for one exchange of its own. A hostile script in one of these origins can take the session
    /// over; name only pages that the app's own makers serve, and only where the exchange has to be the page's.
    pub fn self_refresh<I>(mut self, origins: I) -> Result<Self, OriginError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for origin in origins {
            self.lends_to.push(Origin::parse(origin.as_ref())?);
        }
        self.strategy = Strategy::SelfRefresh;
        Ok(self)
    }

    /// Keeps the access token in a cookie of these origins too, for pages that a server renders. The host writes it
    /// ([`Action::SetCookie`](crate::pages::Action::SetCookie)) and holds document requests for it
    /// ([`on_document_request`](crate::pages::Pages::on_document_request)). `name` begins with `__Host-`: another host cannot
    /// set such a cookie then.
    ///
    /// Never the name of a cookie by which the session refreshes.
    pub fn cookie(mut self, jar: Jar, name: impl Into<String>) -> Result<Self, CookieNameError> {
        let name = name.into();
        let rest = name.strip_prefix("__Host-").unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if rest.is_empty() || !rest.bytes().all(is_name) {
            return Err(CookieNameError);
        }
        self.cookie = Some(CookieUse { jar, name });
        Ok(self)
    }

    pub(crate) fn cookie_use(&self) -> Option<&CookieUse> {
        self.cookie.as_ref()
    }

    /// The origins whose pages may be lent the refresh token.
    pub(crate) fn borrowers(&self) -> &[Origin] {
        &self.lends_to
    }

    /// Whether a page of this origin may be lent the refresh token.
    pub(crate) fn lends_to(&self, origin: &Origin) -> bool {
        self.accepts(origin) && self.lends_to.contains(origin)
    }

    /// The origins whose pages may have access tokens.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.origins.iter()
    }

    /// Whether a page of this origin may have access tokens.
    pub fn accepts(&self, origin: &Origin) -> bool {
        self.permits(origin) && self.origins.contains(origin)
    }

    /// Whether the switch for loopback allows such an origin at all, of a page or an API.
    pub(crate) fn permits(&self, origin: &Origin) -> bool {
        origin.is_https() || self.loopback_http
    }

    pub(crate) fn api(&self) -> &[ApiOrigin] {
        &self.api
    }

    pub(crate) fn pushes(&self) -> bool {
        self.pushes
    }

    pub(crate) fn chosen(&self) -> Strategy {
        self.strategy
    }

    pub(crate) fn mode(&self) -> &'static str {
        self.strategy.mode()
    }
}

/// A cookie's name that a policy does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("name the cookie `__Host-` and then letters, digits, `-`, `_` or `.`")]
pub struct CookieNameError;

/// Which cookie holds the token, in which store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieUse {
    pub(crate) jar: Jar,
    pub(crate) name: String,
}

/// How the pages of a policy go on after a 401.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// The app refreshes once, the asking page gets the new token as its answer, every other page is told and
    /// pulls. No page is loaded again.
    #[default]
    Inject,
    /// The app refreshes once, and each page that was sent an older token is loaded again: its current URL, by GET, only
    /// when it came by GET, at most twice in five minutes for one URL, and not while it is hidden. What cannot be
    /// loaded again goes on as with [`Inject`](Self::Inject). Needs a host that calls
    /// [`on_committed`](crate::pages::Pages::on_committed).
    Reload,
    /// The page makes the exchange itself, under a lease of 20 seconds, and hands the new pair over; every other page is
    /// told and pulls. Chosen by [`self_refresh`](PagePolicy::self_refresh), which names the pages that may.
    SelfRefresh,
}

impl Strategy {
    /// Its name in a `state`.
    fn mode(self) -> &'static str {
        match self {
            Self::Inject => "inject",
            Self::Reload => "reload",
            Self::SelfRefresh => "self",
        }
    }
}

/// An API to which pages may send the token, and how it rejects one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiOrigin {
    pub(crate) origin: Origin,
    pub(crate) rejected: Vec<u16>,
}

impl ApiOrigin {
    pub(crate) fn new(origin: Origin, rejected: &[u16]) -> Self {
        let rejected = if rejected.is_empty() {
            vec![401]
        } else {
            rejected.to_vec()
        };
        Self { origin, rejected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_tuples_are_accepted() {
        let policy = PagePolicy::new(["https://app.example.com", "https://shop.example.com:8443"]).unwrap();
        let accepts = |text| Origin::parse(text).is_ok_and(|origin| policy.accepts(&origin));
        assert!(accepts("https://app.example.com") && accepts("https://shop.example.com:8443"));
        assert!(!accepts("https://shop.example.com") && !accepts("https://app.example.com:8443"));
        assert!(!accepts("https://example.com") && !accepts("null"));
    }

    #[test]
    fn http_on_loopback_counts_only_with_the_switch() {
        let policy = PagePolicy::new(["http://127.0.0.1:3000"]).unwrap();
        let page = Origin::parse("http://127.0.0.1:3000").unwrap();
        assert!(!policy.accepts(&page));
        assert!(policy.allow_loopback_http().accepts(&page));
    }

    #[test]
    fn the_switch_lists_no_origin() {
        let policy = PagePolicy::new(["https://app.example.com"])
            .unwrap()
            .allow_loopback_http();
        assert!(!policy.accepts(&Origin::parse("http://localhost:3000").unwrap()));
    }

    #[test]
    fn a_policy_of_something_else_than_origins_is_an_error() {
        assert_eq!(
            PagePolicy::new(["https://app.example.com/"]).err(),
            Some(OriginError::NotCanonical)
        );
        assert_eq!(PagePolicy::new(["*"]).err(), Some(OriginError::NotAnOrigin));
        let policy = PagePolicy::new(["https://app.example.com"]).unwrap();
        assert_eq!(
            policy.api_origin("http://api.example.com", &[]).err(),
            Some(OriginError::NotHttps)
        );
    }
}
