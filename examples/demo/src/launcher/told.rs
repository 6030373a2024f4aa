//! What a step did, in a sentence, from what the server counted.

use super::board::{Scene, Told};
use super::stage::{Attempt, Counted};
use crate::control::State;
use crate::scheme;
use crate::step::Step;

pub(crate) fn tell(step: Step, counted: &Counted, scene: &Scene) -> Told {
    let Counted {
        before,
        after,
        pages_stayed,
    } = counted;
    let (renewed, untouched) = if scheme::exchanges(scene.scheme) {
        ("exchanged its refresh token", "the refresh token was not touched")
    } else {
        ("renewed its access token", "nothing was renewed")
    };
    let exchanges = after.exchanges - before.exchanges;
    let replays = after.replays - before.replays;
    let rejected = after.api_rejected - before.api_rejected;
    let answered = after.api_ok - before.api_ok;
    let notes = after.notes - before.notes;
    let now = &scene.app.now;
    let active = now.state == State::Active;
    let generation = format!("access token no. {}", now.generation.number);
    let storage = scene
        .app
        .storage
        .as_ref()
        .map_or("its storage", |used| &used.words);
    let (text, good) = match step {
        Step::SignIn => (
            format!(
                "Ada is signed in, and every page has {generation}. The pages were opened for this sign-in."
            ),
            active,
        ),
        Step::CallApi | Step::AddNotes if !active => (
            format!("Nobody is signed in: {rejected} calls met a 401, and nothing was refreshed."),
            exchanges == 0 && answered == 0,
        ),
        Step::CallApi if rejected == 0 => (
            format!(
                "{answered} calls, all answered. The access token is still good, so {untouched}."
            ),
            exchanges == 0,
        ),
        Step::CallApi => (
            format!(
                "{rejected} calls met a 401. The app {renewed} {}; every page got {generation} and sent its \
                 call again: {answered} answered{}.",
                times(exchanges),
                if *pages_stayed {
                    ", no page was reloaded"
                } else {
                    ""
                }
            ),
            exchanges == 1,
        ),
        Step::AddNotes if rejected == 0 => (
            format!("{notes} notes, each written once. The access token is still good."),
            notes == answered && exchanges == 0,
        ),
        Step::AddNotes => (
            format!(
                "{rejected} calls met a 401 and were sent again after {exchanges} exchange: {notes} notes, each \
                 written once."
            ),
            notes == answered && exchanges == 1,
        ),
        Step::Expire => (
            "The access token is past its end, for the app and for the server. The pages do not know it yet: let all \
             of them call the API."
                .to_owned(),
            now.left_ms.unwrap_or(0) == 0,
        ),
        Step::Kill if active && exchanges == 0 => (
            format!("A new process found the session in {storage}, and nothing had to be renewed."),
            true,
        ),
        Step::Kill => (
            format!(
                "A new process found the session in {storage}. The access token was in memory only, so the app \
                 {renewed} {} for all pages together.",
                times(exchanges)
            ),
            exchanges <= 1,
        ),
        Step::KillMidRefresh => (
            format!(
                "The server had exchanged the refresh token when the app died, and its answer was lost. The new \
                 process repeated the request under the same key and got the same successor: {exchanges} exchange, \
                 {replays} repetition. {}",
                if active {
                    "ada is still signed in."
                } else {
                    "The session is over."
                }
            ),
            active && exchanges == 1 && replays == 1,
        ),
        Step::AnotherPage => (
            format!(
                "The new page asked the app and got {generation}, as all have. {}",
                match exchanges {
                    0 => "The server was not asked for it.".to_owned(),
                    _ => format!("It was over, so the app {renewed} {}.", times(exchanges)),
                }
            ),
            exchanges <= 1 && rejected == 0,
        ),
        Step::RenderedPage => {
            let refused = after.documents_refused - before.documents_refused;
            let shown = scene.rendered.as_ref().filter(|page| page.status == 200);
            (
                match shown {
                    Some(page) if page.held => format!(
                        "The app held the request, {renewed} {}, put the new token into the page’s cookie, and only then \
                         let it go. The server rendered “{}” at the first try: {refused} answers were 401.",
                        times(exchanges),
                        page.text,
                    ),
                    Some(page) => format!("The server rendered “{}”, and nothing had to wait.", page.text),
                    None => "The page was not rendered.".to_owned(),
                },
                shown.is_some_and(|page| page.held) && exchanges == 1 && refused == 0,
            )
        }
        Step::HostilePage => (attacked(&scene.attempts), {
            let nothing = scene.attempts.iter().all(|attempt| attempt.nothing);
            nothing && !scene.attempts.is_empty() && exchanges == 0
        }),
        Step::SignOut => (
            format!(
                "{} The server revoked the session.",
                if scene.no_page_has_a_token() {
                    "Every page was told, and dropped its token."
                } else {
                    "Not every page was told."
                }
            ),
            now.state == State::SignedOut
                && scene.no_page_has_a_token()
                && after.revocations > before.revocations,
        ),
    };
    Told {
        step: Some(step),
        text,
        good,
    }
}

