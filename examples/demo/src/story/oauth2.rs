//! A token endpoint with client authentication and revocation.

use super::{Act, Count, Presented, Story, Told, act, answer, ask};

pub(crate) static STORIES: [Story; 2] = [
    Story {
        name: "revoke",
        title: "Revoke at the server",
        about: "Ada has lost her phone, and the help desk ends its session.",
        other: "the help desk",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act(
                "Her access token expires, and the app renews.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
            act(
                "Ada has lost her phone: the help desk revokes its session.",
                &[Act::Revoke],
            )
            .granted(),
            ask(
                "The access token expires, and the app presents its refresh token.",
                &[Act::Expire, Act::Renew],
            ),
            answer("The grant is gone (RFC 6749 §5.2).").refused(400, "invalid_grant"),
        ],
        told: Told::Over("revoked"),
        counted: &[
            (Count::SignIns, 1),
            (Count::Exchanges, 1),
            (Count::Refused, 1),
            (Count::Revocations, 1),
        ],
        moral: "A revocation ends the refresh tokens at once, and access tokens within their life.",
    },
    Story {
        name: "client",
        title: "Come without the client’s secret",
        about: "A thief has the refresh token, but cannot say which app it is.",
        other: "the thief",
        steps: &[
            act(
                "Ada signs in; the app says which client it is, and its secret.",
                &[Act::SignIn],
            )
            .granted(),
            act("A thief copies the refresh token.", &[Act::Steal]),
            act(
                "It presents it without a secret.",
                &[Act::Refresh(Presented::WithoutSecret)],
            )
            .refused(401, "invalid_client"),
            act(
                "It presents it with a guessed one.",
                &[Act::Refresh(Presented::GuessedSecret)],
            )
            .refused(401, "invalid_client"),
            act(
                "The refresh token was not touched: the app renews.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 1)],
        moral: "The client is checked before the token. An app that everybody can unpack keeps no secret: rotation has to do there.",
    },
];
