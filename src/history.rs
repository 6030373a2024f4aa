//! The flight recorder: the last transitions of a session, for the question "why was I signed out?". Pure; `session`
//! feeds it, and `storage` keeps its lines beside the marker.

use std::collections::VecDeque;
use std::mem::discriminant;

use crate::state::{Cause, Trail, Transition};
use crate::token::Generation;

/// How many transitions are kept.
pub(crate) const MOST: usize = 64;
/// How many of them go with the end of a session.
const IN_A_TRAIL: usize = 8;

/// A bounded list, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History(VecDeque<Transition>);

impl History {
    /// Adds a transition. What happened to the same token set already is counted and moves to the end, so that a day
    /// without a network does not push out what came before. Says what to write down of it, if anything: the first
    /// time, and then each doubling.
    pub(crate) fn push(&mut self, mut transition: Transition) -> Option<Transition> {
        if let Some(at) = self.same(&transition) {
            let known = &mut self.0[at];
            if transition.cause.is_end() && known.status.is_none() && transition.status.is_some() {
                // Another process found the end in the storage before the one that heard the server could tell it.
                *known = transition.clone();
                return Some(transition);
            }
            if happens_once(&transition.cause) {
                return None;
            }
            let known = self.0.remove(at).map_or(0, |known| known.times);
            // A line that counts already says so of a process's own knowledge.
            transition.times = match transition.times {
                0 | 1 => known.saturating_add(1),
                counted => counted.max(known),
            };
        }
        while self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(transition.clone());
        transition.times.is_power_of_two().then_some(transition)
    }

    pub(crate) fn list(&self) -> Vec<Transition> {
        self.0.iter().cloned().collect()
    }

    /// The newest, which tell how a session ended.
    pub(crate) fn trail(&self) -> Trail {
        let skipped = self.0.len().saturating_sub(IN_A_TRAIL);
        self.0.iter().skip(skipped).cloned().collect()
    }

    /// The generation of the newest.
    pub(crate) fn generation(&self) -> Generation {
        self.0.back().map(|newest| newest.generation).unwrap_or_default()
    }

    /// Reads lines. What is none of ours, or of a later version, is left out.
    pub(crate) fn read(lines: &str) -> Self {
        let mut read = Self::default();
        for line in lines.lines() {
            if let Ok(transition) = serde_json::from_str::<Transition>(line)
                && transition.server_code.as_deref().is_none_or(is_a_code)
            {
                read.push(transition);
            }
        }
        read
    }

    /// The lines that all processes wrote, with what this one knows beyond them: what it could not write, and what it
    /// counts and does not write down each time. In the order of sign-ins, and of time within one; the order of either
    /// list stays.
    pub(crate) fn with_what_only(self, own: &Self) -> Self {
        let untold = |own: &&Transition| {
            let tells = |known: &Transition| {
                known.generation == own.generation
                    && is_same(&known.cause, &own.cause)
                    && (known.status, &known.server_code) == (own.status, &own.server_code)
                    && known.times >= own.times
                    && known.at >= own.at
            };
            !self.0.iter().any(tells)
        };
        let mut own = own.0.iter().filter(untold).peekable();
        let mut merged = Self::default();
        for known in &self.0 {
            while let Some(earlier) =
                own.next_if(|own| (own.generation.epoch, own.at) < (known.generation.epoch, known.at))
            {
                merged.push(earlier.clone());
            }
            merged.push(known.clone());
        }
        for later in own {
            merged.push(later.clone());
        }
        merged
    }

    /// Where the same thing stands already: among the newest of its token set, and not before an end of it.
    fn same(&self, new: &Transition) -> Option<usize> {
        for (at, known) in self.0.iter().enumerate().rev() {
            if known.generation != new.generation {
                return None;
            }
            // An end is told once, whoever heard what the server said.
            let same_answer = known.status == new.status && known.server_code == new.server_code;
            if is_same(&known.cause, &new.cause) && (same_answer || new.cause.is_end()) {
                return Some(at);
            }
            if known.cause.is_end() {
                return None;
            }
        }
        None
    }
}

