//! What the kernel says about this process's children.

/// Linux counts CPU time in ticks of 10 ms on all of its platforms.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU seconds that the children of this process have taken so far, those that still run, with their own ended children.
/// proc(5) names the fields.
pub(crate) fn cpu_seconds_of_children() -> f64 {
    let this = std::process::id().to_string();
    let stat_of_child = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name before it, in parentheses, may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Field 4 of the line is the parent; 14 to 17 are the ticks in user and in kernel mode, its
        // own and those of children that it waited for.
        (fields.get(1)? == &this).then(|| {
            fields
                .get(11..15)
                .unwrap_or_default()
                .iter()
                .filter_map(|ticks| ticks.parse::<f64>().ok())
                .sum::<f64>()
        })
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(stat_of_child).sum::<f64>() / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_childs_time_is_counted() {
        let before = cpu_seconds_of_children();
        let mut child = Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = [0; 4];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut told).unwrap();
        assert!(cpu_seconds_of_children() > before);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
