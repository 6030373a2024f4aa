//! One refresh token for each user.

use super::{Act, Count, Presented, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 2] = [
    Story {
        name: "password",
        title: "Change the password",
        about: "Ada changes her password in a browser, on another device.",
        other: "ada’s browser",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            act(
                "Her access token expires: the app sends both tokens and gets an access token only.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
            act("Ada changes her password in a browser.", &[Act::ChangePassword]),
            tell("The server ends the session that her refresh token belongs to."),
            ask(
                "The app’s access token expires, and it sends both again.",
                &[Act::Expire, Act::Renew],
            ),
            answer("The server knows the token, and why it is no longer good.")
                .refused(401, "password_changed"),
        ],
        told: Told::Over("password_changed"),
        counted: &[
            (Count::SignIns, 1),
            (Count::Exchanges, 1),
            (Count::Refused, 1),
            (Count::PasswordChanges, 1),
        ],
        moral: "Until its end the last access token was good: that is why it is short-lived.",
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
                "It makes one for ada, without the server’s key, and sends it beside her access token.",
                &[Act::Refresh(Presented::Forged)],
            ),
            answer("The signature is nobody’s.").refused(401, "invalid_token"),
            act(
                "Ada’s own token is as good as before: the app renews.",
                &[Act::Expire, Act::Renew],
            )
            .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 1), (Count::Refused, 1)],
        moral: "The payload is empty, so there is nothing to guess; the signature, equality with the stored token and its end are checked.",
    },
];
