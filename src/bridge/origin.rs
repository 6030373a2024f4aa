use std::fmt;

use url::{Host, Url};

/// A web origin as a tuple of scheme, host and port (RFC 6454 §4), compared for equality and by nothing else.
///
/// `https` only; `http` parses for a loopback host, and counts only where a
/// [`PagePolicy`](super::PagePolicy) says so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// Parses an origin as browsers write it: `https://app.example.com`, with a port where it is not 443.
    ///
    /// The text must be exactly that: no path, no user, no upper case, no other spelling of the same host.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if text.len() > MAX_LENGTH {
            return Err(OriginError::NotAnOrigin);
        }
        let url = Url::parse(text).map_err(|_| OriginError::NotAnOrigin)?;
        let origin = Self::of(&url.origin())?;
        // What the URL parser mended (case, dots, backslashes, numbers as addresses, a path) is not what was
        // meant by whoever wrote it, or meant to deceive.
        if text != origin.to_string() && text != origin.with_port() {
            return Err(OriginError::NotCanonical);
        }
        Ok(origin)
    }

    /// The origin that a URL parser found, if a page or an API may have it.
    pub fn of(origin: &url::Origin) -> Result<Self, OriginError> {
        let url::Origin::Tuple(scheme, host, port) = origin else {
            return Err(OriginError::NotAnOrigin);
        };
        let scheme = match scheme.as_str() {
            "https" => Scheme::Https,
            "http" if is_loopback(host) => Scheme::Http,
            "http" => return Err(OriginError::NotHttps),
            _ => return Err(OriginError::NotAnOrigin),
        };
        Ok(Self {
            scheme,
            host: host.clone(),
            port: *port,
        })
    }

    /// Whether it is `https`; otherwise it is `http` on loopback.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    fn with_port(&self) -> String {
        format!("{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no origin that a page or an API may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// It has no scheme, host and port, like `null` or `about:blank`.
    #[error("not an origin")]
    NotAnOrigin,
    /// It has more or other characters than a browser would write.
    #[error(
        "write the origin as browsers do: https://host, the port only when it is not 443, nothing after it"
    )]
    NotCanonical,
    /// `http` and not on loopback.
    #[error("only https origins, and http on loopback for development")]
    NotHttps,
}

/// A host name has at most 253 characters.
const MAX_LENGTH: usize = 300;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Scheme {
    Https,
    Http,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://app.example.com";

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for text in [
            OURS,
            "https://app.example.com:8443",
            "https://xn--bcher-kva.example",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://127.1.2.3",
            "http://[::1]:8080",
        ] {
            assert_eq!(
                Origin::parse(text).map(|o| o.to_string()),
                Ok(text.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn the_default_port_may_be_said() {
        assert_eq!(Origin::parse("https://app.example.com:443"), Origin::parse(OURS));
        assert_ne!(Origin::parse("https://app.example.com:80"), Origin::parse(OURS));
        assert_eq!(
            Origin::parse("http://localhost:80"),
            Origin::parse("http://localhost")
        );
    }

    /// Each of these was, somewhere, taken for the origin it looks like.
    #[test]
    fn a_look_alike_is_not_the_origin() {
        let ours = Origin::parse(OURS).unwrap();
        for text in LOOK_ALIKES {
            assert_ne!(Origin::parse(text).as_ref(), Ok(&ours), "{text}");
        }
    }

    #[rustfmt::skip]
    const LOOK_ALIKES: &[&str] = &[
        "", "null", "about:blank", "*", "https://", "https://*", "https://*.example.com", "app.example.com",
        "//app.example.com", "http://app.example.com", "http://app.example.com:443", "ws://app.example.com",
        "wss://app.example.com", "ftp://app.example.com", "file://app.example.com", "javascript:https://app.example.com",
        "data:text/html,https://app.example.com", "blob:https://app.example.com/1", "view-source:https://app.example.com",
        "filesystem:https://app.example.com", "https:app.example.com", "https:/app.example.com", "https:///app.example.com",
        "https:\\\\app.example.com", "https://app.example.com\\", "https://app.example.com/", "https://app.example.com/x",
        "https://app.example.com?x", "https://app.example.com#x", "https://app.example.com?@evil.com",
        "https://app.example.com.", "https://app.example.com..", "https://.app.example.com", "https://app..example.com",
        "https://app.example.com:0", "https://app.example.com:", "https://app.example.com:8443", "https://app.example.com:65979",
        "https://app.example.com:443:443", "https://app.example.com.evil.com", "https://app.example.com-evil.com",
        "https://evil-app.example.com", "https://evilapp.example.com", "https://evil.com/app.example.com",
        "https://evil.com?app.example.com", "https://evil.com#app.example.com", "https://example.com", "https://app.example",
        "https://app.example.co", "https://app.example.comm", "https://app_example.com", "https://app-example.com",
        "https://appxexample.com", "https://user@app.example.com", "https://user:pass@app.example.com",
        "https://app.example.com@evil.com", "https://app.example.com:443@evil.com", "https://app.example.com%2eevil.com",
        "https://app%2eexample.com", "https://app.example.com%00", "https://app.example.com%00.evil.com",
        "https://app.example.com\0", "https://app.example.com\n", "https://app.exa\nmple.com", "https://app.example.com\t",
        " https://app.example.com", "https://app.example.com ", "https://app. example.com", "\u{feff}https://app.example.com",
        "https://app.example.com\u{200b}", "https://\u{430}pp.example.com", "https://app.ex\u{ad}ample.com",
        "https://app\u{3002}example\u{3002}com", "https://\u{ff41}pp.example.com", "https://app.example.\u{441}om",
        "https://app.example.com\u{2215}x", "HTTPS://app.example.com", "https://APP.example.com", "https://app.Example.com",
        "https://app.example.com,https://evil.com", "https://app.example.com https://evil.com",
        "https://app.example.com;evil.com", "https://[app.example.com]", "https://(app.example.com)",
    ];

    #[test]
    fn http_is_for_loopback_only() {
        for text in [
            "http://app.example.com",
            "http://localhost.evil.com",
            "http://127.0.0.1.evil.com",
            "http://localhost.",
            "http://128.0.0.1",
            "http://10.0.2.2",
            "http://0.0.0.0",
            "http://[::ffff:127.0.0.1]",
            "http://[::]",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_spellings_of_loopback_are_refused() {
        for text in [
            "http://0x7f.1",
            "http://2130706433",
            "http://127.1",
            "http://0177.0.0.1",
            "http://LOCALHOST",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_endless_text_is_no_origin() {
        let text = format!("https://{}.com", "a".repeat(1 << 20));
        assert_eq!(Origin::parse(&text), Err(OriginError::NotAnOrigin));
    }
}
