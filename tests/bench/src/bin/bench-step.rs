//! A step that does nothing but answer with its input. At the chain's end it tells the benchmark so.

use serde_json::Value;
use std::{convert::Infallible, net::UdpSocket, sync::OnceLock};
use stepladder::Step;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(echo).await
}

async fn echo(input: Value, step: Step) -> Result<Value, Infallible> {
    if step.state() == "Last" {
        tell(step.run_name());
    }
    Ok(input)
}

/// A datagram on the loopback: cheaper than whatever it measures.
fn tell(run: &str) {
    static SOCKET: OnceLock<Option<(UdpSocket, String)>> = OnceLock::new();
    let socket = SOCKET.get_or_init(|| {
        let to = std::env::var("BENCH_TELL").ok()?;
        Some((UdpSocket::bind("127.0.0.1:0").ok()?, to))
    });
    if let Some((socket, to)) = socket {
        // A lost datagram is noticed by the benchmark, which looks at all runs in the end.
        let _ = socket.send_to(run.as_bytes(), to);
    }
}
