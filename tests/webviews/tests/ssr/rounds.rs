//! What a user does around the end of a token.

use std::time::Duration;

use crate::hosts::Host;
use crate::user::User;

/// A way to a document, begun on the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    Link,
    Back,
    Search,
    Note,
    Redirect,
}

pub(crate) const WAYS: [Way; 6] = [
    Way::Open,
    Way::Link,
    Way::Back,
    Way::Search,
    Way::Note,
    Way::Redirect,
];

/// How the token ends meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By every clock.
    Expiry,
    /// By the server alone: revoked, or its clock is ahead.
    Early,
    /// Far in the past, when the device wakes up.
    Sleep,
}

pub(crate) const ENDS: [End; 3] = [End::Expiry, End::Early, End::Sleep];

impl Way {
    /// Where it leads.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Open | Self::Link => "Next",
            Self::Back | Self::Note | Self::Redirect => "Home",
            Self::Search => "Search",
        }
    }

    /// Goes it, over the end of a token.
    pub(crate) async fn go<H: Host>(self, user: &User<H>, end: End, text: &str) {
        if self == Self::Back {
            user.taps("next").await;
            user.arrives("Next").await;
        }
        match end {
            End::Expiry => user.expire(),
            End::Early => user.expire_early(),
            End::Sleep => user.sleep(Duration::from_secs(9 * 60 * 60)),
        }
        match self {
            Self::Open => user.load("/app/next").await,
            Self::Link => user.taps("next").await,
            Self::Back => user.does("history.back()").await,
            Self::Search => user.searches(text).await,
            Self::Note => user.adds_note(text).await,
            Self::Redirect => user.taps("redirect").await,
        }
    }

    /// And to the first page again.
    pub(crate) async fn home<H: Host>(self, user: &User<H>) {
        if self.title() != "Home" {
            user.taps("home").await;
            user.arrives("Home").await;
        }
    }
}
