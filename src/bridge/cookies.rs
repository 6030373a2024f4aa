//! The access token as a cookie, for pages that a server renders: where it is written, and which requests wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::action::{Action, Cookie, Jar, Op, PageId};
use super::message::Stamp;
use super::origin::Origin;
use super::policy::CookieUse;
use super::waiting::MIN_TTL;
use super::{Demand, Standing, Step, Steps};
use crate::state::SessionState;
use crate::time::BootTime;
use crate::token::AccessToken;

/// How long a document request waits for its cookie; then it goes as it is.
pub(super) const HOLD: Duration = Duration::from_secs(5);
/// So many requests of one page may wait at once.
pub(super) const MAX_HELD: usize = 64;

/// The cookies of every attached page, and the requests that wait for them.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    last: u64,
    places: BTreeMap<Place, Shelf>,
    held: Vec<Held>,
}

/// Where one cookie is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    jar: Jar,
    origin: Origin,
    name: String,
}

#[derive(Debug)]
struct Shelf {
    /// The pages whose hosts can write there.
    pages: Vec<PageId>,
    holds: Content,
    writing: Option<Write>,
    /// What the platform did not take. Not tried again: the next token is.
    refused: Option<Content>,
    /// What the server did not take, although it has not ended: requests wait for another.
    rejected: Option<Stamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// Whatever an earlier run left.
    Unknown,
    Empty,
    Token(Stamp),
}

#[derive(Debug)]
struct Write {
    op: Op,
    page: PageId,
    content: Content,
    /// A write that hangs until then counts as refused.
    deadline: BootTime,
}

#[derive(Debug)]
struct Held {
    op: Op,
    page: PageId,
    /// Where the cookie has to stand before it goes; none for a page without cookies.
    places: Vec<Place>,
    deadline: BootTime,
    /// The session was asked for this page since: there is no better token to wait for.
    asked: bool,
}

impl Cookies {
    pub(super) fn attach(&mut self, page: PageId, cookie: &CookieUse, origins: impl Iterator<Item = Origin>) {
        for origin in origins {
            let shelf = self.places.entry(cookie.place(origin)).or_insert(Shelf {
                pages: Vec::new(),
                holds: Content::Unknown,
                writing: None,
                refused: None,
                rejected: None,
            });
            shelf.pages.push(page);
        }
    }

    /// The page is gone: what its host was to write is written by another, and its requests go.
    pub(super) fn detach(&mut self, page: PageId, steps: &mut Steps) {
        for shelf in self.places.values_mut() {
            shelf.pages.retain(|other| *other != page);
            if shelf.writing.take_if(|write| write.page == page).is_some() {
                shelf.holds = Content::Unknown;
            }
        }
        self.release(steps, |held| held.page == page);
    }

    /// Holds a document request or the showing of a page, unless it can go: its cookies are written and live, or will not be.
    pub(super) fn hold(
        &mut self,
        page: PageId,
        places: Vec<Place>,
        standing: &Standing,
        now: BootTime,
        steps: &mut Steps,
    ) -> Option<Op> {
        if lets_go(&self.places, &places, standing, now, false) {
            return None;
        }
        self.wait(page, places, now, steps)
    }

    /// Has something wait until its cookies are good, which they may be already. `None` when too much of this page waits.
    pub(super) fn wait(
        &mut self,
        page: PageId,
        places: Vec<Place>,
        now: BootTime,
        steps: &mut Steps,
    ) -> Option<Op> {
        let waiting = self.held.iter().filter(|held| held.page == page).count();
        if waiting >= MAX_HELD {
            return None;
        }
        let op = self.draw();
        let deadline = now + HOLD;
        self.held.push(Held {
            op,
            page,
            places,
            deadline,
            asked: false,
        });
        steps.push((page, Step::Act(Action::WakeAt { time: deadline })));
        Some(op)
    }

    /// The server did not take the token that a cookie holds. Of another token than the session's present one that says
    /// nothing: there is nothing to wait for then but its being written.
    pub(super) fn reject(&mut self, place: &Place, standing: &Standing) {
        if let Some(shelf) = self.places.get_mut(place)
            && shelf.holds == Content::Token(standing.stamp.clone())
        {
            shelf.rejected = Some(standing.stamp.clone());
        }
    }

    /// The pages whose requests wait for a token that lives, or for another one.
    pub(super) fn wanting(&self, standing: &Standing, now: BootTime) -> Vec<(PageId, Demand)> {
        if !standing.state.is_active() {
            return Vec::new();
        }
        let lives = token(standing, now).is_some_and(|token| token.serves(now, MIN_TTL));
        let waiting = self.held.iter().filter(|held| !held.asked);
        let wanting = waiting.filter_map(|held| {
            let mut shelves = held.places.iter().filter_map(|place| self.places.get(place));
            let demand = if shelves.any(|shelf| shelf.is_rejected(standing)) {
                let used = standing.stamp.generation;
                Demand::Rejected { used }
            } else if lives {
                return None;
            } else {
                Demand::Fresh { min_ttl: MIN_TTL }
            };
            Some((held.page, demand))
        });
        wanting.collect()
    }

