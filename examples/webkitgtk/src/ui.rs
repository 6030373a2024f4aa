use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use webkit6::glib::{BoolError, MainContext, MainLoop, bool_error};
use webkit6::gtk;

/// A thread for the user interface, for programs whose first thread does something else. There is one in a process;
/// it works as long as somebody holds a [`Running`].
#[derive(Clone)]
pub struct UiThread(Arc<Mutex<Work>>);

/// While one is held the user interface runs. Dropping the last one waits until it rests: at the end of a process it
/// must, for WebKit's globals are taken down then.
#[derive(Debug)]
pub struct Running(UiThread);

struct Work {
    held: u64,
    main_loop: MainLoop,
    start: mpsc::Sender<()>,
    rests: mpsc::Receiver<()>,
}

impl UiThread {
    /// Starts it and initialises GTK there. A second one in the same process is an error.
    pub fn start() -> Result<Self, BoolError> {
        let (ready, started) = mpsc::channel();
        let (start, starts) = mpsc::channel();
        let (rest, rests) = mpsc::channel();
        thread::spawn(move || {
            let main_loop = gtk::init().map(|()| MainLoop::new(None, false));
            if ready.send(main_loop.clone()).is_err() {
                return;
            }
            let Ok(main_loop) = main_loop else {
                return;
            };
            // Whoever waits for it is gone with the process.
            while starts.recv().is_ok() {
                main_loop.run();
                let _ = rest.send(());
            }
        });
        let main_loop = started
            .recv()
            .map_err(|_| bool_error!("the thread of the user interface ended"))??;
        let work = Work {
            held: 0,
            main_loop,
            start,
            rests,
        };
        Ok(Self(Arc::new(Mutex::new(work))))
    }

    /// Lets it run.
    pub fn run(&self) -> Running {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if work.held == 0 {
            let _ = work.start.send(()); // it waits for nothing else
        }
        work.held += 1;
        Running(self.clone())
    }
}

impl Running {
    /// Has the user interface do something, in the order of the calls.
    pub fn perform(&self, act: impl FnOnce() + Send + 'static) {
        // Owned by that thread since GTK was initialised: it is never done here instead.
        MainContext::default().invoke(act);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut work = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        work.held -= 1;
        if work.held == 0 {
            let main_loop = work.main_loop.clone();
            // From within: told from here, a loop that is about to begin would not hear it.
            MainContext::default().invoke(move || main_loop.quit());
            let _ = work.rests.recv();
        }
    }
}

impl fmt::Debug for UiThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UiThread").finish_non_exhaustive()
    }
}
