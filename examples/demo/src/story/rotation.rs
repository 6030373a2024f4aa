//! Rotation: who comes second with a spent token ends the session for both.

use super::{Act, Answered, Count, Presented, Step, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 3] = [
    Story {
        name: "thief-first",
        title: "The thief refreshes first",
        about: "A thief copies the refresh token, and uses it before the app does.",
        other: "the thief",
        steps: &[
            ask("Ada signs in.", &[Act::SignIn]),
            tell(
                "The server makes an access token and a refresh token, and saves which refresh token is good.",
            ),
            answer("It sends both to the app.").granted(),
            act("A thief copies the refresh token.", &[Act::Steal]),
            ask(
                "The thief presents it before the app does.",
                &[Act::Refresh(Presented::All)],
            ),
            tell("The server compares it with what it has saved, and makes new tokens."),
            act("It sends them to the thief, who reads ada’s data.", &[Act::Read]).granted(),
            ask(
                "Ada’s access token expires, and the app presents its refresh token, which is spent.",
                &[Act::Expire, Act::Renew],
            ),
            answer("The server sees the reuse, ends all tokens of the session and denies the request.")
                .refused(401, "reuse_detected"),
            ask(
                "The thief’s access token has expired, too: it presents its refresh token.",
                &[Act::Refresh(Presented::All)],
            ),
            answer("All are void: access denied.").refused(401, "reuse_detected"),
        ],
        told: Told::Over("reuse_detected"),
        counted: &[
            (Count::SignIns, 1),
            (Count::Exchanges, 1),
            (Count::ReuseDetected, 1),
            (Count::Refused, 1),
        ],
        moral: "The thief had access for the life of one access token. Ada is told, signs in again, and the thief is out.",
    },
    Story {
        name: "lost-answer",
        title: "Lose the server’s answer",
        about: "The server exchanges the refresh token, and the network drops its answer.",
        other: "nobody else",
        steps: &[
            act("Ada signs in.", &[Act::SignIn]).granted(),
            ask(
                "Her access token expires, and the app presents its refresh token.",
                &[Act::Expire, Act::LoseTheAnswer, Act::Renew],
            ),
            tell("The server spends it and makes new tokens."),
            Step {
                draws: 1,
                ..answer("Its answer is lost on the way.")
            }
            .with(Answered::NotAtAll),
            ask(
                "The app asks again: the same refresh token under the same key.",
                &[],
            ),
            answer("By the key the server knows that this is no thief, and gives the same new tokens again.")
                .granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 1), (Count::Repeats, 1)],
        moral: "Without the key the repeated token would be taken for a stolen one, and ada would be signed out by a bad network.",
    },
    Story {
        name: "password",
        title: "Change the password",
        about: "Ada changes her password in a browser, on another device.",
        other: "ada’s browser",
        steps: &[
            act(
                "Ada signs in: the app has an access token and a refresh token.",
                &[Act::SignIn],
            )
            .granted(),
            act("In a browser, ada changes her password.", &[Act::ChangePassword]),
            tell("The server ends every session that began with the old one."),
            ask(
                "The app’s access token expires, and it presents its refresh token.",
                &[Act::Expire, Act::Renew],
            ),
            answer("The server denies it, and says why.").refused(401, "password_changed"),
        ],
        told: Told::Over("password_changed"),
        counted: &[
            (Count::SignIns, 1),
            (Count::Refused, 1),
            (Count::PasswordChanges, 1),
        ],
        moral: "Who changes a password wants others out. Each app learns it at its next refresh, and can say why it asks ada to \
                sign in.",
    },
];
