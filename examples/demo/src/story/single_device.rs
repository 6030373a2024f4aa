//! One device at a time.

use super::{Act, Count, Story, Told, act, answer, ask, tell};

pub(crate) static STORIES: [Story; 1] = [Story {
    name: "second-device",
    title: "Sign in on a second device",
    about: "Ada signs in on her tablet, too.",
    other: "the tablet",
    steps: &[
        act("Ada signs in on her phone.", &[Act::SignIn]).granted(),
        act(
            "Its access token expires, and the phone renews it.",
            &[Act::Expire, Act::Renew],
        )
        .granted(),
        act("Ada signs in on a tablet.", &[Act::SignInToo]).granted(),
        tell("The server draws another value to sign her refresh token with: the phone’s is of no use now."),
        ask(
            "The phone’s access token expires, and it presents its refresh token.",
            &[Act::Expire, Act::Renew],
        ),
        answer("It names the sign-in before the last.").refused(401, "signed_in_elsewhere"),
        act("The tablet renews.", &[Act::RenewToo]).granted(),
    ],
    told: Told::Over("signed_in_elsewhere"),
    counted: &[(Count::SignIns, 2), (Count::Exchanges, 2), (Count::Refused, 1)],
    moral: "The phone says “signed in on another device”, which is a reason to look twice if it was not you.",
}];
