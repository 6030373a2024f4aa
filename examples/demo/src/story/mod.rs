//! Stories as data: what happens to a session of a scheme, step by step, and what must come of it. The dashboard's
//! buttons, the check and the README all read them from here; `launcher/stage/story.rs` plays them.

pub(crate) mod access_only;
pub(crate) mod cookie;
pub(crate) mod exchange_once;
pub(crate) mod oauth2;
pub(crate) mod per_user;
pub(crate) mod rotation;
pub(crate) mod salted;
pub(crate) mod single_device;

use serde::Serialize;

/// A story of a scheme. It begins with nobody signed in, with ada's first password.
#[derive(Debug)]
pub(crate) struct Story {
    /// As the dashboard asks for it; one of its own in its scheme.
    pub(crate) name: &'static str,
    /// The button.
    pub(crate) title: &'static str,
    /// What it is about, before it is played.
    pub(crate) about: &'static str,
    /// Who else is in it, as in "the thief".
    pub(crate) other: &'static str,
    pub(crate) steps: &'static [Step],
    /// What the app is told at the end.
    pub(crate) told: Told,
    /// What the server counted, all of it.
    pub(crate) counted: &'static [(Count, u64)],
    /// What is to be learnt from it.
    pub(crate) moral: &'static str,
}

/// A step of a story.
#[derive(Debug)]
pub(crate) struct Step {
    /// What happens, in a sentence.
    pub(crate) title: &'static str,
    /// What is really done; nothing where the step only tells what the act before it did.
    pub(crate) acts: &'static [Act],
    /// How many of the requests and answers that are not drawn yet are drawn beside this step.
    pub(crate) draws: usize,
    /// What the last answer beside this step must be.
    pub(crate) answered: Option<Answered>,
}

/// All that is not drawn yet.
pub(crate) const ALL: usize = usize::MAX;

/// Something that is really done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The app signs ada in.
    SignIn,
    /// The app needs an access token: the core serves one or gets one.
    Renew,
    /// All clocks pass the end of the access tokens.
    Expire,
    /// All clocks pass the time in which an expired access token can be renewed.
    PassTheWindow,
    /// The answer to the next refresh is lost, after the server did what was asked.
    LoseTheAnswer,
    /// The other one copies what the app got last.
    Steal,
    /// The other one asks for new tokens, and keeps what it gets.
    Refresh(Presented),
    /// The other one reads ada's data with the access token that it has.
    Read,
    /// The other one, a device with a core of its own, signs ada in.
    SignInToo,
    /// The other device needs an access token.
    RenewToo,
    /// Eve signs in.
    SignInAsEve,
    /// Ada changes her password on the server's own page.
    ChangePassword,
    /// The other one revokes ada's session at the server.
    Revoke,
    /// A script in each page looks for what it could take.
    Look,
}

/// What the other one shows for new tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// All that it has.
    All,
    /// The stolen refresh token beside an access token of its own.
    ForeignPair,
    /// All that it has, the refresh token signed by nobody.
    Forged,
    /// The cookies, but not the value in the header.
    WithoutCsrf,
    /// All that it has, but not the client's secret.
    WithoutSecret,
    /// All that it has, under a guessed client secret.
    GuessedSecret,
}

/// An answer of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    With(u16),
    Refused(u16, &'static str),
    /// It was lost.
    NotAtAll,
}

/// What the app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: ada is signed in.
    SignedIn,
    /// The session is over, for the reason of this code.
    Over(&'static str),
}

/// What the server counts in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Count {
    SignIns,
    Exchanges,
    Repeats,
    ReuseDetected,
    Refused,
    PasswordChanges,
    Revocations,
}

impl Count {
    pub(crate) const ALL: [Self; 7] = [
        Self::SignIns,
        Self::Exchanges,
        Self::Repeats,
        Self::ReuseDetected,
        Self::Refused,
        Self::PasswordChanges,
        Self::Revocations,
    ];

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::SignIns => "sign-ins",
            Self::Exchanges => "renewals",
            Self::Repeats => "repeated answers",
            Self::ReuseDetected => "reuse detected",
            Self::Refused => "tokens refused",
            Self::PasswordChanges => "password changes",
            Self::Revocations => "revocations",
        }
    }
}

/// A step in which something is done, and all of it drawn.
const fn act(title: &'static str, acts: &'static [Act]) -> Step {
    Step {
        title,
        acts,
        draws: ALL,
        answered: None,
    }
}

/// A step in which something is done and only the request is drawn: the answer comes later.
const fn ask(title: &'static str, acts: &'static [Act]) -> Step {
    Step {
        draws: 1,
        ..act(title, acts)
    }
}

/// What goes on inside, in words.
const fn tell(title: &'static str) -> Step {
    Step {
        draws: 0,
        ..act(title, &[])
    }
}

/// What was asked in an earlier step is answered.
const fn answer(title: &'static str) -> Step {
    act(title, &[])
}

impl Step {
    const fn with(self, answered: Answered) -> Self {
        Self {
            answered: Some(answered),
            ..self
        }
    }

    /// With new tokens.
    const fn granted(self) -> Self {
        self.with(Answered::With(200))
    }

    const fn refused(self, status: u16, code: &'static str) -> Self {
        self.with(Answered::Refused(status, code))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scheme;

    #[test]
    fn a_story_has_a_name_of_its_own_and_begins_with_a_sign_in() {
        for shown in scheme::all() {
            let names: BTreeSet<_> = shown.stories.iter().map(|story| story.name).collect();
            assert_eq!(names.len(), shown.stories.len(), "{}", shown.scheme);
            for story in shown.stories {
                assert_eq!(story.steps[0].acts, [Act::SignIn], "{}", story.name);
                assert!(!story.counted.is_empty(), "{}", story.name);
            }
        }
    }

    #[test]
    fn every_count_of_a_story_is_said_once() {
        for story in scheme::all().iter().flat_map(|shown| shown.stories) {
            let counts: BTreeSet<_> = story.counted.iter().map(|(count, _)| count).collect();
            assert_eq!(counts.len(), story.counted.len(), "{}", story.name);
        }
    }

    #[test]
    fn the_thief_refreshes_first_in_eleven_steps() {
        let story = rotation::STORIES.iter().find(|story| story.name == "thief-first");
        assert_eq!(story.map(|story| story.steps.len()), Some(11));
    }
}
