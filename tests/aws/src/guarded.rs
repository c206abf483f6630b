//! An emulator of a test's own that asks who may do what.

use crate::{Emulator, until};
use std::{env, net::TcpListener, process::Stdio, time::Duration};
use stepladder_tests::Folder;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// A ministack that looks at roles and their policies, which the one that all tests share doesn't. It ends with its owner.
///
/// It knows no `dynamodb:LeadingKeys`, and denies what is allowed under that condition: the functions of a whole stack don't
/// run there. Its root is the key `test`.
#[derive(Debug)]
pub struct Guarded {
    /// The shared one, but for where it is.
    pub emulator: Emulator,
    /// Killed when this is dropped.
    _process: Child,
    /// Where it may write.
    _folder: Folder,
}

impl Guarded {
    /// From the installation that the shared one runs from.
    pub async fn start(shared: &Emulator) -> Self {
        let folder = Folder::new("guarded");
        // Bound and dropped: nobody else gets this port in a moment.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = Command::new(shared.python.with_file_name("ministack"))
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AUTH", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until("an emulator that looks at policies answers", Duration::from_secs(60), async || {
            TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)
        })
        .await;
        let emulator = Emulator { endpoint, pid: None, ..shared.clone() };
        Self { emulator, _process: process, _folder: folder }
    }
}
