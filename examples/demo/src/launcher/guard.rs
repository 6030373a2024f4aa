//! What every page of this program is served with: a content security policy, no caching, no referrer, and a `Host`
//! that is the server's own, so that no page which rebound its own name to loopback gets anything.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const STYLE: &str = "text/css; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file's answer. A document needs its own policy on top.
pub(crate) fn file(content_type: &'static str, text: impl Into<String>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, text.into()).into_response()
}

/// Whether the request names this host, exactly once.
pub(crate) fn is_for(host: &str, headers: &HeaderMap) -> bool {
    only(headers, &header::HOST).is_some_and(|value| value == host)
}

/// Whether the request comes from this origin, as the browser says.
pub(crate) fn is_from(origin: &str, headers: &HeaderMap) -> bool {
    only(headers, &header::ORIGIN).is_some_and(|value| value == origin)
}

/// Text as HTML, also inside a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_own_host_named_once_counts() {
        let own = "127.0.0.1:4000";
        assert!(is_for(own, &headers(&[(header::HOST, own)])));
        for other in [
            "localhost:4000",
            "127.0.0.1",
            "127.0.0.1:4001",
            "evil.example:4000",
            "",
        ] {
            assert!(!is_for(own, &headers(&[(header::HOST, other)])), "{other}");
        }
        assert!(!is_for(own, &HeaderMap::new()));
        assert!(!is_for(
            own,
            &headers(&[(header::HOST, own), (header::HOST, own)])
        ));
    }

    #[test]
    fn only_the_own_origin_counts() {
        let own = "http://127.0.0.1:4000";
        assert!(is_from(own, &headers(&[(header::ORIGIN, own)])));
        for other in [
            "null",
            "http://127.0.0.1:4001",
            "http://127.0.0.1:4000/",
            "https://127.0.0.1:4000",
        ] {
            assert!(!is_from(own, &headers(&[(header::ORIGIN, other)])), "{other}");
        }
        assert!(!is_from(own, &HeaderMap::new()));
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(
            escape("<b a=\"1\" c='2'>&"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;"
        );
    }
}
