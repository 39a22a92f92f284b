//! The share of each target that a process has. Lambda runs many processes of many functions, and a limit in `targets.json`
//! is for all of them together; none of them sees the others.

/// How much of each target's limit and rate one process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many percent all processes of this function may use together, 1 to 100.
    percent: u32,
    /// How many of them there are at most, 1 to 1000.
    processes: u32,
}

/// Not two such numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not PERCENT/PROCESSES, from 1/1 to 100/1000")]
pub struct InvalidShare;

impl Share {
    /// All of it, for a process that is the only one.
    pub const ALL: Share = Share { percent: 100, processes: 1 };

    /// Reads `PERCENT/PROCESSES`: `70/10` are 70 % of each target, for ten processes together.
    ///
    /// # Errors
    /// When it is something else, or not within 1 to 100 and 1 to 1000.
    pub fn parse(text: &str) -> Result<Share, InvalidShare> {
        let (percent, processes) = text.split_once('/').ok_or(InvalidShare)?;
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<u32>().map_err(|_| InvalidShare),
            false => Err(InvalidShare),
        };
        let (percent, processes) = (number(percent)?, number(processes)?);
        match (1..=100).contains(&percent) && (1..=1000).contains(&processes) {
            true => Ok(Share { percent, processes }),
            false => Err(InvalidShare),
        }
    }

    /// How many of so many calls at once this process may make: rounded down, so that all together keep the limit, but
    /// one at least. So a limit that is lower than the number of processes is not kept.
    pub fn of_limit(self, limit: usize) -> usize {
        let (percent, processes) = (self.percent as usize, self.processes as usize);
        (limit.saturating_mul(percent) / (100 * processes)).max(1)
    }

    /// How many of so many calls a second this process may begin.
    pub fn of_rate(self, per_second: f64) -> f64 {
        per_second * f64::from(self.percent) / 100.0 / f64::from(self.processes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_within_their_limits_are_a_share() {
        for (text, percent, processes) in [("70/10", 70, 10), ("1/1", 1, 1), ("100/1000", 100, 1000)] {
            assert_eq!(Share::parse(text), Ok(Share { percent, processes }), "{text}");
        }
        assert_eq!(Share::parse("100/1"), Ok(Share::ALL));
        for text in [
            "", "/", "70", "70/", "/10", "0/10", "101/10", "70/0", "70/1001", "+7/10", "70/ 10", "70/10/1",
            "7e1/1",
        ] {
            assert_eq!(Share::parse(text), Err(InvalidShare), "{text}");
        }
    }

    #[test]
    fn all_processes_together_keep_a_limit_and_each_may_make_one_call() {
        let share = |text| Share::parse(text).unwrap();
        for (text, limit, of_it) in [
            ("100/1", 50, 50),
            ("70/10", 50, 3),
            ("70/10", 1000, 70),
            ("70/10", 28, 1),
            ("70/10", 29, 2),
            ("70/10", 1, 1),
            ("10/1", 50, 5),
            ("1/1000", 1, 1),
            ("100/1", usize::MAX, usize::MAX / 100),
        ] {
            assert_eq!(share(text).of_limit(limit), of_it, "{text} of {limit}");
        }
    }

    #[test]
    fn a_rate_is_divided_exactly() {
        let share = |text| Share::parse(text).unwrap();
        for (text, rate, of_it) in [("100/1", 5.0, 5.0), ("70/10", 5.0, 0.35), ("10/1", 0.001, 0.0001)] {
            let is = share(text).of_rate(rate);
            assert!((is - of_it).abs() < 1e-12, "{text} of {rate} is {is}");
        }
    }
}
