//! The refresh token in a cookie that no page has.

use super::{Act, Count, Presented, Story, Told, act, answer, ask};

pub(crate) static STORIES: [Story; 2] = [
    Story {
        name: "no-csrf",
        title: "Send without CSRF",
        about: "Somebody has the cookies, but not the second value that must be said aloud.",
        other: "a foreign page",
        steps: &[
            act("Ada signs in, and the app keeps the cookies.", &[Act::SignIn]).granted(),
            act("Suppose a foreign page got them into its requests.", &[Act::Steal]),
            ask(
                "It asks for new tokens. Cookies go by themselves; the header it would have to write.",
                &[Act::Refresh(Presented::WithoutCsrf)],
            ),
            answer("The value in the header is missing, and nothing is exchanged.").refused(403, "csrf_mismatch"),
            act("The app says the value in the header: it renews.", &[Act::Expire, Act::Renew]).granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 1)],
        moral: "A cookie alone proves nothing: who asks must read the second value, and a foreign page cannot.",
    },
    Story {
        name: "script",
        title: "A page script looks for the cookie",
        about: "A script in every page searches cookies and storage, and asks the server.",
        other: "scripts in the pages",
        steps: &[
            act("Ada signs in, and the app keeps the cookies.", &[Act::SignIn]).granted(),
            act("Her access token expires, and the app renews: both cookies are new.", &[Act::Expire, Act::Renew]).granted(),
            act(
                "A script in each page reads its cookies and its storage, and asks the server for new tokens, cookies included.",
                &[Act::Look],
            )
            .refused(403, "csrf_mismatch"),
            act("The app renews, as before.", &[Act::Expire, Act::Renew]).granted(),
        ],
        told: Told::SignedIn,
        counted: &[(Count::SignIns, 1), (Count::Exchanges, 2)],
        moral: "There is nothing to find: the cookies live in the app’s own storage, and pages get access tokens only.",
    },
];
