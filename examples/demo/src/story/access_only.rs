//! Renewal without a refresh token: once, and within the window.

use super::{Act, Count, Presented, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 2] = [
    Story {
        name: "again",
        title: "Renew again",
        about: "An access token that was renewed already is sent once more.",
        other: "the thief",
        steps: &[
            act(
                "Ada signs in: there is an access token, and nothing else.",
                &[Act::SignIn],
            )
            .granted(),
            act("A thief copies it.", &[Act::Steal]),
            ask(
                "It expires, and the app sends it to be renewed.",
                &[Act::Expire, Act::Renew],
            ),
            tell("The server remembers that it was renewed."),
            answer("The app gets its successor.").granted(),
            ask("The thief sends the same token.", &[Act::Refresh(Presented::All)]),
            answer("It is remembered: refused.").refused(401, "already_exchanged"),
            act(
                "The app goes on with its next renewal.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 2), (Count::Refused, 1)],
        moral: "Each access token is renewed once. Had the thief been first, the app would have been refused, and ada told.",
    },
    Story {
        name: "late",
        title: "Wait past the window",
        about: "Ada comes back after more than a week.",
        other: "nobody else",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act(
                "She does not open the app for more than a week.",
                &[Act::PassTheWindow],
            ),
            ask("Then the app sends its token to be renewed.", &[Act::Renew]),
            answer("Its window has passed.").refused(401, "expired"),
        ],
        told: Told::Over("expired"),
        counted: &[(Count::SignIns, 1), (Count::Refused, 1)],
        moral: "The window is the session’s life without use. The app is told that it expired, not that something is wrong.",
    },
];
