use std::sync::mpsc;
use std::thread;

use webkit6::glib::{BoolError, MainContext, MainLoop};
use webkit6::gtk;

/// A thread for the user interface, for programs whose first thread does something else. There is one in a process,
/// and it stays.
#[derive(Clone, Copy, Debug)]
pub struct UiThread(());

impl UiThread {
    /// Starts it and initialises GTK there. A second one in the same process is an error.
    pub fn start() -> Result<Self, BoolError> {
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            let outcome = gtk::init();
            let goes_on = outcome.is_ok();
            if ready.send(outcome).is_ok() && goes_on {
                MainLoop::new(None, false).run();
            }
        });
        let ended = || {
            Err(webkit6::glib::bool_error!(
                "the thread of the user interface ended"
            ))
        };
        started.recv().unwrap_or_else(|_| ended()).map(|()| Self(()))
    }

    /// Has that thread do something, in the order of the calls.
    pub fn perform(self, act: impl FnOnce() + Send + 'static) {
        // Ours since GTK was initialised: it is never done here instead.
        MainContext::default().invoke(act);
    }
}
