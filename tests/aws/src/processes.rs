//! The processes of functions that the emulator has started.

use rustix::process::{Pid, Signal, kill_process};
use std::{fs, path::Path};

/// A function's environment: a process that waits for invocations, or handles one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// The function's full name.
    pub function: String,
}

/// Those among the descendants of `ancestor`.
pub fn functions_under(ancestor: u32) -> Vec<Process> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut family = vec![ancestor];
    let mut at = 0;
    while let Some(of) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    family
        .into_iter()
        .filter(|pid| program(*pid).as_deref() == Some("bootstrap"))
        .filter_map(|pid| Some(Process { pid, function: variable(pid, "AWS_LAMBDA_FUNCTION_NAME")? }))
        .collect()
}

/// SIGKILL. False: it was gone already.
pub fn kill(process: &Process) -> bool {
    let pid = Pid::from_raw(i32::try_from(process.pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).is_ok()
}

/// The second field after the name in /proc/PID/stat. A zombie has no program any more, and is left out by that.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn program(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(Path::new(&path).file_name()?.to_str()?.to_owned())
}

fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let (its_name, value) = std::str::from_utf8(variable).ok()?.split_once('=')?;
        (its_name == name).then(|| value.to_owned())
    })
}
