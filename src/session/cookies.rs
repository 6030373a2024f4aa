//! A sign-in inside a webview leaves the session's cookies in the webview's store: they move into the core's.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::enter::Arrival;
use crate::error::{Failure, SessionError};
use crate::profile::ServerProfile;
use crate::token::{Credential, CredentialHash, Secret, cookie, cookie_count, with_cookies};
use crate::wire::{self, Tokens};

impl Core {
    pub(super) async fn adopt_cookie(
        self: Arc<Self>,
        given: Secret,
        account: Option<String>,
    ) -> Result<Vec<String>, SessionError> {
        self.detached(move |core| async move {
            let jar = jar(&core.profile, &given)?;
            let from_webview = Some(CredentialHash::of(Some(&jar)));
            let tokens = Tokens {
                access_token: None,
                refresh_token: None,
                cookies: Some(jar),
                // Nothing lives yet: the first caller buys an access token.
                life: Duration::ZERO,
                server_time: None,
            };
            if let Err(reason) = wire::presentable(&core.profile, tokens.after(&Credential::default())) {
                return Err(Failure::misconfigured(
                    format!("the adopted cookies cannot be kept: {reason}"),
                    "a session that lives by more than cookies is handed over with `adopt`",
                ));
            }
            let names = core.profile.answer().cookies.clone();
            core.enter(Arrival {
                tokens,
                account,
                received: core.clock.boot(),
                replaces: false,
                from_webview,
            })
            .await?;
            Ok(names)
        })
        .await
    }
}

/// The profile's cookies among those given, always in the profile's order: the same cookies are the same text.
fn jar(profile: &ServerProfile, given: &Secret) -> Result<Secret, Failure> {
    let names = &profile.answer().cookies;
    if names.is_empty() {
        return Err(Failure::misconfigured(
            "the server profile keeps no cookies",
            "name them in its `answer.cookies`, or hand tokens over with `adopt`",
        ));
    }
    let mut kept = Vec::with_capacity(names.len());
    for name in names {
        let value = cookie(given, name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Failure::misconfigured(
                format!("the cookie `{name}` is not among those handed over"),
                "ask the webview's store for the cookies of the profile's refresh endpoint, HttpOnly ones too",
            )
        })?;
        if cookie_count(given, name) > 1 {
            return Err(Failure::misconfigured(
                format!("the cookie `{name}` is handed over twice"),
                "hand over the one whose path fits the profile's refresh endpoint",
            ));
        }
        if !value.bytes().all(is_cookie_octet) {
            return Err(Failure::misconfigured(
                format!("the value of the cookie `{name}` is no cookie's"),
                "hand it over as the webview's store has it, without decoding it",
            ));
        }
        kept.push((name.as_str(), value));
    }
    Ok(with_cookies(None, &kept))
}

/// RFC 6265 §4.1.1; the quotes around a whole value are part of it.
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(given: &str) -> Result<Secret, String> {
        let profile = ServerProfile::cookie("https://api.example.com").unwrap();
        jar(&profile, &given.into()).map_err(|failure| match failure {
            Failure::Misconfigured { what, fix } => {
                assert!(!fix.is_empty());
                what
            }
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn only_the_profiles_cookies_are_kept_in_the_profiles_order() {
        let expected = Ok(Secret::new("refresh=r=; csrf=c"));
        assert_eq!(kept("theme=dark; csrf=c; refresh=r="), expected);
        assert_eq!(kept("refresh=r=;csrf=c;refreshed=1"), expected);
    }

    #[test]
    fn what_cannot_be_kept_is_told_by_its_name_and_without_its_value() {
        for (given, name) in [
            ("", "refresh"),
            ("refresh=s3cr3t", "csrf"),
            ("refresh=; csrf=c", "refresh"),
            ("refresh=s3cr3t; csrf=c; refresh=s3cr3t2", "refresh"),
            ("refresh=s3cr3t x; csrf=c", "refresh"),
            ("refresh=s3cr3t; csrf=c\r\nX: y", "csrf"),
            ("refresh=s3cr3t,; csrf=c", "refresh"),
            ("refresh=s3cr3té; csrf=c", "refresh"),
        ] {
            let what = kept(given).unwrap_err();
            assert!(what.contains(name) && !what.contains("s3cr3t"), "{given}: {what}");
        }
    }

    #[test]
    fn a_profile_without_cookies_says_so() {
        let profile = ServerProfile::rotation("https://api.example.com").unwrap();
        assert!(matches!(
            jar(&profile, &"refresh=r".into()),
            Err(Failure::Misconfigured { .. })
        ));
    }
}
