//! Refresh tokens signed with the user's salt.

use super::{Act, Count, Presented, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 2] = [
    Story {
        name: "password",
        title: "Change the password",
        about: "Ada changes her password in a browser, on another device.",
        other: "ada’s browser",
        steps: &[
            act(
                "Ada signs in: her refresh token is signed with her salt.",
                &[Act::SignIn],
            )
            .granted(),
            act(
                "Her access token expires, and the app renews it.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
            act("Ada changes her password in a browser.", &[Act::ChangePassword]),
            tell("The server draws another salt. It has no list of sessions to go through."),
            ask(
                "The app’s access token expires, and it presents its refresh token.",
                &[Act::Expire, Act::Renew],
            ),
            answer("It names a salt that was replaced.").refused(401, "password_changed"),
        ],
        told: Told::Over("password_changed"),
        counted: &[
            (Count::SignIns, 1),
            (Count::Exchanges, 1),
            (Count::Refused, 1),
            (Count::PasswordChanges, 1),
        ],
        moral: "One new salt ends the sessions of all devices. The app can say why, and does not look broken.",
    },
    Story {
        name: "forge",
        title: "Forge a token",
        about: "A stranger makes a refresh token up.",
        other: "a stranger",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act("A stranger has seen what such tokens look like.", &[Act::Steal]),
            ask(
                "It makes one that names ada’s salt, without knowing the salt.",
                &[Act::Refresh(Presented::Forged)],
            ),
            answer("No salt signed it, whatever it names.").refused(401, "invalid_token"),
            act(
                "Ada’s own token is as good as before: the app renews.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 1), (Count::Refused, 1)],
        moral: "The token carries the salt’s name and never the salt. A forged one is told nothing but that it is none.",
    },
];
