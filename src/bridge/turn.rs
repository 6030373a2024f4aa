use std::time::Duration;

use super::action::{Action, PageId, Payload, Slot};
use super::answer::{self, ErrCode};
use super::message::MessageId;
use super::{Standing, Step};
use crate::time::BootTime;
use crate::token::AccessToken;

/// One call of the bridge: how the session stands, what time it is, and what is to be done.
pub(super) struct Turn<'a> {
    pub(super) page: PageId,
    pub(super) standing: &'a Standing,
    pub(super) now: BootTime,
    steps: &'a mut Vec<(PageId, Step)>,
}

/// A message to be answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) slot: Slot,
    pub(super) id: Option<MessageId>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        page: PageId,
        standing: &'a Standing,
        now: BootTime,
        steps: &'a mut Vec<(PageId, Step)>,
    ) -> Self {
        Self {
            page,
            standing,
            now,
            steps,
        }
    }

    /// The token that can be given away now.
    pub(super) fn token(&self) -> Option<&'a AccessToken> {
        let token = self
            .standing
            .token
            .as_ref()
            .filter(|_| self.standing.state.is_active())?;
        // What names another generation than the session does is not the token of this state.
        let fits = token.generation() == self.standing.stamp.generation;
        (fits && !token.remaining(self.now).is_zero()).then_some(token)
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push((self.page, step));
    }

    pub(super) fn act(&mut self, action: Action) {
        self.push(Step::Act(action));
    }

    pub(super) fn reply(&mut self, slot: Slot, payload: Payload) {
        self.act(Action::Reply { slot, payload });
    }

    pub(super) fn refuse(&mut self, asked: &Asked, code: ErrCode, retry: Option<Duration>) {
        self.reply(asked.slot, answer::err(asked.id.as_ref(), code, retry));
    }
}
