//! The eight ways in which the demo's server can keep a session alive: what each does in a sentence, how the app is set
//! up for it, and its stories.

use tokencast::profile::{self, ProfileError, ServerProfile};
use tokencast_backend::{OAuthClient, Scheme};

use crate::story::{self, Story};

/// The one that is played when nobody names another.
pub(crate) const USUAL: Scheme = Scheme::Rotation;

/// The app's name at the scheme `oauth2`, and its throw-away secret.
pub(crate) const CLIENT: [&str; 2] = ["demo-app", "kept by the demo alone"];

/// A scheme as the demo shows it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) scheme: Scheme,
    /// One line, for the list.
    pub(crate) line: &'static str,
    /// One or two sentences, for the dashboard.
    pub(crate) about: &'static str,
    /// What the app alone has.
    pub(crate) keeps: &'static str,
    pub(crate) stories: &'static [Story],
}

const REFRESH_TOKEN: &str = "the refresh token, the key to new access tokens";

static SHOWN: [Shown; 8] = [
    Shown {
        scheme: Scheme::ExchangeOnce,
        line: "a pair of tokens is exchanged once for a new pair",
        about: "The app sends both tokens, and the server deletes their row and answers a new pair. A row that is gone \
                was exchanged before; a refresh token is accepted only beside the access token that it came with.",
        keeps: REFRESH_TOKEN,
        stories: &story::exchange_once::STORIES,
    },
    Shown {
        scheme: Scheme::AccessOnly,
        line: "no refresh token: an expired access token is renewed once, within a window",
        about: "There is no refresh token. The expired access token itself buys its successor, once, within a week after \
                its end; the server remembers which were renewed.",
        keeps: "the access token after its end, the key to the next",
        stories: &story::access_only::STORIES,
    },
    Shown {
        scheme: Scheme::PerUser,
        line: "one refresh token for each user, kept by the server",
        about: "The server keeps one refresh token for each user name. Its payload is empty: whose it is, the expired \
                access token beside it says. The answer is a new access token only.",
        keeps: REFRESH_TOKEN,
        stories: &story::per_user::STORIES,
    },
    Shown {
        scheme: Scheme::Salted,
        line: "refresh tokens signed with the user's salt, which a new password draws anew",
        about: "Refresh tokens are signed with a salt of the user's own. A new password draws another salt, and every \
                session of the user ends at its next refresh, without a list of sessions.",
        keeps: REFRESH_TOKEN,
        stories: &story::salted::STORIES,
    },
    Shown {
        scheme: Scheme::SingleDevice,
        line: "one device at a time: a sign-in ends the session before it",
        about: "Every sign-in draws a value that the user's refresh token is signed with. So a second device ends the \
                first, whose app is told why.",
        keeps: REFRESH_TOKEN,
        stories: &story::single_device::STORIES,
    },
    Shown {
        scheme: Scheme::Rotation,
        line: "a new pair at every refresh; a reused token ends all of them",
        about: "Every refresh spends the refresh token and gives a new pair. A spent token that comes again was stolen, \
                from the app or by it: the server ends all tokens of the session.",
        keeps: REFRESH_TOKEN,
        stories: &story::rotation::STORIES,
    },
    Shown {
        scheme: Scheme::Cookie,
        line: "the refresh token in an HttpOnly cookie, guarded by a CSRF value",
        about: "The refresh token is an HttpOnly cookie, and a second value must be said again in a header. Both live in \
                the app's own storage: no page and no browser ever has them.",
        keeps: "the cookies, the key to new access tokens",
        stories: &story::cookie::STORIES,
    },
    Shown {
        scheme: Scheme::OAuth2,
        line: "OAuth 2.0: a token endpoint with client authentication, rotation and revocation",
        about: "A token endpoint as RFC 6749 has it: the app says which client it is with every refresh, refresh tokens \
                rotate, and whoever may can revoke a session at the server.",
        keeps: REFRESH_TOKEN,
        stories: &story::oauth2::STORIES,
    },
];

/// All of them, in the order in which they are told.
pub(crate) fn all() -> &'static [Shown] {
    &SHOWN
}

pub(crate) fn shown(scheme: Scheme) -> &'static Shown {
    // `Scheme` may grow; the test below holds that the table has all of them.
    SHOWN
        .iter()
        .find(|shown| shown.scheme == scheme)
        .unwrap_or(&SHOWN[5])
}

/// Whether a refresh gives another refresh token, too, and spends the one before.
pub(crate) fn exchanges(scheme: Scheme) -> bool {
    use Scheme::{AccessOnly, PerUser, Salted, SingleDevice};
    !matches!(scheme, AccessOnly | PerUser | Salted | SingleDevice)
}

/// How the app is set up for a server of this scheme at this address.
pub(crate) fn profile(scheme: Scheme, api: &str) -> Result<ServerProfile, ProfileError> {
    match scheme {
        Scheme::ExchangeOnce => ServerProfile::exchange_once(api),
        Scheme::AccessOnly => ServerProfile::access_only(api),
        Scheme::PerUser => ServerProfile::per_user(api),
        Scheme::Salted => ServerProfile::salted(api),
        Scheme::SingleDevice => ServerProfile::single_device(api),
        Scheme::Cookie => ServerProfile::cookie(api),
        Scheme::OAuth2 => {
            let [id, secret] = CLIENT;
            ServerProfile::oauth2(
                &format!("{api}/oauth/token"),
                Some(&format!("{api}/oauth/revoke")),
                profile::OAuthClient::basic(id, secret),
            )
        }
        // `Scheme` may grow, and this is the usual one.
        _ => ServerProfile::rotation(api),
    }
}

/// Whether a repeated exchange gets the same successor again, so that no kill loses the session.
pub(crate) fn repeats(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Rotation | Scheme::Cookie)
}

/// The client as the server knows it.
pub(crate) fn client() -> OAuthClient {
    let [id, secret] = CLIENT;
    OAuthClient::basic(id, secret)
}

/// A scheme by its name, in JSON.
pub(crate) mod by_name {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use tokencast_backend::Scheme;

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(crate) fn serialize<S: Serializer>(scheme: &Scheme, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(scheme.name())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scheme, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "http://127.0.0.1:4000";

    #[test]
    fn every_scheme_of_the_server_is_shown_once_and_has_a_story() {
        let schemes: Vec<_> = all().iter().map(|shown| shown.scheme).collect();
        assert_eq!(schemes, Scheme::all().collect::<Vec<_>>());
        for scheme in Scheme::all() {
            assert_eq!(shown(scheme).scheme, scheme);
            assert!(!shown(scheme).stories.is_empty(), "{scheme}");
        }
    }

    #[test]
    fn every_scheme_has_a_profile_of_its_own() {
        for scheme in Scheme::all() {
            let profile = profile(scheme, API).unwrap();
            assert_eq!(profile.id(), scheme.name());
            assert_eq!(profile.idempotency_key().is_some(), repeats(scheme), "{scheme}");
        }
    }

    /// The demo's README has the table of what can be played.
    #[test]
    fn the_readme_names_every_scheme_and_every_story() {
        let readme = include_str!("../README.md");
        for shown in all() {
            let stories: Vec<_> = shown.stories.iter().map(|story| story.title).collect();
            let row = format!("| `{}` | {} | {} |", shown.scheme, shown.line, stories.join("; "));
            assert!(readme.contains(&row), "README.md lacks the row\n{row}");
        }
    }
}
