//! What the dashboard shows: one value, told whole at every change.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tokencast_backend::{Scheme, Stats};
use tokio::sync::watch;
use tokio::time::timeout;

use super::played::Played;
use super::stage::Attempt;
use super::wire::{Moment, Wire};
use crate::control::{Rendered, Snapshot, StorageUsed};
use crate::scheme;
use crate::step::Step;

/// So many events are kept.
const MAX_EVENTS: usize = 200;

/// The one place where everything that happens is told.
#[derive(Clone)]
pub(crate) struct Board {
    scene: Arc<watch::Sender<Scene>>,
    count: Arc<dyn Fn() -> Option<Stats> + Send + Sync>,
}

/// How everything stands.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) app: AppView,
    pub(crate) stats: Stats,
    /// The step that is being performed.
    pub(crate) busy: Option<Step>,
    pub(crate) told: Option<Told>,
    /// How many steps and stories are over.
    pub(crate) performed: u64,
    /// How the server keeps sessions alive.
    pub(crate) scheme: Scheme,
    /// The story that is being played.
    pub(crate) playing: Option<&'static str>,
    /// The last one that was.
    pub(crate) story: Option<Played>,
    /// How often the pages were to be opened anew: the dashboard follows this number.
    pub(crate) opening: u64,
    /// The same for the page that is opened later.
    pub(crate) another: u64,
    /// The same for the hostile page.
    pub(crate) hostile: u64,
    /// The page that the server rendered last.
    pub(crate) rendered: Option<Rendered>,
    /// What the hostile page tried last, and what it got.
    pub(crate) attempts: Vec<Attempt>,
    events: VecDeque<Event>,
    wire: Wire,
    /// Events and moments are numbered together.
    told_so_far: u64,
    started: Instant,
}

/// The app's process as the launcher sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppView {
    /// The running process.
    pub(crate) pid: Option<u32>,
    /// How often it was started.
    pub(crate) runs: u64,
    pub(crate) storage: Option<StorageUsed>,
    /// Where its pages connect.
    pub(crate) bridge: Option<String>,
    pub(crate) now: Snapshot,
    /// The end of the access token, on the launcher's clock.
    ends: Option<Instant>,
}

/// What the last step did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// None for a story.
    pub(crate) step: Option<Step>,
    pub(crate) text: String,
    /// Whether it did what it says.
    pub(crate) good: bool,
}

#[derive(Clone, Debug)]
struct Event {
    number: u64,
    at: Duration,
    who: Who,
    text: String,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    You,
    App,
    Server,
}

impl Board {
    /// An empty board; `count` asks the server what it has counted, as long as there is one.
    pub(crate) fn new(scheme: Scheme, count: impl Fn() -> Option<Stats> + Send + Sync + 'static) -> Self {
        Self {
            scene: Arc::new(watch::Sender::new(Scene {
                app: AppView::default(),
                stats: Stats::default(),
                busy: None,
                told: None,
                performed: 0,
                scheme,
                playing: None,
                story: None,
                opening: 0,
                another: 0,
                hostile: 0,
                rendered: None,
                attempts: Vec::new(),
                events: VecDeque::new(),
                wire: Wire::default(),
                told_so_far: 0,
                started: Instant::now(),
            })),
            count: Arc::new(count),
        }
    }

    pub(crate) fn scene(&self) -> Scene {
        self.scene.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Scene> {
        self.scene.subscribe()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Scene)) {
        self.scene.send_modify(change);
    }

    pub(crate) fn event(&self, who: Who, text: impl Into<String>) {
        // What the server did before comes before.
        self.count();
        self.change(|scene| scene.add(who, text.into()));
    }

    /// Takes what went from one place to another.
    pub(crate) fn passed(&self, moment: Moment) {
        self.change(|scene| {
            let (number, at) = scene.next();
            scene.wire.add(number, at, moment);
        });
    }

    /// Takes what the app says of itself.
    pub(crate) fn app_says(&self, now: Snapshot) {
        self.scene.send_if_modified(|scene| {
            let news = scene.app.now != now;
            scene.app.ends = now
                .left_ms
                .and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
            scene.app.now = now;
            news
        });
    }

    /// Takes what the server has counted, and tells what is new in it.
    pub(crate) fn count(&self) {
        self.scene.send_if_modified(|scene| {
            let Some(stats) = (self.count)() else {
                return false;
            };
            let before = std::mem::replace(&mut scene.stats, stats);
            for text in news(scene.scheme, &before, &stats) {
                scene.add(Who::Server, text);
            }
            before != stats
        });
    }

    /// Waits until the scene is as wanted; false when it is not within the deadline.
    pub(crate) async fn until(&self, deadline: Duration, wanted: impl FnMut(&Scene) -> bool) -> bool {
        // The sender lives as long as `self`.
        matches!(timeout(deadline, self.watch().wait_for(wanted)).await, Ok(Ok(_)))
    }
}

