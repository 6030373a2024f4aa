//! One-time exchange: a pair whose row is gone was exchanged before, and only its own halves make a pair.

use super::{Act, Count, Presented, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 3] = [
    Story {
        name: "twice",
        title: "Exchange the same pair twice",
        about: "The same pair of tokens is sent a second time.",
        other: "the thief",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act("A thief copies the pair.", &[Act::Steal]),
            ask(
                "Ada’s access token expires, and the app sends both tokens.",
                &[Act::Expire, Act::Renew],
            ),
            tell("The server deletes their row, makes a new pair and saves it."),
            answer("The app gets the new pair.").granted(),
            ask("The thief sends the old pair.", &[Act::Refresh(Presented::All)]),
            answer("The server finds no row to delete: the pair was exchanged before.")
                .refused(401, "already_exchanged"),
            act(
                "Nobody else suffers for that: the app goes on with its next renewal.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 2), (Count::Refused, 1)],
        moral: "A pair is good for one exchange. Who comes second gets nothing.",
    },
    Story {
        name: "thief-first",
        title: "The thief exchanges it first",
        about: "A thief copies both tokens, and uses them before the app does.",
        other: "the thief",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act("A thief copies the pair.", &[Act::Steal]),
            act(
                "The thief exchanges it, and reads ada’s data.",
                &[Act::Refresh(Presented::All), Act::Read],
            )
            .granted(),
            ask(
                "Ada’s access token expires, and the app sends both tokens.",
                &[Act::Expire, Act::Renew],
            ),
            answer("The server finds no row to delete.").refused(401, "already_exchanged"),
            act(
                "The thief’s own pair is as good as before.",
                &[Act::Refresh(Presented::All)],
            )
            .granted(),
        ],
        told: Told::Over("reuse_detected"),
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 2), (Count::Refused, 1)],
        moral: "Ada is told at her next renewal. This scheme does not end what the thief got: rotation does.",
    },
    Story {
        name: "foreign-pair",
        title: "Send a foreign pair",
        about: "A stolen refresh token comes beside an access token of somebody else.",
        other: "the thief",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act("A thief copies her refresh token.", &[Act::Steal]),
            act(
                "The thief has an account of its own, and signs in as eve.",
                &[Act::SignInAsEve],
            )
            .granted(),
            ask(
                "It sends ada’s refresh token beside eve’s access token.",
                &[Act::Refresh(Presented::ForeignPair)],
            ),
            answer("They did not come together, and nothing is exchanged.").refused(401, "invalid_token"),
            act(
                "Ada’s own pair is as good as before: the app renews.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 2), (Count::Exchanges, 1), (Count::Refused, 1)],
        moral: "The access token salts its refresh token: half a pair is worth nothing.",
    },
];
