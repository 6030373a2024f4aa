//! A story as it was played: what was sent, what came back, what the app was told. It holds labels, never a token.

use std::fmt;

use serde::Serialize;

use super::tap::{Actor, Answer, Label, Message};
use crate::story::{Answered, Count, Told};

/// A story that is being played, or was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Played {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) other: &'static str,
    /// How many steps it has.
    pub(crate) of: usize,
    pub(crate) steps: Vec<PlayedStep>,
    /// Once it is over.
    pub(crate) ending: Option<Ending>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PlayedStep {
    pub(crate) title: &'static str,
    pub(crate) arrows: Vec<Arrow>,
    /// What nobody sent: what the app was told, what a script found.
    pub(crate) notes: Vec<String>,
    /// What is not as the story has it.
    pub(crate) wrong: Option<String>,
}

/// Something that went from one to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Arrow {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) text: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) tone: Tone,
}

/// Where arrows begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    App,
    Server,
    Other,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "app",
            Self::Server => "server",
            Self::Other => "other",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    Asks,
    Grants,
    Refuses,
    Lost,
    Stolen,
}

/// How it came out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ending {
    /// What the app was told, for people.
    pub(crate) told: String,
    /// Whether the session is over.
    pub(crate) over: bool,
    /// What the core's history says.
    pub(crate) history: Vec<String>,
    pub(crate) counted: Vec<Counting>,
    pub(crate) moral: &'static str,
    /// Whether everything was as the story has it.
    pub(crate) good: bool,
}

/// What the server counted of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counting {
    pub(crate) words: &'static str,
    pub(crate) number: u64,
    pub(crate) expected: u64,
}

/// Requests and answers as arrows, in their order. What several pages sent alike is drawn once.
pub(crate) fn arrows(messages: &[Message]) -> Vec<Arrow> {
    let mut kept: Vec<(&Message, usize)> = Vec::new();
    for message in messages {
        let from_page = message.from == Some(Actor::Page);
        match kept.iter_mut().find(|(known, _)| from_page && *known == message) {
            Some((_, times)) => *times += 1,
            None => kept.push((message, 1)),
        }
    }
    let both = |(message, times)| [Some(request(message, times)), answer(message)];
    kept.into_iter().flat_map(both).flatten().collect()
}

fn request(message: &Message, times: usize) -> Arrow {
    let times = if times > 1 {
        format!(" ({times} times)")
    } else {
        String::new()
    };
    Arrow {
        from: place(message),
        to: Place::Server,
        text: format!("{}{times}", message.asks),
        labels: message.carries.clone(),
        tone: Tone::Asks,
    }
}

fn answer(message: &Message) -> Option<Arrow> {
    let (text, labels, tone) = match &message.answer {
        Answer::NotYet => return None,
        Answer::Lost => ("no answer".to_owned(), Vec::new(), Tone::Lost),
        Answer::Given {
            status,
            error,
            brings,
        } => {
            let error = error.as_ref().map(|error| format!(" {error}"));
            let text = format!("{status}{}", error.unwrap_or_default());
            let tone = if *status < 400 {
                Tone::Grants
            } else {
                Tone::Refuses
            };
            (text, brings.clone(), tone)
        }
    };
    Some(Arrow {
        from: Place::Server,
        to: place(message),
        text,
        labels,
        tone,
    })
}

fn place(message: &Message) -> Place {
    match message.from {
        Some(Actor::App) => Place::App,
        // Pages send nothing in a story but what a script in them sends.
        _ => Place::Other,
    }
}

/// What is wrong with the last answer among these, if anything.
pub(crate) fn check_answer(expected: Answered, arrows: &[Arrow]) -> Option<String> {
    let told = arrows.iter().rev().find(|arrow| arrow.from == Place::Server);
    let Some(told) = told else {
        return Some("there was no answer yet".into());
    };
    let (good, expected) = match expected {
        Answered::NotAtAll => (told.tone == Tone::Lost, "no answer".to_owned()),
        Answered::With(status) => (told.text == status.to_string(), status.to_string()),
        Answered::Refused(status, code) => {
            let text = format!("{status} {code}");
            (told.text == text, text)
        }
    };
    (!good).then(|| format!("the story has the answer {expected}, and it was {}", told.text))
}

/// What was counted between, and what the story expects; both zero is not told.
pub(crate) fn countings(
    before: &tokencast_backend::Stats,
    after: &tokencast_backend::Stats,
    expected: &[(Count, u64)],
) -> Vec<Counting> {
    let one = |count: Count| {
        let number = |stats: &tokencast_backend::Stats| match count {
            Count::SignIns => stats.logins,
            Count::Exchanges => stats.exchanges,
            Count::Repeats => stats.replays,
            Count::ReuseDetected => stats.reuse_detected,
            Count::Refused => stats.refresh_rejected,
            Count::PasswordChanges => stats.password_changes,
            Count::Revocations => stats.revocations,
        };
        let expected = expected.iter().find(|(known, _)| *known == count);
        Counting {
            words: count.words(),
            number: number(after) - number(before),
            expected: expected.map_or(0, |(_, number)| *number),
        }
    };
    let told = |counting: &Counting| counting.number > 0 || counting.expected > 0;
    Count::ALL.into_iter().map(one).filter(told).collect()
}

impl Told {
    /// The state's and the reason's names: what the app must have been told.
    pub(crate) fn is(self, state: crate::control::State, code: Option<&str>) -> bool {
        use crate::control::State;
        match self {
            Self::SignedIn => state == State::Active,
            Self::Over(reason) => state == State::SignInRequired && code == Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(from: Actor) -> Message {
        Message {
            from: Some(from),
            asks: "POST /auth/refresh".into(),
            carries: Vec::new(),
            answer: Answer::Given {
                status: 401,
                error: Some("expired".into()),
                brings: Vec::new(),
            },
        }
    }

    #[test]
    fn a_message_is_a_request_and_an_answer_and_pages_are_drawn_together() {
        let app = arrows(&[refused(Actor::App), Message::default()]);
        assert_eq!((app.len(), app[0].from, app[1].to), (3, Place::App, Place::App));
        assert_eq!(app[1].text, "401 expired");
        let pages = arrows(&[refused(Actor::Page), refused(Actor::Page)]);
        assert_eq!(
            (pages.len(), pages[0].text.as_str()),
            (2, "POST /auth/refresh (2 times)")
        );
        assert_eq!(arrows(&[refused(Actor::App), refused(Actor::App)]).len(), 4);
    }

    #[test]
    fn another_answer_than_the_story_s_is_wrong() {
        let drawn = arrows(&[refused(Actor::App)]);
        assert_eq!(check_answer(Answered::Refused(401, "expired"), &drawn), None);
        for other in [
            Answered::Refused(401, "invalid_token"),
            Answered::With(401),
            Answered::NotAtAll,
        ] {
            assert!(check_answer(other, &drawn).is_some());
        }
        assert!(check_answer(Answered::With(200), &[]).is_some());
    }

    #[test]
    fn what_is_counted_beyond_the_story_is_told_too() {
        let (before, mut after) = (Default::default(), tokencast_backend::Stats::default());
        after.exchanges = 1;
        let counted = countings(&before, &after, &[(Count::SignIns, 1)]);
        let numbers: Vec<_> = counted.iter().map(|one| (one.number, one.expected)).collect();
        assert_eq!(numbers, [(0, 1), (1, 0)]);
    }
}
