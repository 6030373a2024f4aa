//! The naive bridge: what an app without this library does. Every function here is a mistake that was really made somewhere.

use tokencast_webviews::View;

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
