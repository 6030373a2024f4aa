use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PageHost;
use crate::bridge::Action;

/// What hosts have to do, delivered in the order in which it was put in, by one thread at a time and with no lock
/// held.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Arc<dyn PageHost>, Vec<Action>)>,
    delivering: bool,
}

impl Outbox {
    /// Adds an action. What one host has to do in a row is one call.
    pub(super) fn put(&self, host: &Arc<dyn PageHost>, action: Action) {
        let mut queue = self.queue();
        match queue.waiting.back_mut() {
            Some((last, actions)) if Arc::ptr_eq(last, host) => actions.push(action),
            _ => queue.waiting.push_back((host.clone(), vec![action])),
        }
    }

    /// Delivers what waits, unless somebody is at it already, who then delivers this too.
    pub(super) fn deliver(&self) {
        if std::mem::replace(&mut self.queue().delivering, true) {
            return;
        }
        loop {
            let next = {
                let mut queue = self.queue();
                let next = queue.waiting.pop_front();
                queue.delivering = next.is_some();
                next
            };
            let Some((host, actions)) = next else {
                return;
            };
            if catch_unwind(AssertUnwindSafe(|| host.perform(actions))).is_err() {
                tracing::warn!("a page host panicked and was skipped");
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::BootTime;

    fn wake(second: u64) -> Action {
        let time = BootTime::from_start(std::time::Duration::from_secs(second));
        Action::WakeAt { time }
    }

    /// Puts a further action in while it performs one.
    struct Reentrant {
        outbox: Arc<Outbox>,
        next: Arc<dyn PageHost>,
    }

    impl PageHost for Reentrant {
        fn perform(&self, actions: Vec<Action>) {
            for action in actions {
                self.outbox.put(&self.next, action);
                self.outbox.deliver();
            }
            assert!(
                !self.outbox.queue().waiting.is_empty(),
                "it is delivered after, not within"
            );
        }
    }

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Vec<Action>>>);

    impl PageHost for Recorder {
        fn perform(&self, actions: Vec<Action>) {
            self.0.lock().unwrap().push(actions);
        }
    }

    struct Panics;

    impl PageHost for Panics {
        fn perform(&self, _: Vec<Action>) {
            panic!("on purpose");
        }
    }

    #[test]
    fn actions_come_in_order_and_a_host_s_own_in_one_call() {
        let (outbox, recorder) = (Outbox::default(), Arc::new(Recorder::default()));
        let host: Arc<dyn PageHost> = recorder.clone();
        let other: Arc<dyn PageHost> = Arc::new(Recorder::default());
        outbox.put(&host, wake(1));
        outbox.put(&host, wake(2));
        outbox.put(&other, wake(3));
        outbox.put(&host, wake(4));
        outbox.deliver();
        assert_eq!(
            *recorder.0.lock().unwrap(),
            [vec![wake(1), wake(2)], vec![wake(4)]]
        );
    }

    #[test]
    fn a_host_that_calls_back_does_not_deliver_within_itself() {
        let (outbox, recorder) = (Arc::new(Outbox::default()), Arc::new(Recorder::default()));
        let host: Arc<dyn PageHost> = Arc::new(Reentrant {
            outbox: outbox.clone(),
            next: recorder.clone(),
        });
        outbox.put(&host, wake(1));
        outbox.deliver();
        assert_eq!(*recorder.0.lock().unwrap(), [vec![wake(1)]]);
    }

    #[test]
    fn a_panicking_host_is_skipped() {
        let (outbox, recorder) = (Outbox::default(), Arc::new(Recorder::default()));
        let panics: Arc<dyn PageHost> = Arc::new(Panics);
        let host: Arc<dyn PageHost> = recorder.clone();
        outbox.put(&panics, wake(1));
        outbox.put(&host, wake(2));
        outbox.deliver();
        assert_eq!(*recorder.0.lock().unwrap(), [vec![wake(2)]]);
    }
}
