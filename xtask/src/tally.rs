//! How many tests ran, read from the closing lines of each test runner.

use std::ops::AddAssign;

/// Tests counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// A skipped test proves nothing, so it fails its part; counted apart to be told apart.
    pub(crate) skipped: usize,
}

impl Tally {
    pub(crate) const ONE_PASSED: Tally = Tally {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const ONE_FAILED: Tally = Tally {
        passed: 0,
        failed: 1,
        skipped: 0,
    };

    pub(crate) fn executed(self) -> usize {
        self.passed + self.failed
    }

    pub(crate) fn is_clean(self) -> bool {
        self.passed > 0 && self.failed == 0 && self.skipped == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// A program that runs tests and says at its end how they went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Cargo,
    Pytest,
    Maven,
    Swift,
    Node,
    /// A command without a count: it is one test, passed when it exits with zero.
    ExitCode,
}

/// Reads a runner's output line by line.
#[derive(Debug)]
pub(crate) struct Counter {
    runner: Runner,
    tally: Tally,
    /// Programs of tests that cargo calls failed, less those that counted their failed tests: the others broke.
    broken: isize,
}

impl Counter {
    pub(crate) fn new(runner: Runner) -> Counter {
        Counter {
            runner,
            tally: Tally::default(),
            broken: 0,
        }
    }

    pub(crate) fn read(&mut self, line: &str) {
        match self.runner {
            Runner::Cargo => {
                self.tally += cargo(line);
                let fails = ["error: test failed, ", "error: doctest failed, "];
                self.broken += isize::from(fails.iter().any(|start| line.starts_with(start)));
                self.broken -= isize::from(line.starts_with("test result: FAILED"));
            }
            Runner::Pytest => self.tally += pytest(line),
            Runner::Maven => self.tally += maven(line),
            Runner::Node => self.tally += node(line),
            Runner::Swift => self.swift(line),
            Runner::ExitCode => {}
        }
    }

    /// The count, given how the runner ended. A runner that failed without naming a failed test failed once: it did
    /// not compile, or it broke.
    pub(crate) fn finish(mut self, success: bool) -> Tally {
        self.tally.failed += usize::try_from(self.broken).unwrap_or(0);
        match (self.runner, success) {
            (Runner::ExitCode, true) => Tally::ONE_PASSED,
            (_, false) if self.tally.failed == 0 => Tally {
                failed: 1,
                ..self.tally
            },
            _ => self.tally,
        }
    }

    fn swift(&mut self, line: &str) {
        let line = line.trim_start();
        // XCTest: "Test Case 'Name.test' failed (0.1 seconds)" for each, where the sum below counts failed assertions.
        if line.starts_with("Test Case '") {
            self.tally.failed += usize::from(line.contains("' failed ("));
            self.tally.skipped += usize::from(line.contains("' skipped ("));
            self.tally.passed += usize::from(line.contains("' passed ("));
            return;
        }
        // Swift Testing: "✘ Test name() failed after …" for each, with a mark in front that is not always the same.
        let Some((_, rest)) = line.split_once(" Test ") else {
            return;
        };
        if rest.starts_with("run ") || rest.starts_with("Case ") {
            return;
        }
        self.tally.failed += usize::from(rest.contains(" failed after "));
        self.tally.skipped += usize::from(rest.ends_with(" skipped.") || rest.contains(" skipped: "));
        self.tally.passed += usize::from(rest.contains(" passed after "));
    }
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
fn cargo(line: &str) -> Tally {
    if !line.starts_with("test result: ") {
        return Tally::default();
    }
    Tally {
        passed: number_before(line, " passed").unwrap_or(0),
        failed: number_before(line, " failed").unwrap_or(0),
        skipped: number_before(line, " ignored").unwrap_or(0),
    }
}

/// `1 failed, 5 passed, 2 skipped in 0.12s`, with or without a frame of `=`.
fn pytest(line: &str) -> Tally {
    let line = line.trim_matches(['=', ' ']);
    let closes = line.rsplit_once(" in ").is_some_and(|(_, time)| {
        time.starts_with(|c: char| c.is_ascii_digit())
            && time.split_whitespace().next().is_some_and(|t| t.ends_with('s'))
    });
    if !closes || !line.starts_with(|c: char| c.is_ascii_digit()) {
        return Tally::default();
    }
    let of = |word| number_before(line, word).unwrap_or(0);
    Tally {
        passed: of(" passed"),
        failed: of(" failed") + of(" error"),
        skipped: of(" skipped") + of(" xfailed") + of(" xpassed") + of(" deselected"),
    }
}

/// Surefire's sum for a module, `[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0`; the lines for single
/// classes go on with the time.
fn maven(line: &str) -> Tally {
    let Some((level, counts)) = line.split_once("Tests run: ") else {
        return Tally::default();
    };
    if counts.contains("Time elapsed") || !(level.is_empty() || level.starts_with('[')) {
        return Tally::default();
    }
    let after = |name: &str| {
        counts
            .split_once(name)
            .and_then(|(_, rest)| leading_number(rest))
            .unwrap_or(0)
    };
    let run = leading_number(counts).unwrap_or(0);
    let failed = after("Failures: ") + after("Errors: ");
    let skipped = after("Skipped: ");
    Tally {
        passed: run.saturating_sub(failed + skipped),
        failed,
        skipped,
    }
}

/// `# pass 5` in TAP, `ℹ pass 5` for people.
fn node(line: &str) -> Tally {
    let Some(line) = line.strip_prefix("# ").or(line.strip_prefix("ℹ ")) else {
        return Tally::default();
    };
    let Some((word, count)) = line.split_once(' ') else {
        return Tally::default();
    };
    let Ok(count) = count.trim().parse() else {
        return Tally::default();
    };
    match word {
        "pass" => Tally {
            passed: count,
            ..Tally::default()
        },
        "fail" | "cancelled" => Tally {
            failed: count,
            ..Tally::default()
        },
        "skipped" | "todo" => Tally {
            skipped: count,
            ..Tally::default()
        },
        _ => Tally::default(),
    }
}

fn leading_number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn number_before(text: &str, word: &str) -> Option<usize> {
    let (before, _) = text.split_once(word)?;
    let start = before.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    before.get(start..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(runner: Runner, success: bool, output: &str) -> (usize, usize, usize) {
        let mut counter = Counter::new(runner);
        output.lines().for_each(|line| counter.read(line));
        let Tally {
            passed,
            failed,
            skipped,
        } = counter.finish(success);
        (passed, failed, skipped)
    }

    #[test]
    fn cargo_lines_of_all_test_binaries_are_added() {
        let output = "\
running 3 tests
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test it_prints ... a test result: ok. 9 passed; 0 failed; is only text here
   Doc-tests tokencast
test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s
";
        assert_eq!(count(Runner::Cargo, false, output), (4, 2, 1));
    }

    #[test]
    fn a_test_program_that_broke_counts_beside_one_that_counted() {
        let output = "\
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s
error: test failed, to rerun pass `-p tokencast --test architecture`
error: doctest failed, to rerun pass `-p tokencast --doc`
";
        assert_eq!(count(Runner::Cargo, false, output), (1, 3, 0));
    }

    #[test]
    fn pytest_closing_lines_are_read_framed_and_quiet() {
        assert_eq!(
            count(Runner::Pytest, true, "===== 5 passed in 0.12s ====="),
            (5, 0, 0)
        );
        assert_eq!(
            count(Runner::Pytest, true, "5 passed, 1 warning in 71.02s (0:01:11)"),
            (5, 0, 0)
        );
        assert_eq!(
            count(
                Runner::Pytest,
                false,
                "== 1 failed, 5 passed, 2 skipped, 1 error in 3.1s =="
            ),
            (5, 2, 2)
        );
        assert_eq!(count(Runner::Pytest, false, "no tests ran in 0.01s"), (0, 1, 0));
        assert_eq!(
            count(Runner::Pytest, true, "the server saw 3 passed in transit"),
            (0, 0, 0)
        );
    }

    #[test]
    fn maven_sums_modules_and_leaves_out_single_classes() {
        let output = "\
[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1.2 s -- in dev.tokencast.SignInTest
[INFO] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.2 s <<< FAILURE! -- in dev.tokencast.ErrorTest
[INFO] Results:
[ERROR] Tests run: 6, Failures: 1, Errors: 0, Skipped: 0
[INFO] Tests run: 3, Failures: 0, Errors: 1, Skipped: 1
";
        assert_eq!(count(Runner::Maven, false, output), (6, 2, 1));
    }

    #[test]
    fn xctest_is_counted_by_tests_and_not_by_suites_or_assertions() {
        let output = "\
Test Suite 'All tests' started at 2026-01-01 10:00:00.000
Test Case 'SignInTests.testGood' started at 2026-01-01 10:00:00.000
Test Case 'SignInTests.testGood' passed (0.001 seconds)
Test Case 'SignInTests.testBad' failed (0.0 seconds)
Test Case 'SignInTests.testLater' skipped (0.0 seconds)
Test Suite 'SignInTests' failed at 2026-01-01 10:00:00.100
\t Executed 3 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.1 (0.1) seconds
Test Suite 'All tests' failed at 2026-01-01 10:00:00.100
\t Executed 3 tests, with 1 test skipped and 2 failures (0 unexpected) in 0.1 (0.1) seconds
";
        assert_eq!(count(Runner::Swift, false, output), (1, 1, 1));
    }

    #[test]
    fn swift_testing_is_added_to_xctest() {
        let output = "\
Test Case 'SignInTests.testGood' passed (0.001 seconds)
◇ Test run started.
◇ Test signsIn() started.
✔ Test signsIn() passed after 0.1 seconds.
✘ Test later() skipped: \"x\"
✘ Test refreshes() recorded an issue at SignIn.swift:3:3: Expectation failed
✘ Test refreshes() failed after 0.1 seconds with 1 issue.
✘ Test run with 3 tests failed after 0.2 seconds with 1 issue.
";
        assert_eq!(count(Runner::Swift, false, output), (2, 1, 1));
    }

    #[test]
    fn node_is_read_as_tap_and_as_text_for_people() {
        assert_eq!(
            count(
                Runner::Node,
                true,
                "# tests 7\n# pass 7\n# fail 0\n# skipped 0\n# todo 0"
            ),
            (7, 0, 0)
        );
        assert_eq!(
            count(
                Runner::Node,
                false,
                "ℹ pass 4\nℹ fail 2\nℹ cancelled 1\nℹ skipped 1"
            ),
            (4, 3, 1)
        );
    }

    #[test]
    fn a_runner_that_breaks_without_naming_a_test_counts_as_one_failure() {
        assert_eq!(count(Runner::Cargo, false, "error: could not compile"), (0, 1, 0));
        assert_eq!(count(Runner::ExitCode, false, ""), (0, 1, 0));
        assert_eq!(count(Runner::ExitCode, true, ""), (1, 0, 0));
    }

    #[test]
    fn nothing_executed_is_not_clean_and_neither_is_a_skipped_test() {
        assert!(!Tally::default().is_clean());
        assert!(
            !Tally {
                passed: 3,
                failed: 0,
                skipped: 1
            }
            .is_clean()
        );
        assert!(Tally::ONE_PASSED.is_clean());
    }
}
