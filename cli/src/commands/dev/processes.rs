//! What this process and the functions' take of the machine, as Linux tells it. Elsewhere nothing is told.

use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Clock ticks in a second, as `/proc` counts them for programs: 100 wherever Rust runs on Linux
/// (`man 5 proc_pid_stat`, `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Peak {
    pub program: String,
    /// How many there were.
    pub processes: usize,
    /// The most memory that one of them has had at a time.
    pub peak_bytes: u64,
}

/// Watches this process and its children.
#[derive(Debug)]
pub(super) struct Processes {
    own: u32,
    ticks_before: Option<u64>,
    seen: BTreeMap<String, (BTreeSet<u32>, u64)>,
}

impl Processes {
    /// CPU time counts from now on.
    pub(super) fn watch() -> Self {
        let own = std::process::id();
        Self { own, ticks_before: ticks(own), seen: BTreeMap::new() }
    }

    /// Looks at those that are there. A peak is the process's own, so it is missed only of one that ends between two looks.
    pub(super) fn look(&mut self) {
        for pid in children(self.own).chain([self.own]) {
            let (Some(program), Some(bytes)) = (program(pid), peak_bytes(pid)) else { continue };
            let (pids, peak) = self.seen.entry(program).or_default();
            pids.insert(pid);
            *peak = bytes.max(*peak);
        }
    }

    /// By program, the largest first.
    pub(super) fn peaks(&self) -> Vec<Peak> {
        let peak = |(program, (pids, peak_bytes)): (&String, &(BTreeSet<u32>, u64))| Peak {
            program: program.clone(),
            processes: pids.len(),
            peak_bytes: *peak_bytes,
        };
        let mut peaks: Vec<Peak> = self.seen.iter().map(peak).collect();
        peaks.sort_by_key(|peak| std::cmp::Reverse(peak.peak_bytes));
        peaks
    }

    /// Seconds of CPU since the watch began, of all of them together, those that have ended included.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        let ticks = ticks(self.own)?.saturating_sub(self.ticks_before?);
        Some(ticks as f64 / TICKS_PER_SECOND)
    }
}

/// CPU ticks of a process and its children: those that it has waited for count as its own, the others are asked.
fn ticks(own: u32) -> Option<u64> {
    let sum = |fields: &[u64]| fields.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
    let waited = sum(&stat(own)?.ticks);
    let living = children(own).filter_map(stat).map(|stat| sum(&stat.ticks));
    Some(living.fold(waited, u64::saturating_add))
}

/// What is read of `/proc/<pid>/stat`.
struct Stat {
    parent: u32,
    /// utime, stime, cutime, cstime.
    ticks: [u64; 4],
}

fn stat(pid: u32) -> Option<Stat> {
    parsed(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The program's name stands in brackets and may hold anything: what follows the last bracket counts.
fn parsed(text: &str) -> Option<Stat> {
    let rest: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Field 3, the state, is the first of them.
    let field = |number: usize| rest.get(number - 3).and_then(|field| field.parse::<u64>().ok());
    let ticks = [field(14)?, field(15)?, field(16)?, field(17)?];
    Some(Stat { parent: u32::try_from(field(4)?).ok()?, ticks })
}

fn children(of: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(move |pid| stat(*pid).is_some_and(|stat| stat.parent == of))
}

fn program(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_string_lossy();
    // A program that was built anew meanwhile.
    Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
}

fn peak_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_no_field() {
        let text = "17 (a) b (c) S 4 17 17 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 1 0";
        let stat = parsed(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (4, [50, 60, 7, 8]));
        assert!(parsed("17 (a) S 4").is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_and_its_children_are_seen() {
        let mut processes = Processes::watch();
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        processes.look();
        drop(child.stdin.take());
        child.wait().unwrap();
        let peaks = processes.peaks();
        assert!(peaks.len() >= 2 && peaks.iter().all(|peak| peak.peak_bytes > 0), "{peaks:?}");
        assert!(processes.cpu_seconds().unwrap() < 3_600.0);
    }
}
