use std::io::{self, Write};

use tokencast_backend::Scheme;

use crate::launcher::{Arrow, Counted};

/// What happened, for people, and how much of it was as it should be.
pub(super) struct Transcript<W> {
    out: W,
    steps: u32,
    passed: u32,
    failed: u32,
}

impl<W: Write> Transcript<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            steps: 0,
            passed: 0,
            failed: 0,
        }
    }

    /// Begins with another server.
    pub(super) fn scheme(&mut self, scheme: Scheme) -> io::Result<()> {
        writeln!(self.out, "\n== {scheme}")
    }

    /// Tells what went from one to another.
    pub(super) fn arrow(&mut self, arrow: &Arrow) -> io::Result<()> {
        let labels: Vec<_> = arrow.labels.iter().map(|label| label.text.as_str()).collect();
        let labels = labels.join(" ");
        let labels = if labels.is_empty() {
            labels
        } else {
            format!("  [{labels}]")
        };
        writeln!(
            self.out,
            "          {} -> {}: {}{labels}",
            arrow.from, arrow.to, arrow.text
        )
    }

    /// Tells something that is neither good nor bad.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "          {text}")
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) -> io::Result<()> {
        self.steps += 1;
        writeln!(self.out, "\n{:>2}  {title}", self.steps)?;
        self.out.flush()
    }

    /// Tells what the server counted during a step.
    pub(super) fn counted(&mut self, counted: &Counted) -> io::Result<()> {
        let Counted { before, after, .. } = counted;
        let exchanges = after.exchanges - before.exchanges;
        let mut others = Vec::new();
        let named = [
            ("sign-ins", before.logins, after.logins),
            ("calls answered", before.api_ok, after.api_ok),
            ("calls rejected", before.api_rejected, after.api_rejected),
            ("repetitions of an exchange", before.replays, after.replays),
            ("notes", before.notes, after.notes),
            ("revocations", before.revocations, after.revocations),
        ];
        for (name, before, after) in named {
            if after > before {
                others.push(format!(", {name}: {}", after - before));
            }
        }
        writeln!(
            self.out,
            "    the server counted: exchanges: {exchanges}{}",
            others.concat()
        )
    }

    /// Notes whether something is as it should be.
    pub(super) fn expect(&mut self, what: &str, is_so: bool) -> io::Result<()> {
        let mark = if is_so { "ok  " } else { "FAIL" };
        if is_so {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        writeln!(self.out, "    {mark}  {what}")
    }

    /// Notes that the script could not go on.
    pub(super) fn broke(&mut self, error: &anyhow::Error) -> io::Result<()> {
        self.failed += 1;
        writeln!(self.out, "    FAIL  {error:#}")
    }

    /// The last line; true when all is as it should be.
    pub(super) fn end(mut self) -> io::Result<bool> {
        writeln!(self.out, "\n{} passed, {} failed", self.passed, self.failed)?;
        self.out.flush()?;
        Ok(self.failed == 0)
    }
}

#[cfg(test)]
mod tests {
    use tokencast_backend::Stats;

    use super::*;

    #[test]
    fn one_failure_fails_the_whole() {
        let mut text = Vec::new();
        let mut transcript = Transcript::new(&mut text);
        transcript.step("a step").unwrap();
        transcript.expect("good", true).unwrap();
        transcript.expect("bad", false).unwrap();
        assert!(!transcript.end().unwrap());
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("ok    good") && text.contains("FAIL  bad"),
            "{text}"
        );
        assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
    }

    #[test]
    fn exchanges_are_told_also_when_there_were_none() {
        let mut text = Vec::new();
        let mut after = Stats::default();
        after.notes = 4;
        let counted = Counted {
            before: Stats::default(),
            after,
            pages_stayed: true,
        };
        Transcript::new(&mut text).counted(&counted).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "    the server counted: exchanges: 0, notes: 4\n"
        );
    }
}
