//! How a run went, in a few lines: what came of all of it, also of what was sent before an interruption.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::journal::Run;

/// The most imports that are named.
const MAX_NAMED: usize = 20;

/// What is said at the end.
pub(super) struct Summary<'a> {
    pub(super) run: &'a Run,
    /// The imports of which something failed.
    pub(super) imports: Vec<String>,
    /// How long this time took.
    pub(super) took: Duration,
    /// Where what failed was written to.
    pub(super) files: &'a [PathBuf],
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { parts, batches, pending, failed, .. } = *self.run;
        let done = parts - pending - failed;
        let (all, batches) = (count(parts, "part", "parts"), count(batches, "batch", "batches"));
        writeln!(f, "Sent     {all} in {batches}, {:.1} s", self.took.as_secs_f64())?;
        writeln!(f, "Updated  {}", grouped(done))?;
        writeln!(f, "Failed   {}", grouped(failed))?;
        write!(f, "Pending  {}", grouped(pending))?;
        if pending > 0 {
            write!(f, " (accepted; the log of an import tells when they are delivered)")?;
        }
        for import in self.imports.iter().take(MAX_NAMED) {
            write!(f, "\nImport with failures  {import}")?;
        }
        if self.imports.len() > MAX_NAMED {
            write!(f, "\nand {} more, each named with what failed", self.imports.len() - MAX_NAMED)?;
        }
        for file in self.files {
            write!(f, "\nWhat failed, and why  {}", file.display())?;
        }
        Ok(())
    }
}

/// A number with what is counted.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { more })
}

/// A number with a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(
            (count(1, "part", "parts"), count(1_000, "part", "parts")),
            ("1 part".into(), "1,000 parts".into())
        );
    }
}
