//! How busy the machine is, as Linux counts it.

use std::fs::read_to_string;

/// What the machine's processors have done since it started, in ticks of the system's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processors {
    /// All processors' time.
    all: u64,
    idle: u64,
    /// What this process used.
    own: u64,
}

/// What part of all processors' time was used between two looks, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Used {
    pub(super) by_all: f64,
    pub(super) by_this_process: f64,
}

impl Processors {
    /// `None` where the system does not say.
    pub(super) fn look() -> Option<Self> {
        Self::of(&read_to_string("/proc/stat").ok()?, &read_to_string("/proc/self/stat").ok()?)
    }

    /// Reads `/proc/stat` and `/proc/self/stat`, proc(5).
    fn of(machine: &str, process: &str) -> Option<Self> {
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user.
        let times = machine.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().take(8);
        let times = times.map(|time| time.parse().ok()).collect::<Option<Vec<u64>>>()?;
        // After the name, which may hold anything, in parentheses: the state is field 3, utime and stime are 14 and 15.
        let fields = process.rsplit_once(')')?.1.split_ascii_whitespace();
        let own = fields.skip(11).take(2).map(|time| time.parse::<u64>().ok()).collect::<Option<Vec<u64>>>()?;
        let idle = times.get(3)? + times.get(4)?;
        Some(Self { all: times.iter().sum(), idle, own: own.iter().sum() })
    }

    /// What was used since `before`; `None` if no time has passed.
    pub(super) fn used_since(&self, before: &Self) -> Option<Used> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)? as f64;
        let busy = all - self.idle.saturating_sub(before.idle) as f64;
        let own = self.own.saturating_sub(before.own) as f64;
        Some(Used { by_all: (busy / all).clamp(0.0, 1.0), by_this_process: (own / all).clamp(0.0, 1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let process = |user: u64, system: u64| {
            format!("7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 {user} {system} 0 0 20 0 1 0 55 1 2 3")
        };
        let before = Processors::of("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 1", &process(5, 5)).unwrap();
        let after = Processors::of("cpu  60 0 40 80 10 5 5 0 40 0\ncpu0 1 1", &process(15, 10)).unwrap();
        assert_eq!(after.used_since(&before), Some(Used { by_all: 0.9, by_this_process: 0.15 }));
        assert_eq!(before.used_since(&before), None);
        assert!(Processors::of("intr 5", &process(1, 1)).is_none());
    }
}