/// One transition as a line without its end.
pub(crate) fn line(transition: &Transition) -> String {
    // Strings and numbers: nothing that JSON cannot hold.
    serde_json::to_string(transition).expect("a transition serialises")
}

fn is_same(known: &Cause, new: &Cause) -> bool {
    let interruptions = matches!(new, Cause::Interrupted { .. }) && discriminant(known) == discriminant(new);
    known == new || interruptions
}

fn happens_once(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::SignedIn | Cause::Adopted | Cause::Renewed | Cause::SignedOut | Cause::Ended(_)
    )
}

/// What `wire` lets pass as a server's error code. The file is the app's own, and anybody's who can write there.
fn is_a_code(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{EndReason, LockedCause, StorageFailure};
    use crate::time::WallTime;

    fn at(second: i64, number: u64, cause: Cause) -> Transition {
        Transition {
            at: WallTime::from_unix_millis(second * 1000),
            cause,
            status: None,
            server_code: None,
            generation: Generation::new(1, number),
            times: 1,
            process: 7,
        }
    }

    fn told(history: &History) -> Vec<(Cause, u32)> {
        let transitions = history.list().into_iter();
        transitions.map(|told| (told.cause, told.times)).collect()
    }

    #[test]
    fn the_last_64_are_kept() {
        let mut history = History::default();
        for number in 0..100 {
            history.push(at(1, number, Cause::Renewed));
        }
        let kept: Vec<_> = history.list().iter().map(|kept| kept.generation.number).collect();
        assert_eq!(kept, (36..100).collect::<Vec<_>>());
        assert_eq!(history.trail().len(), IN_A_TRAIL);
        assert_eq!(history.trail().last(), history.list().last());
    }

    #[test]
    fn a_night_without_a_network_is_one_entry_and_few_lines() {
        let mut history = History::default();
        history.push(at(0, 1, Cause::SignedIn));
        let mut written = Vec::new();
        for second in 1..=1000 {
            written.extend(history.push(at(second, 1, Cause::Offline)));
        }
        assert_eq!(told(&history), [(Cause::SignedIn, 1), (Cause::Offline, 1000)]);
        assert_eq!(written.len(), 10);
        let read = written.iter().map(line).collect::<Vec<_>>().join("\n");
        assert_eq!(told(&History::read(&read)), [(Cause::Offline, 512)]);
    }

    #[test]
    fn what_repeats_moves_to_the_end_and_another_token_set_begins_anew() {
        let mut history = History::default();
        for cause in [Cause::Offline, Cause::AnswerLost, Cause::Offline] {
            history.push(at(1, 1, cause));
        }
        history.push(at(2, 2, Cause::Renewed));
        history.push(at(3, 2, Cause::Offline));
        let expected = [
            (Cause::AnswerLost, 1),
            (Cause::Offline, 2),
            (Cause::Renewed, 1),
            (Cause::Offline, 1),
        ];
        assert_eq!(told(&history), expected);
    }

    #[test]
    fn an_end_is_told_once_by_who_heard_it() {
        let mut history = History::default();
        let end = Cause::Ended(EndReason::Revoked);
        let heard = Transition {
            status: Some(401),
            ..at(1, 2, end.clone())
        };
        assert!(history.push(heard.clone()).is_some());
        history.push(at(2, 2, Cause::Locked(LockedCause::DeviceLocked)));
        assert_eq!(history.push(at(3, 2, end)), None);
        assert_eq!(history.list()[0], heard);
        // A store that was lost counts its generations from the beginning again.
        history.push(at(4, 2, Cause::Ended(EndReason::StoreLost)));
        assert!(history.push(at(5, 2, Cause::Renewed)).is_some());
    }

    #[test]
    fn who_heard_the_server_tells_more_than_who_found_the_end() {
        let mut history = History::default();
        let found = at(1, 2, Cause::Ended(EndReason::PasswordChanged));
        let heard = Transition {
            status: Some(401),
            server_code: Some("password_changed".into()),
            ..at(2, 2, Cause::Ended(EndReason::PasswordChanged))
        };
        history.push(found.clone());
        assert_eq!(history.push(heard.clone()), Some(heard.clone()));
        assert_eq!(history.push(found.clone()), None);
        assert_eq!(history.list(), std::slice::from_ref(&heard));
        let lines = [line(&found), line(&heard), line(&found)].join("\n");
        assert_eq!(History::read(&lines).list(), [heard]);
    }

    #[test]
    fn what_only_this_process_knows_stands_where_it_happened() {
        let mut own = History::default();
        own.push(at(1, 1, Cause::Renewed));
        for second in 2..5 {
            own.push(at(second, 1, Cause::AnswerLost));
        }
        own.push(at(7, 2, Cause::Busy));
        let mut written = History::default();
        written.push(at(1, 1, Cause::Renewed));
        written.push(at(3, 1, Cause::AnswerLost));
        written.push(at(3, 1, Cause::Offline));
        written.push(at(8, 3, Cause::Ended(EndReason::Revoked)));
        let expected = [
            (Cause::Renewed, 1),
            (Cause::Offline, 1),
            (Cause::AnswerLost, 3),
            (Cause::Busy, 1),
            (Cause::Ended(EndReason::Revoked), 1),
        ];
        assert_eq!(told(&written.with_what_only(&own)), expected);
    }

    #[test]
    fn a_line_stays_readable() {
        let lost = Transition {
            status: Some(401),
            server_code: Some("invalid_token".into()),
            times: 2,
            ..at(1, 4, Cause::Ended(EndReason::InterruptedRotation))
        };
        let frozen = [
            (
                lost,
                r#"{"at":1000,"cause":{"ended":"interrupted_rotation"},"status":401,"server_code":"invalid_token","epoch":1,"number":4,"times":2,"process":7}"#,
            ),
            (
                at(
                    1,
                    4,
                    Cause::Interrupted {
                        since: WallTime::from_unix_millis(900),
                    },
                ),
                r#"{"at":1000,"cause":{"interrupted":{"since":900}},"epoch":1,"number":4,"process":7}"#,
            ),
            (
                at(
                    1,
                    4,
                    Cause::SaveFailed(StorageFailure::Unavailable(LockedCause::TimedOut)),
                ),
                r#"{"at":1000,"cause":{"save_failed":{"unavailable":"timed_out"}},"epoch":1,"number":4,"process":7}"#,
            ),
            (
                at(1, 4, Cause::BackgroundTimeOver),
                r#"{"at":1000,"cause":"background_time_over","epoch":1,"number":4,"process":7}"#,
            ),
        ];
        for (transition, text) in frozen {
            assert_eq!(line(&transition), text);
            assert_eq!(History::read(text).list(), [transition]);
        }
    }

    #[test]
    fn garbage_and_what_a_later_version_wrote_is_left_out() {
        let good = line(&at(1, 1, Cause::Renewed));
        let later = good.replace("renewed", "teleported");
        let text = good.replace("\"epoch\"", "\"server_code\":\"Dear user, \",\"epoch\"");
        let lines = format!("\u{0}\u{fffd}{{\n\n{later}\n{text}\n{good}\n{}", &good[..20]);
        assert_eq!(told(&History::read(&lines)), [(Cause::Renewed, 1)]);
    }

    #[test]
    fn the_longest_line_is_shorter_than_what_the_journal_reckons_with() {
        let name = "x".repeat(64);
        let longest = Transition {
            at: WallTime::from_unix_millis(i64::MIN),
            cause: Cause::Ended(EndReason::Server(name.clone())),
            status: Some(u16::MAX),
            server_code: Some(name),
            generation: Generation::new(u64::MAX, u64::MAX),
            times: u32::MAX,
            process: u32::MAX,
        };
        assert!(line(&longest).len() < 384, "see `storage/journal`");
    }
}
