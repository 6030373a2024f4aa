//! The broadcast: events reach every listener in order, latest wins, and a slow or failing listener holds up
//! nobody else.
//!
//! A listener has a mailbox. Publishing puts the event into each mailbox and hands back the deliveries that are
//! due; the session runs them where host code may block. A mailbox is emptied by one delivery at a time, so a
//! listener never runs twice at once and never sees an older event after a newer one.

use std::collections::VecDeque;
use std::fmt;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::defence::{Defence, Defences};
use crate::state::SessionEvent;

/// Keeps a listener; dropping it ends the subscription. A call that is under way may still finish.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    _listener: Arc<Listener>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

/// The listeners of one session.
#[derive(Default)]
pub(crate) struct Publisher {
    defences: Defences,
    listeners: Mutex<Vec<Weak<Listener>>>,
}

/// Deliveries that are due: run each where blocking harms nobody.
#[must_use]
pub(crate) struct Deliveries(Vec<Arc<Listener>>);

struct Listener {
    defences: Defences,
    call: Box<dyn Fn(&SessionEvent) + Send + Sync>,
    mailbox: Mutex<Mailbox>,
}

#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<SessionEvent>,
    delivering: bool,
}

impl Publisher {
    pub(crate) fn new(defences: Defences) -> Self {
        Self {
            defences,
            ..Self::default()
        }
    }

    /// Puts the event into every mailbox. Calls no listener: it may be called with a mutex held.
    pub(crate) fn publish(&self, event: &SessionEvent) -> Deliveries {
        let mut due = Vec::new();
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| {
            let Some(listener) = listener.upgrade() else {
                return false;
            };
            if listener.offer(event.clone()) {
                due.push(listener);
            }
            true
        });
        Deliveries(due)
    }

    /// Adds a listener that first gets `current`.
    pub(crate) fn subscribe(
        &self,
        call: Box<dyn Fn(&SessionEvent) + Send + Sync>,
        current: impl IntoIterator<Item = SessionEvent>,
    ) -> (Subscription, Deliveries) {
        let waiting: VecDeque<_> = current.into_iter().collect();
        let due = !waiting.is_empty();
        let listener = Arc::new(Listener {
            defences: self.defences,
            call,
            mailbox: Mutex::new(Mailbox {
                waiting,
                delivering: due,
            }),
        });
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&listener));
        let deliveries = Deliveries(if due { vec![listener.clone()] } else { Vec::new() });
        (Subscription { _listener: listener }, deliveries)
    }
}

impl Deliveries {
    pub(crate) fn jobs(self) -> impl Iterator<Item = Box<dyn FnOnce() + Send>> {
        // The job holds the listener weakly: a dropped subscription ends even a delivery that waits to run.
        self.0
            .into_iter()
            .map(|listener| Arc::downgrade(&listener))
            .map(|listener| {
                Box::new(move || while listener.upgrade().is_some_and(|listener| listener.deliver_next()) {})
                    as _
            })
    }
}

impl Listener {
    /// Takes an event in; `true` when somebody has to start delivering.
    fn offer(&self, event: SessionEvent) -> bool {
        let mut mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.defences.stand(Defence::EventsInOrder) {
            mailbox.waiting.push_front(event);
            return !std::mem::replace(&mut mailbox.delivering, true);
        }
        let signed_out = matches!(&event, SessionEvent::StateChanged(state) if !state.is_active());
        mailbox.waiting.retain(|waiting| {
            let overtaken = discriminant(waiting) == discriminant(&event);
            let revived = signed_out && matches!(waiting, SessionEvent::AccessTokenChanged(_));
            !overtaken && !revived
        });
        mailbox.waiting.push_back(event);
        !std::mem::replace(&mut mailbox.delivering, true)
    }

    /// Delivers one event; `false` when the mailbox was empty.
    fn deliver_next(&self) -> bool {
        let next = {
            let mut mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
            let next = mailbox.waiting.pop_front();
            mailbox.delivering = next.is_some();
            next
        };
        let Some(event) = next else { return false };
        if !self.defences.stand(Defence::FailingListenerSkipped) {
            (self.call)(&event);
            return true;
        }
        if catch_unwind(AssertUnwindSafe(|| (self.call)(&event))).is_err() {
            tracing::warn!("a listener panicked and was skipped");
        }
        true
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::SessionState;
    use crate::time::BootTime;
    use crate::token::{AccessToken, Generation, Secret};

    fn token(number: u64) -> SessionEvent {
        let start = BootTime::from_start(std::time::Duration::ZERO);
        let life = std::time::Duration::from_secs(60);
        SessionEvent::AccessTokenChanged(AccessToken::new(
            Secret::new("t"),
            Generation::new(1, number),
            start,
            life,
        ))
    }

    fn state(state: SessionState) -> SessionEvent {
        SessionEvent::StateChanged(state)
    }

    fn run(deliveries: Deliveries) {
        deliveries.jobs().for_each(|job| job());
    }

    fn recorder(publisher: &Publisher) -> (Subscription, Arc<Mutex<Vec<SessionEvent>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let (subscription, first) = publisher.subscribe(
            Box::new(move |event| sink.lock().unwrap().push(event.clone())),
            [],
        );
        run(first);
        (subscription, seen)
    }

    #[test]
    fn events_that_wait_are_overtaken_by_newer_ones_of_their_kind() {
        let publisher = Publisher::default();
        let (_keep, seen) = recorder(&publisher);
        let first = publisher.publish(&token(1));
        let second = publisher.publish(&token(2));
        assert_eq!(second.0.len(), 0, "one delivery at a time");
        run(first);
        assert_eq!(*seen.lock().unwrap(), [token(2)]);
        run(publisher.publish(&token(3)));
        assert_eq!(*seen.lock().unwrap(), [token(2), token(3)]);
    }

    #[test]
    fn no_token_is_delivered_after_the_sign_out_that_overtook_it() {
        let publisher = Publisher::default();
        let (_keep, seen) = recorder(&publisher);
        let due = publisher.publish(&token(1));
        let _ = publisher.publish(&state(SessionState::SignedOut));
        run(due);
        assert_eq!(*seen.lock().unwrap(), [state(SessionState::SignedOut)]);
    }

    #[test]
    fn a_panicking_listener_is_skipped_and_the_others_are_served() {
        let publisher = Publisher::default();
        let (_bad, first) = publisher.subscribe(
            Box::new(|_| panic!("host code")),
            [state(SessionState::Restoring)],
        );
        run(first);
        let (_keep, seen) = recorder(&publisher);
        run(publisher.publish(&token(1)));
        run(publisher.publish(&token(2)));
        assert_eq!(*seen.lock().unwrap(), [token(1), token(2)]);
    }

    #[test]
    fn a_dropped_subscription_gets_nothing_more() {
        let publisher = Publisher::default();
        let (keep, seen) = recorder(&publisher);
        let due = publisher.publish(&token(1));
        drop(keep);
        let jobs: Vec<_> = due.jobs().collect();
        jobs.into_iter().for_each(|job| job());
        run(publisher.publish(&token(2)));
        assert!(seen.lock().unwrap().is_empty());
    }
}