impl Scene {
    fn add(&mut self, who: Who, text: String) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        let (number, at) = self.next();
        self.events.push_back(Event {
            number,
            at,
            who,
            text,
        });
    }

    fn next(&mut self) -> (u64, Duration) {
        self.told_so_far += 1;
        (self.told_so_far, self.started.elapsed())
    }

    /// Whether every connected page was told that the session is over.
    pub(crate) fn no_page_has_a_token(&self) -> bool {
        self.app.now.pages.iter().all(|page| page.generation.is_none())
    }

    /// The scene as the dashboard reads it. No token is in it: the launcher never has one.
    pub(crate) fn to_json(&self) -> Value {
        let app = &self.app;
        let left = app
            .ends
            .map(|ends| ends.saturating_duration_since(Instant::now()).as_millis());
        let pages: Vec<_> = app
            .now
            .pages
            .iter()
            .map(|page| json!({"origin": page.origin, "generation": page.generation}))
            .collect();
        let events: Vec<_> = self
            .events
            .iter()
            .map(|event| json!({"n": event.number, "ms": millis(event.at), "who": event.who, "text": event.text}))
            .collect();
        json!({
            "app": {
                "pid": app.pid,
                "runs": app.runs,
                "storage": app.storage.as_ref().map(|used| &used.words),
                "state": app.now.state,
                "reason": app.now.reason,
                "history": app.now.history,
                "account": app.now.account,
                "generation": app.now.generation,
                "left_ms": left.map(|left| u64::try_from(left).unwrap_or(u64::MAX)),
            },
            "pages": pages,
            "server": self.stats,
            "busy": self.busy,
            "told": self.told,
            "performed": self.performed,
            "scheme": described(self.scheme),
            "playing": self.playing,
            "story": self.story,
            "opening": self.opening,
            "another": self.another,
            "hostile": self.hostile,
            "rendered": self.rendered,
            "attempts": self.attempts,
            "events": events,
            "wire": self.wire.to_json(),
        })
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}

/// The scheme and its stories, as the dashboard shows them.
fn described(scheme: Scheme) -> Value {
    let shown = scheme::shown(scheme);
    let stories: Vec<_> = shown
        .stories
        .iter()
        .map(|story| json!({"name": story.name, "title": story.title, "about": story.about}))
        .collect();
    json!({
        "name": scheme.name(),
        "line": shown.line,
        "about": shown.about,
        "keeps": shown.keeps,
        "renewals": if scheme::exchanges(scheme) { "refresh token exchanges" } else { "access token renewals" },
        "repeats": scheme::repeats(scheme),
        "stories": stories,
    })
}

/// What the server did between two counts, for people.
fn news(scheme: Scheme, before: &Stats, after: &Stats) -> Vec<String> {
    let times = |count: u64| match count {
        1 => String::new(),
        count => format!(" ({count} times)"),
    };
    let counted = [
        (before.logins, after.logins, "signed ada in"),
        (
            before.api_rejected,
            after.api_rejected,
            "answered 401: the access token is past its end, or missing",
        ),
        (
            before.exchanges,
            after.exchanges,
            if scheme::exchanges(scheme) {
                "exchanged the refresh token for new tokens"
            } else {
                "gave a new access token"
            },
        ),
        (
            before.replays,
            after.replays,
            "gave the same successor once more: the first answer was lost",
        ),
        (before.api_ok, after.api_ok, "answered a call"),
        (
            before.reuse_detected,
            after.reuse_detected,
            "detected a reused refresh token",
        ),
        (before.revocations, after.revocations, "revoked the session"),
    ];
    counted
        .into_iter()
        .filter(|(before, after, _)| after > before)
        .map(|(before, after, text)| format!("{text}{}", times(after - before)))
        .collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_oldest_events_go_first() {
        let board = Board::new(scheme::USUAL, || None);
        for n in 0..MAX_EVENTS + 5 {
            board.event(Who::App, n.to_string());
        }
        let scene = board.scene().to_json();
        let events = scene["events"].as_array().unwrap();
        assert_eq!(
            (events.len(), &events[0]["text"]),
            (MAX_EVENTS, &Value::from("5"))
        );
    }

    #[test]
    fn what_the_server_counted_is_told_once_and_before_what_follows_from_it() {
        let exchanges = Arc::new(AtomicU64::new(0));
        let counter = exchanges.clone();
        let board = Board::new(scheme::USUAL, move || {
            let mut stats = Stats::default();
            stats.exchanges = counter.load(Ordering::Relaxed);
            Some(stats)
        });
        exchanges.store(2, Ordering::Relaxed);
        board.event(Who::App, "new access token");
        board.count();
        let scene = board.scene().to_json();
        let events = scene["events"].as_array().unwrap();
        assert_eq!(
            (events.len(), &events[0]["who"], &events[1]["who"]),
            (2, &Value::from("server"), &Value::from("app"))
        );
        assert!(events[0]["text"].as_str().unwrap().ends_with("(2 times)"));
        assert_eq!(scene["server"]["exchanges"], 2);
    }

    #[test]
    fn the_token_s_end_counts_down() {
        let board = Board::new(scheme::USUAL, || None);
        let now = Snapshot {
            left_ms: Some(60_000),
            ..Snapshot::default()
        };
        board.app_says(now);
        let left = board.scene().to_json()["app"]["left_ms"].as_u64().unwrap();
        assert!(left <= 60_000 && left > 0);
        board.app_says(Snapshot::default());
        assert_eq!(board.scene().to_json()["app"]["left_ms"], Value::Null);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_wish_or_the_deadline() {
        let board = Board::new(scheme::USUAL, || None);
        let second = board.clone();
        tokio::spawn(async move { second.change(|scene| scene.opening = 2) });
        assert!(
            board
                .until(Duration::from_secs(60), |scene| scene.opening == 2)
                .await
        );
        assert!(!board.until(Duration::ZERO, |scene| scene.opening == 3).await);
    }
}
