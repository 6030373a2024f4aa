//! What a failed part said of its failures, said once more at the end: a log of thousands of lines is read from there.

use crate::curtain::Curtain;
use crate::tally::Runner;

/// So many lines of one part are said again.
const MOST: usize = 80;
/// So many lines after one that tells of a failure belong to it.
const BELONG: usize = 8;
/// What runners print of a failure.
const TELLING: [&str; 10] = [
    "FAILED",
    "panicked at",
    "[ERROR]",
    "FAIL:",
    "✖",
    "✘",
    "not ok ",
    "error: ",
    "error[",
    "AssertionError",
];

/// The telling lines of what the terminal saw of a part, each with the few that follow it. What passing tests say is left
/// out: some of them panic on purpose, and would take the place of those that failed.
pub(crate) fn of(said: &str) -> String {
    let mut text = String::new();
    let (mut lines, mut owed) = (0, 0);
    // The other runners have nothing that this curtain hides.
    let mut curtain = Curtain::for_runner(Runner::Cargo);
    for line in said.lines().filter(|line| curtain.shows(line)) {
        if TELLING.iter().any(|word| line.contains(word)) {
            owed = BELONG + 1;
        }
        if owed == 0 {
            continue;
        }
        owed -= 1;
        lines += 1;
        if lines > MOST {
            return text + "  … (more in the log)\n";
        }
        text += &format!("  {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_with_what_follows_it_and_nothing_else_is() {
        let said = format!(
            "test one ... ok\nthread 'two' panicked at src/two.rs:3:\ntrace: DEBUG x\nleft: 1\n{}test three ... ok\n",
            "…\n".repeat(BELONG - 1)
        );
        let text = of(&said);
        assert!(text.starts_with("  thread 'two' panicked at src/two.rs:3:\n  left: 1\n"));
        assert!(!text.contains("ok") && !text.contains("trace"), "{text}");
    }

    #[test]
    fn a_test_that_panics_on_purpose_and_passes_is_not_said() {
        let passed = "thread 'one' panicked at src/one.rs:1:\n".repeat(2 * MOST);
        let said = format!(
            "successes:\n---- one stdout ----\n{passed}failures:\n---- two stdout ----\nthread 'two' panicked at src/two.rs:3:\n"
        );
        assert_eq!(of(&said), "  thread 'two' panicked at src/two.rs:3:\n");
    }

    #[test]
    fn a_flood_of_failures_is_cut() {
        assert_eq!(of(&"test x ... FAILED\n".repeat(500)).lines().count(), MOST + 1);
    }
}
