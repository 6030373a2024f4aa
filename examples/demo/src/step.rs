//! What can be done to the app and its pages: a button of the dashboard, or a line of the check.

use serde::{Deserialize, Serialize};

/// One step of the demo's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    SignIn,
    /// Every page reads `/api/me`.
    CallApi,
    /// Every page posts a note: a call that must not be carried out twice.
    AddNotes,
    /// The clocks of the app and the server pass the token's end; the pages do not know.
    Expire,
    /// The app is killed (SIGKILL) and started again.
    Kill,
    /// The same, while the server holds the answer of an exchange it has already made.
    KillMidRefresh,
    /// One more page of the app is opened, or opened anew.
    AnotherPage,
    /// The token expires, and a page is opened that the server renders: no script in it could ask for a token.
    RenderedPage,
    /// A page that is none of the app's is opened, and tries what it can.
    HostilePage,
    SignOut,
}

/// What a page is asked to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// `GET /api/me`
    Me,
    /// `POST /api/notes`
    Note,
    /// A script of the page looks for the session: in its cookies, in its storage, and by `POST /auth/refresh`.
    Look,
}

impl Step {
    /// What the event list and the transcript call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::SignIn => "sign in",
            Self::CallApi => "all pages call the API",
            Self::AddNotes => "all pages add a note",
            Self::Expire => "let the token expire",
            Self::Kill => "kill the app and restart it",
            Self::KillMidRefresh => "kill the app in the middle of a refresh",
            Self::AnotherPage => "open another page",
            Self::RenderedPage => "open a page that the server renders, as the token expires",
            Self::HostilePage => "open a hostile page",
            Self::SignOut => "sign out",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dashboard's buttons name their steps in `data-step`.
    #[test]
    fn every_button_of_the_dashboard_is_a_step_and_every_step_has_its_button() {
        let page = include_str!("../assets/dashboard.html");
        let named: Vec<Step> = page
            .split("data-step=\"")
            .skip(1)
            .map(|rest| {
                let name = rest.split('"').next().unwrap();
                serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("{name} is no step"))
            })
            .collect();
        for step in [
            Step::SignIn,
            Step::CallApi,
            Step::AddNotes,
            Step::Expire,
            Step::Kill,
            Step::KillMidRefresh,
            Step::AnotherPage,
            Step::RenderedPage,
            Step::HostilePage,
            Step::SignOut,
        ] {
            assert_eq!(named.iter().filter(|name| **name == step).count(), 1, "{step:?}");
        }
    }
}
