//! A way to the emulator on which every connection can be cut, and which counts DynamoDB's calls.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Passes every connection on to the emulator while it is up. Ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    is_up: watch::Sender<bool>,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: BTreeMap<String, usize>,
    refused: usize,
}

/// What stands before the name of an operation, in lower case
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html>).
const TARGET: &[u8] = b"x-amz-target: dynamodb_20120810.";

impl Proxy {
    /// On a free port of this machine. `endpoint` is `http://host:port`.
    pub async fn start(endpoint: &str) -> Self {
        let target = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_up, state) = watch::channel(true);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let counts = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !*state.borrow() {
                    // Dropped unread: the client sees its connection closed before an answer.
                    counts.lock().unwrap().refused += 1;
                    continue;
                }
                tokio::spawn(pass(client, target.clone(), state.clone(), Arc::clone(&counts)));
            }
        });
        Self { address, is_up, seen, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all connections and takes no more.
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_up.send_replace(true);
    }

    /// How often each operation of DynamoDB was asked for.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().calls.clone()
    }

    /// How many connections were refused while it was cut.
    pub fn refused(&self) -> usize {
        self.seen.lock().unwrap().refused
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn pass(client: TcpStream, target: String, mut state: watch::Receiver<bool>, seen: Arc<Mutex<Seen>>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut counter = Counter::default();
    let there = copy(from_client, to_server, move |bytes| {
        for operation in counter.read(bytes) {
            *seen.lock().unwrap().calls.entry(operation).or_default() += 1;
        }
    });
    let back = copy(from_server, to_client, |_| ());
    // Whatever ends first takes both directions along: no call is left half open.
    tokio::select! {
        _ = there => (),
        _ = back => (),
        _ = state.wait_for(|is_up| !is_up) => (),
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut look: impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        look(&buffer[..count]);
        to.write_all(&buffer[..count]).await?;
    }
}

/// Finds the names of operations in what a client sends, also where one is split between two reads.
#[derive(Debug, Default)]
struct Counter {
    /// What may yet become a name.
    rest: Vec<u8>,
}

impl Counter {
    fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let lower = self.rest.to_ascii_lowercase();
        let mut names = Vec::new();
        let mut kept_from = lower.len().saturating_sub(TARGET.len() - 1);
        let mut at = 0;
        while let Some(found) = lower[at..].windows(TARGET.len()).position(|window| window == TARGET) {
            let begin = at + found + TARGET.len();
            match lower[begin..].iter().position(|byte| *byte == b'\r') {
                Some(length) => {
                    names.push(String::from_utf8_lossy(&self.rest[begin..begin + length]).into_owned());
                    at = begin + length;
                }
                None => {
                    kept_from = at + found;
                    break;
                }
            }
        }
        self.rest.drain(..kept_from.max(at).min(self.rest.len()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &str = "POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nhost: a\r\n\r\n{}\
                            POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.GetItem\r\n\r\n{}";

    #[test]
    fn operations_are_found_wherever_the_reads_are_split() {
        for split in 0..REQUESTS.len() {
            let (first, second) = REQUESTS.as_bytes().split_at(split);
            let mut counter = Counter::default();
            let names = [counter.read(first), counter.read(second)].concat();
            assert_eq!(names, ["PutItem", "GetItem"], "split at {split}");
        }
        let mut counter = Counter::default();
        let names: Vec<String> = REQUESTS.as_bytes().iter().flat_map(|byte| counter.read(&[*byte])).collect();
        assert_eq!(names, ["PutItem", "GetItem"]);
        assert!(counter.rest.len() < TARGET.len(), "what was read is not kept");
    }

    #[tokio::test]
    async fn a_cut_closes_what_is_open_and_a_mended_way_passes_again() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", server.local_addr().unwrap());
        // Answers with what it got.
        tokio::spawn(async move {
            loop {
                let (stream, _) = server.accept().await.unwrap();
                let (from, to) = stream.into_split();
                tokio::spawn(copy(from, to, |_| ()));
            }
        });
        let proxy = Proxy::start(&endpoint).await;
        let connect = async || TcpStream::connect(proxy.address).await.unwrap();
        let mut buffer = [0; 4];
        let mut open = connect().await;
        open.write_all(b"ping").await.unwrap();
        open.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"ping");
        proxy.cut();
        assert_eq!(open.read(&mut buffer).await.unwrap_or(0), 0, "the open one is closed");
        assert_eq!(connect().await.read(&mut buffer).await.unwrap_or(0), 0, "a new one too");
        assert_eq!(proxy.refused(), 1);
        proxy.mend();
        let mut again = connect().await;
        again.write_all(b"pong").await.unwrap();
        again.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }
}
