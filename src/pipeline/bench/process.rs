//! CPU time of this process's threads and children, from Linux's /proc (proc_pid_stat(5)).
//!
//! A thread that ends keeps what it was last seen with; elsewhere than on Linux nothing is found.
#![forbid(unsafe_code)]

use super::report::ThreadRow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Ticks per second of the times in /proc: USER_HZ, 100 on every architecture that this program is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What has been seen so far.
#[derive(Default)]
pub(super) struct CpuTimes {
    /// Ticks that each thread or child was last seen with.
    seen: HashMap<u32, u64>,
    names: HashMap<String, Total>,
}

#[derive(Default)]
struct Total {
    ticks: u64,
    threads: usize,
}

/// A thread or child at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Task {
    id: u32,
    name: String,
    ticks: u64,
}

impl CpuTimes {
    /// Begins now: what was used before does not count.
    pub(super) fn new() -> Self {
        let seen = tasks().into_iter().map(|task| (task.id, task.ticks)).collect();
        Self { seen, ..Self::default() }
    }

    /// Looks again; CPU seconds used since the last time.
    pub(super) fn update(&mut self) -> f64 {
        self.add(tasks())
    }

    fn add(&mut self, tasks: Vec<Task>) -> f64 {
        let mut used = 0;
        let mut counts: HashMap<String, usize> = HashMap::new();
        for Task { id, name, ticks } in tasks {
            let before = self.seen.insert(id, ticks).unwrap_or(0);
            // Fewer than before: another thread has got the number.
            let new = if ticks >= before { ticks - before } else { ticks };
            used += new;
            *counts.entry(name.clone()).or_default() += 1;
            self.names.entry(name).or_default().ticks += new;
        }
        for (name, count) in counts {
            let total = self.names.entry(name).or_default();
            total.threads = total.threads.max(count);
        }
        used as f64 / TICKS_PER_SECOND
    }

    /// Sums by name, most first.
    pub(super) fn rows(&self) -> Vec<ThreadRow> {
        let row = |(name, total): (&String, &Total)| ThreadRow {
            name: name.clone(),
            threads: total.threads,
            cpu_seconds: total.ticks as f64 / TICKS_PER_SECOND,
        };
        let mut rows: Vec<_> = self.names.iter().map(row).collect();
        rows.sort_by(|a, b| b.cpu_seconds.total_cmp(&a.cpu_seconds).then_with(|| a.name.cmp(&b.name)));
        rows
    }
}

/// All threads of this process, and its children as wholes.
fn tasks() -> Vec<Task> {
    let mut tasks = Vec::new();
    for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        tasks.extend(task(&entry.path()));
        // Absent where the kernel is built without it; children are then not seen.
        let children = fs::read_to_string(entry.path().join("children")).unwrap_or_default();
        let paths = children.split_whitespace().map(|id| Path::new("/proc").join(id));
        tasks.extend(paths.filter_map(|path| task(&path)));
    }
    tasks
}

fn task(folder: &Path) -> Option<Task> {
    parse(&fs::read_to_string(folder.join("stat")).ok()?)
}

/// A line such as `12 (a name) S 1 ...`: fields 14 and 15 are ticks in user and in kernel mode.
fn parse(stat: &str) -> Option<Task> {
    // The name may hold spaces and parentheses.
    let (head, rest) = stat.rsplit_once(") ")?;
    let (id, name) = head.split_once(" (")?;
    let mut times = rest.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(Task { id: id.parse().ok()?, name: name.to_owned(), ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: u32, name: &str, ticks: u64) -> Task {
        Task { id, name: name.to_owned(), ticks }
    }

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let line = "77 (a) (b c) S 1 77 77 0 -1 4194560 5 0 0 0 230 41 0 0 20 0 1 0 88 1 2";
        assert_eq!(parse(line), Some(named(77, "a) (b c", 271)));
        (0..line.len()).for_each(|cut| drop(parse(&line[..cut])));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn times_add_up_over_threads_that_come_and_go() {
        let mut times = CpuTimes { seen: HashMap::from([(1, 100)]), ..CpuTimes::default() };
        assert_eq!(times.add(vec![named(1, "lane", 150), named(2, "alpha", 30)]), 0.8);
        assert_eq!(times.add(vec![named(3, "alpha", 10), named(2, "alpha", 40)]), 0.2);
        assert_eq!(times.add(vec![named(2, "lane", 5)]), 0.05, "the number went to another thread");
        let rows = times.rows();
        let rows: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.threads, row.cpu_seconds)).collect();
        assert_eq!(rows, [("lane", 1, 0.55), ("alpha", 2, 0.5)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let mut times = CpuTimes::new();
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 200 {
            std::hint::black_box((0..10_000u64).sum::<u64>());
        }
        assert!(times.update() > 0.0);
        assert!(!times.rows().is_empty());
    }
}