    /// The session was asked for this page. When it could not help, its requests go as they are.
    pub(super) fn on_demand_done(&mut self, page: PageId, worked: bool, steps: &mut Steps) {
        if !worked {
            return self.release(steps, |held| held.page == page);
        }
        for held in self.held.iter_mut().filter(|held| held.page == page) {
            held.asked = true;
        }
    }

    /// The platform wrote, or could not.
    pub(super) fn on_done(&mut self, op: Op, ok: bool) {
        for shelf in self.places.values_mut() {
            if let Some(write) = shelf.writing.take_if(|write| write.op == op) {
                if ok {
                    shelf.holds = write.content;
                    shelf.refused = None;
                } else {
                    shelf.holds = Content::Unknown;
                    shelf.refused = Some(write.content);
                }
            }
        }
    }

    /// Writes what is to be written, one thing at a time in a place, and lets go who need not wait any longer.
    pub(super) fn keep(&mut self, standing: &Standing, now: BootTime, steps: &mut Steps) {
        let mut last = self.last;
        for (place, shelf) in &mut self.places {
            if let Some(write) = shelf.writing.take_if(|write| write.deadline <= now) {
                (shelf.holds, shelf.refused) = (Content::Unknown, Some(write.content));
            }
            let Some(content) = wanted(standing, now) else {
                continue;
            };
            let is_there = shelf.is_done_with(&content);
            let Some(page) = shelf.pages.first().copied() else {
                continue;
            };
            if is_there || shelf.writing.is_some() {
                continue;
            }
            last += 1;
            let op = Op(last);
            let (jar, origin, name) = (place.jar, place.origin.clone(), place.name.clone());
            let action = match (&content, token(standing, now)) {
                (Content::Token(_), Some(token)) => match Cookie::new(origin, name, token) {
                    Some(cookie) => Action::SetCookie { jar, op, cookie },
                    None => {
                        shelf.refused = Some(content);
                        continue;
                    }
                },
                _ => Action::DeleteCookie {
                    jar,
                    op,
                    origin,
                    name,
                },
            };
            let deadline = now + HOLD;
            shelf.writing = Some(Write {
                op,
                page,
                content,
                deadline,
            });
            steps.push((page, Step::Act(action)));
        }
        self.last = last;
        let places = std::mem::take(&mut self.places);
        self.release(steps, |held| {
            held.deadline <= now || lets_go(&places, &held.places, standing, now, held.asked)
        });
        self.places = places;
    }

    fn release(&mut self, steps: &mut Steps, which: impl Fn(&Held) -> bool) {
        self.held.retain(|held| {
            let goes = which(held);
            if goes {
                steps.push((held.page, Step::Act(Action::Release { op: held.op })));
            }
            !goes
        });
    }

    fn draw(&mut self) -> Op {
        self.last += 1;
        Op(self.last)
    }
}

impl Shelf {
    /// Whether this stands there, or the platform did not take it.
    fn is_done_with(&self, content: &Content) -> bool {
        self.holds == *content || self.refused.as_ref() == Some(content)
    }

    fn is_rejected(&self, standing: &Standing) -> bool {
        self.rejected.as_ref() == Some(&standing.stamp)
    }
}

/// Whether what waits for the cookies of these places can go. A place that no page keeps any longer is no reason to wait.
fn lets_go(
    shelves: &BTreeMap<Place, Shelf>,
    places: &[Place],
    standing: &Standing,
    now: BootTime,
    asked: bool,
) -> bool {
    let mut shelves = places.iter().filter_map(|place| shelves.get(place));
    let lives = match &standing.state {
        SessionState::Restoring => return false,
        SessionState::Active { .. } => {
            let fits = asked || !shelves.clone().any(|shelf| shelf.is_rejected(standing));
            fits && token(standing, now).is_some_and(|token| asked || token.serves(now, MIN_TTL))
        }
        _ => true,
    };
    // Whoever is signed out sees what the server shows to strangers: the old cookie goes first.
    let wanted = wanted(standing, now);
    lives && wanted.is_none_or(|content| shelves.all(|shelf| shelf.is_done_with(&content)))
}

impl CookieUse {
    pub(super) fn place(&self, origin: Origin) -> Place {
        Place {
            jar: self.jar,
            origin,
            name: self.name.clone(),
        }
    }
}

/// What a cookie should be; `None`: as it is.
fn wanted(standing: &Standing, now: BootTime) -> Option<Content> {
    match &standing.state {
        SessionState::Active { .. } => token(standing, now).map(|_| Content::Token(standing.stamp.clone())),
        SessionState::SignedOut | SessionState::SignInRequired { .. } => Some(Content::Empty),
        _ => None,
    }
}

fn token(standing: &Standing, now: BootTime) -> Option<&AccessToken> {
    let token = standing.token.as_ref().filter(|_| standing.state.is_active())?;
    let fits = token.generation() == standing.stamp.generation;
    (fits && !token.remaining(now).is_zero()).then_some(token)
}
