//! Which lines of a runner are for the terminal.

use crate::tally::Runner;

/// What `tests/support` puts before everything that any crate says.
const TRACE: &str = "trace: ";

/// Cargo's tests are run with `--show-output`, so that what they say can be searched. What those that pass say, and
/// the trace of all, is kept and not shown.
#[derive(Debug)]
pub(crate) struct Curtain {
    cargo: bool,
    down: bool,
}

impl Curtain {
    pub(crate) fn for_runner(runner: Runner) -> Curtain {
        Curtain {
            cargo: runner == Runner::Cargo,
            down: false,
        }
    }

    pub(crate) fn shows(&mut self, line: &str) -> bool {
        if !self.cargo {
            return true;
        }
        if line == "successes:" {
            self.down = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.down = false;
        }
        !self.down && !line.starts_with(TRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
test a_test ... ok
trace: from a thread of its own

successes:

---- a_test stdout ----
trace: DEBUG something
words of a test that passes

successes:
    a_test

failures:

---- another stdout ----
trace: DEBUG something
words of a test that fails

failures:
    another

test result: FAILED. 1 passed; 1 failed";

    #[test]
    fn what_passing_tests_say_and_every_trace_stays_behind_it() {
        let mut curtain = Curtain::for_runner(Runner::Cargo);
        let shown: Vec<_> = OUTPUT.lines().filter(|line| curtain.shows(line)).collect();
        let shown = shown.join("\n");
        assert!(shown.contains("words of a test that fails") && shown.contains("    another"));
        assert!(
            !shown.contains("that passes") && !shown.contains("trace:"),
            "{shown}"
        );
        assert!(shown.starts_with("test a_test") && shown.ends_with("1 failed"));
    }

    #[test]
    fn other_runners_are_shown_as_they_are() {
        let mut curtain = Curtain::for_runner(Runner::Node);
        assert!(OUTPUT.lines().all(|line| curtain.shows(line)));
    }
}
