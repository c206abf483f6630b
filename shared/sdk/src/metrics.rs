//! Counts, written to stdout between the log lines, where the stack asks for them.

use std::io::{self, Write};
use stepladder_aws::EmfMetrics;
use stepladder_protocol::{Clock, Host, Protocol};

/// Writes what a process has counted.
pub(crate) struct Reporter {
    emf: Option<EmfMetrics>,
}

impl Reporter {
    /// `stack` where counts are asked for.
    pub(crate) fn new(stack: Option<&str>) -> Self {
        Self { emf: stack.map(EmfMetrics::new) }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.emf.is_some()
    }

    /// After an invocation: the first after a minute, however late that is, and what is urgent at once. Before its answer, for Lambda may freeze the process
    /// after that.
    pub(crate) fn report<H: Host>(&self, protocol: &Protocol<H>) {
        self.write(
            self.emf.as_ref().and_then(|emf| emf.line(protocol.metrics(), protocol.host().clock().now_ms())),
        );
    }

    /// Before the process ends.
    pub(crate) fn report_last<H: Host>(&self, protocol: &Protocol<H>) {
        let now_ms = protocol.host().clock().now_ms();
        self.write(self.emf.as_ref().and_then(|emf| emf.last_line(protocol.metrics(), now_ms)));
    }

    fn write(&self, line: Option<String>) {
        // A log that is closed leaves nobody to tell.
        let _ = line.map(|line| writeln!(io::stdout().lock(), "{line}"));
    }
}