fn attacked(attempts: &[Attempt]) -> String {
    let lucky: Vec<_> = attempts.iter().filter(|attempt| !attempt.nothing).collect();
    if lucky.is_empty() {
        return format!(
            "The hostile page tried {} ways, and got no token by any of them.",
            attempts.len()
        );
    }
    let won = lucky
        .iter()
        .map(|attempt| format!("{}: {}", attempt.tries, attempt.got));
    format!(
        "The hostile page got something! {}",
        won.collect::<Vec<_>>().join("; ")
    )
}

fn times(count: u64) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "exactly once".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use tokencast_backend::Stats;

    use super::super::board::Board;
    use super::super::stage::Target;
    use super::*;
    use crate::control::Snapshot;

    fn told(step: Step, state: State, change: impl FnOnce(&mut Stats)) -> Told {
        let board = Board::new(crate::scheme::USUAL, || None);
        board.app_says(Snapshot {
            state,
            ..Snapshot::default()
        });
        let mut after = Stats::default();
        change(&mut after);
        let counted = Counted {
            before: Stats::default(),
            after,
            pages_stayed: true,
        };
        tell(step, &counted, &board.scene())
    }

    #[test]
    fn one_exchange_for_many_401s_is_good_and_two_are_not() {
        let once = told(Step::CallApi, State::Active, |stats| {
            (stats.api_rejected, stats.api_ok, stats.exchanges) = (4, 4, 1);
        });
        assert!(once.good && once.text.contains("exactly once"), "{}", once.text);
        let twice = told(Step::CallApi, State::Active, |stats| {
            (stats.api_rejected, stats.api_ok, stats.exchanges) = (4, 4, 2);
        });
        assert!(!twice.good && twice.text.contains("2 times"), "{}", twice.text);
    }

    #[test]
    fn a_refresh_of_a_good_token_is_not_good() {
        let told = told(Step::CallApi, State::Active, |stats| {
            (stats.api_ok, stats.exchanges) = (4, 1);
        });
        assert!(!told.good);
    }

    #[test]
    fn a_sign_out_without_a_revocation_is_not_good() {
        assert!(!told(Step::SignOut, State::SignedOut, |_| {}).good);
        assert!(told(Step::SignOut, State::SignedOut, |stats| stats.revocations = 1).good);
    }

    #[test]
    fn a_hostile_page_that_got_something_or_says_nothing_is_not_good() {
        assert!(!told(Step::HostilePage, State::Active, |_| {}).good);
        let attempt = |nothing| Attempt {
            at: Target::App,
            tries: "asks the app".into(),
            got: "a token".into(),
            nothing,
        };
        assert!(attacked(&[attempt(true), attempt(false)]).contains("asks the app: a token"));
        assert!(attacked(&[attempt(true)]).contains("no token"));
    }

    #[test]
    fn a_session_that_was_lost_in_a_kill_is_not_good() {
        let lost = told(Step::KillMidRefresh, State::SignInRequired, |stats| {
            (stats.exchanges, stats.replays) = (1, 1);
        });
        assert!(!lost.good);
    }
}
