//! The naive bridge: what an app without this library does. Every function here is a mistake that was really made somewhere.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokencast_testkit::{Rig, http};
use tokencast_webviews::View;
use tokio::sync::mpsc;

use crate::engine::Engine;

/// Evaluates a script with the token in it in a view, whatever it shows by then.
pub async fn inject(view: &impl View, token: &str) {
    let _ = view.run(&format!("window.onToken('{token}')")).await;
}

/// Looks at the view's address first; says whether it looked good.
pub async fn looks_trusted<E: Engine>(engine: &E, view: &E::View, trusted: &str) -> bool {
    engine.shown(view).await.starts_with(trusted)
}

/// The same with a test for a part: `/https:\/\/app/` without an anchor.
pub async fn mentions_trusted<E: Engine>(engine: &E, view: &E::View, trusted: &str) -> bool {
    engine.shown(view).await.contains(trusted)
}

/// Answers whoever asks.
pub async fn answer_everyone<E: Engine>(engine: &E, view: &E::View, token: &str) {
    let token = token.to_owned();
    engine.hear_everyone(view, move |_| Some(token.clone())).await;
}

/// Answers whoever says that he is of the app.
pub async fn answer_who_says<E: Engine>(engine: &E, view: &E::View, trusted: &str, token: &str) {
    let (trusted, token) = (trusted.to_owned(), token.to_owned());
    let answer = move |said: &str| said.starts_with(&trusted).then(|| token.clone());
    engine.hear_everyone(view, answer).await;
}

/// Signs in by itself and refreshes once for each message that it gets, from whomever.
pub async fn refresh_for_everyone<E: Engine>(engine: &E, view: &E::View, rig: &Rig) {
    let (asked, mut queue) = mpsc::unbounded_channel();
    let mut session = Session::sign_in(rig).await;
    tokio::spawn(async move {
        while queue.recv().await.is_some() {
            session.refresh().await;
        }
    });
    engine
        .hear_everyone(view, move |_| {
            let _ = asked.send(());
            None
        })
        .await;
}

/// Keeps what pages say, for whatever it may be good.
pub async fn keep_everything<E: Engine>(engine: &E, view: &E::View) -> Arc<Mutex<Vec<String>>> {
    let kept = Arc::<Mutex<Vec<String>>>::default();
    let shelf = kept.clone();
    engine
        .hear_everyone(view, move |said| {
            shelf.lock().unwrap().push(said.to_owned());
            None
        })
        .await;
    kept
}

/// A session that is a pair of tokens in memory: no lock, no intent, no key.
#[derive(Clone)]
pub struct Session {
    server: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl Session {
    pub async fn sign_in(rig: &Rig) -> Self {
        let mut session = Self {
            server: rig.server.url().to_owned(),
            access_token: String::new(),
            refresh_token: String::new(),
        };
        let served = session
            .ask("/auth/login", "username=ada&password=lovelace".into())
            .await;
        assert!(served, "the demo user signs in");
        session
    }

    /// Whether the server took the refresh token.
    pub async fn refresh(&mut self) -> bool {
        self.ask(
            "/auth/refresh",
            format!("grant_type=refresh_token&refresh_token={}", self.refresh_token),
        )
        .await
    }

    async fn ask(&mut self, path: &str, body: String) -> bool {
        let call = http()
            .post(format!("{}{path}", self.server))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = call.send().await.unwrap();
        if !answer.status().is_success() {
            return false;
        }
        let pair: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        self.access_token = pair["access_token"].as_str().unwrap().to_owned();
        self.refresh_token = pair["refresh_token"].as_str().unwrap().to_owned();
        true
    }
}

/// Takes whatever pair a page brings for its own.
pub async fn take_any_pair<E: Engine>(engine: &E, view: &E::View) -> Arc<Mutex<String>> {
    let pair = Arc::<Mutex<String>>::default();
    let shelf = pair.clone();
    engine
        .hear_everyone(view, move |said| {
            said.clone_into(&mut shelf.lock().unwrap());
            None
        })
        .await;
    pair
}

/// A refresh token that is lent to pages, without an end and without a key.
pub struct Lending(Arc<Mutex<(Session, bool)>>);

impl Lending {
    pub async fn new(rig: &Rig) -> Self {
        Self(Arc::new(Mutex::new((Session::sign_in(rig).await, false))))
    }

    /// Lends it to the first who asks, whoever that is.
    pub async fn to_everyone<E: Engine>(&self, engine: &E, view: &E::View) {
        let shelf = self.0.clone();
        let lend = move |_: &str| {
            let mut shelf = shelf.lock().unwrap();
            let is_out = std::mem::replace(&mut shelf.1, true);
            (!is_out).then(|| shelf.0.refresh_token.clone())
        };
        engine.hear_everyone(view, lend).await;
    }

    /// Whether somebody has it: the others wait for him.
    pub fn is_out(&self) -> bool {
        self.0.lock().unwrap().1
    }

    /// What the app has when nobody brought anything back: the token that it lent.
    pub fn taken_back(&self) -> Session {
        self.0.lock().unwrap().0.clone()
    }
}
