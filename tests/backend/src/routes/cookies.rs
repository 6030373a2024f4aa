//! The cookies of the scheme `cookie`: `refresh`, which no script can read, and `csrf`, which a page must say again in a
//! header to show that it is of this origin (double submit).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq as _;

use super::auth::one_header;
use crate::config::Tls;
use crate::problem::Problem;
use crate::secret::{Cookies, RefreshToken, random_text};

/// Sets, reads and clears them.
pub(crate) struct SessionCookies {
    refresh: &'static str,
    csrf: &'static str,
    max_age_secs: u64,
}

impl SessionCookies {
    /// Under TLS their names bind the browser (RFC 6265bis §4.1.3). `refresh` goes to `/auth` only, and `__Host-` would
    /// ask for the path `/`, so it is `__Secure-refresh`; `csrf` goes everywhere, so it is `__Host-csrf`, which no
    /// neighbouring subdomain can plant. On plain http no browser would take either.
    pub(crate) fn new(tls: Tls, refresh_ttl: Duration) -> Self {
        let (refresh, csrf) = match tls {
            Tls::Off => ("refresh", "csrf"),
            Tls::TestAuthority | Tls::WrongName => ("__Secure-refresh", "__Host-csrf"),
        };
        Self {
            refresh,
            csrf,
            max_age_secs: refresh_ttl.as_secs(),
        }
    }

    /// The refresh token of a request, if it has one, once the double submit was checked.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<Option<RefreshToken>, Problem> {
        let cookies = cookies(headers);
        let cookie = cookies.value(self.csrf).unwrap_or_default();
        let header = one_header(headers, "x-csrf-token")?.unwrap_or_default();
        // Two empty ones are equal, and nobody's.
        if cookie.is_empty() || !bool::from(cookie.as_bytes().ct_eq(header.as_bytes())) {
            tracing::info!(target: "audit", "csrf mismatch");
            return Err(Problem::CSRF_MISMATCH);
        }
        let token = cookies.value(self.refresh).filter(|token| !token.is_empty());
        Ok(token.map(|token| RefreshToken::presented(token.to_owned())))
    }

    pub(super) fn set(&self, headers: &mut HeaderMap, refresh: &RefreshToken) {
        self.append(headers, refresh.expose(), &random_text::<24>(), self.max_age_secs);
    }

    pub(super) fn clear(&self, headers: &mut HeaderMap) {
        self.append(headers, "", "", 0);
    }

    /// Without `Domain`: for this host alone.
    fn append(&self, headers: &mut HeaderMap, token: &str, csrf: &str, age: u64) {
        let (refresh, name) = (self.refresh, self.csrf);
        for cookie in [
            format!("{refresh}={token}; Path=/auth; Max-Age={age}; HttpOnly; Secure; SameSite=Strict"),
            format!("{name}={csrf}; Path=/; Max-Age={age}; Secure; SameSite=Strict"),
        ] {
            // All of it is visible ASCII and spaces.
            if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
                cookie.set_sensitive(true);
                headers.append(header::SET_COOKIE, cookie);
            }
        }
    }
}

/// The cookies of a request.
pub(super) fn cookies(headers: &HeaderMap) -> Cookies {
    let values = headers.get_all(header::COOKIE).iter();
    let pairs: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    Cookies::parse(&pairs.join(";"))
}
