//! The zips that `make build` made: what Lambda gets is what it can run, and one of arm64 answers a message.
//!
//! They need the zips, and the second one an emulated processor: `make test-build` builds and runs them. The other targets
//! leave them out, visibly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use object::{
    Endianness,
    elf::{self, FileHeader64},
    read::elf::{Dyn as _, FileHeader as _},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack};
use stepladder_engine::Status;
use stepladder_local::{EventSourceMapping, FunctionConfig, Server, ServerConfig};
use stepladder_protocol::{Protocol, RunId, StartRequest};
use stepladder_tests::{Folder, Programs, until};

/// Amazon Linux 2023, on which `provided.al2023` runs, has this one.
/// <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>
const GLIBC_MAX: (u32, u32) = (2, 34);
/// The libraries of glibc itself, and the one for unwinding: the runtime's image has them all.
const LIBRARIES: [&str; 9] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
];

/// Of the emulated function: qemu is some ten times as slow as a processor of its own.
const TIMEOUT_SECONDS: u32 = 30;

/// A zip that was built.
struct Built {
    architecture: &'static str,
    function: String,
    zip: PathBuf,
}

/// What a program asks of the machine that runs it.
struct Needs {
    machine: u16,
    libraries: Vec<String>,
    /// Such as `GLIBC_2.34`.
    versions: BTreeSet<String>,
}

fn built(architecture: &'static str) -> Vec<Built> {
    let folder = Programs::workspace().join("target").join(format!("lambda-{architecture}"));
    let functions = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let built = functions.filter_map(|path| {
        let zip = path.join("bootstrap.zip");
        let function = path.file_name()?.to_str()?.to_owned();
        zip.exists().then_some(Built { architecture, function, zip })
    });
    built.collect()
}

/// The program in a zip, which holds nothing else, and its permissions. Python reads zips on every machine that builds them.
fn bootstrap(zip: &Path) -> (Vec<u8>, u32) {
    const READ: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    [entry] = archive.infolist()
    print(entry.filename, entry.external_attr >> 16, file=sys.stderr)
    sys.stdout.buffer.write(archive.read(entry))
";
    let read = Command::new("python3").args(["-c", READ]).arg(zip).output().expect("python3 is installed");
    let told = String::from_utf8(read.stderr).unwrap();
    assert!(read.status.success(), "{}: {told}", zip.display());
    let (name, mode) = told.trim().split_once(' ').unwrap();
    assert_eq!(name, "bootstrap", "{}", zip.display());
    (read.stdout, mode.parse().unwrap())
}

fn needs(program: &[u8]) -> Needs {
    let header = FileHeader64::<Endianness>::parse(program).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, program).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();

    let (dynamic, strings) = sections.dynamic(endian, program).unwrap().expect("it is linked dynamically");
    let strings = sections.strings(endian, program, strings).unwrap();
    let needed = dynamic.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED);
    let libraries = needed.map(|entry| text(entry.string(endian, strings).unwrap())).collect();

    let mut versions = BTreeSet::new();
    let (mut needs, strings) =
        sections.gnu_verneed(endian, program).unwrap().expect("it says which versions it needs");
    let strings = sections.strings(endian, program, strings).unwrap();
    while let Some((_, mut of_one_library)) = needs.next().unwrap() {
        while let Some(version) = of_one_library.next().unwrap() {
            versions.insert(text(version.name(endian, strings).unwrap()));
        }
    }
    Needs { machine: header.e_machine(endian), libraries, versions }
}

#[test]
#[ignore = "needs the zips of `make build`: make test-build"]
fn a_bootstrap_runs_on_amazon_linux_2023() {
    let all: Vec<Built> = ["arm64", "x86_64"].into_iter().flat_map(built).collect();
    assert!(!all.is_empty(), "there is no zip: `make build` makes them");
    for Built { architecture, function, zip } in all {
        let (program, mode) = bootstrap(&zip);
        assert_eq!(mode & 0o111, 0o111, "{function}: Lambda has to execute it as another user");
        let Needs { machine, libraries, versions } = needs(&program);
        let expected = if architecture == "arm64" { elf::EM_AARCH64 } else { elf::EM_X86_64 };
        assert_eq!(machine, expected, "{function} was built for another machine than {architecture}");
        for library in libraries {
            assert!(LIBRARIES.contains(&library.as_str()), "{architecture} {function} needs {library}");
        }
        let of_glibc: Vec<&str> =
            versions.iter().filter_map(|version| version.strip_prefix("GLIBC_")).collect();
        assert!(!of_glibc.is_empty(), "{architecture} {function} needs {versions:?}");
        for version in of_glibc {
            let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
            let (major, minor) = (numbers.next().unwrap(), numbers.next().unwrap());
            assert!((major, minor) <= GLIBC_MAX, "{architecture} {function} needs GLIBC {version}");
        }
    }
}

/// Fails unless the check above would see a library that is too new: this machine's own programs are built for its glibc.
#[test]
fn what_a_program_needs_is_read_from_its_file() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let needs = needs(&program);
    assert!(needs.libraries.iter().any(|library| library == "libc.so.6"), "{:?}", needs.libraries);
    assert!(needs.versions.iter().any(|version| version.starts_with("GLIBC_2.")), "{:?}", needs.versions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the zips of `make build ARCH=arm64` and qemu-aarch64: make test-build"]
async fn an_arm64_bootstrap_answers_a_message() {
    let sysroot = Path::new("/usr/aarch64-linux-gnu");
    assert!(sysroot.exists(), "glibc for arm64 is missing: apt-get install libc6-arm64-cross");
    let all = built("arm64");
    let validate = all.iter().find(|built| built.function == "validate-order");
    let zip = &validate.expect("the zip of validate-order is missing: make build ARCH=arm64").zip;

    let folder = Folder::new("arm64");
    let program = folder.write("bootstrap", bootstrap(zip).0);
    let emulated = folder.write(
        "emulated",
        format!("#!/bin/sh\nexec qemu-aarch64 -L {} {} \"$@\"\n", sysroot.display(), program.display()),
    );
    for file in [&program, &emulated] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    let server = Server::start(ServerConfig::default()).await.unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&log);
    server.lambda().on_log(move |line| sink.lock().unwrap().push(line.text));
    let host = AwsHost::connect(Environment::local(&server.endpoint_url(), "arm64").unwrap()).await;
    let steps = vec![("validate-order".to_owned(), TIMEOUT_SECONDS)];
    create_stack(&host, &StackSpec { steps, system_timeout_seconds: TIMEOUT_SECONDS }).await.unwrap();
    let protocol = Protocol::new(host);
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:validate-order",
        "End": true,
    });
    let definition = json!({ "StartAt": "Validate", "States": { "Validate": task } }).to_string();
    protocol.publish("orders", &Definition::parse(&definition).unwrap()).await.unwrap();
    let env = [("STEPLADDER_STACK", "arm64"), ("STEPLADDER_ACCOUNT_ID", "000000000000")];
    let config = FunctionConfig {
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        timeout_ms: u64::from(TIMEOUT_SECONDS) * 1000,
        memory_mb: 256,
        ..FunctionConfig::new("arm64-validate-order", emulated)
    };
    server.lambda().register(config).unwrap();
    let mapping = EventSourceMapping::new("arm64-validate-order", "arm64-validate-order");
    server.lambda().map_queue(mapping).unwrap();

    let tell = || log.lock().unwrap().join("\n");
    for (name, quantity) in [("good", 2), ("bad", -1)] {
        let request =
            StartRequest { workflow: "orders".to_owned(), name: name.to_owned(), input: order(quantity) };
        protocol.start(request).await.unwrap();
    }
    let ended = async |name: &str| {
        let view = until(&format!("the end of {name}"), tell, async || {
            let view = protocol.view(&RunId::new("orders", name)).await.unwrap().unwrap();
            (view.item.status != Status::Running).then_some(view)
        })
        .await;
        // By its first message, and recorded once.
        let receives: Vec<u32> = view.records.iter().map(|record| record.receive_count).collect();
        assert_eq!(receives, [1], "{name}\n{}", tell());
        let ending = protocol.ending(&view.item).await.unwrap().unwrap();
        (view.item.status, ending)
    };
    let (status, ending) = ended("good").await;
    assert_eq!(status, Status::Succeeded, "{}", tell());
    assert_eq!(ending.output.unwrap()["order_id"], json!("ord-000001"));
    let (status, ending) = ended("bad").await;
    assert_eq!((status, ending.error.as_deref()), (Status::Failed, Some("InvalidOrder")), "{}", tell());
    server.shutdown().await;
}

fn order(quantity: i64) -> Value {
    json!({
        "order_id": "ord-000001",
        "placed_at": "2026-11-02T08:13:45Z",
        "currency": "EUR",
        "customer": { "name": "Zoë Krüger", "email": "zoe@example.com", "country": "DE" },
        "shipping": { "street": "Lange Straße 4", "postal_code": "04109", "city": "Leipzig" },
        "lines": [{ "sku": "MUG-BLUE-350", "quantity": quantity, "unit_price": 1290 }],
        "card": { "holder": "Zoë Krüger", "number": "4242 4242 4242 4242" },
        "total": 2580,
    })
}

/// A panic has to stay within its message; cargo-lambda takes `abort` unless the profile says otherwise.
#[test]
fn the_release_profile_unwinds() {
    let manifest = std::fs::read_to_string(Programs::workspace().join("Cargo.toml")).unwrap();
    let (_, profile) = manifest.split_once("[profile.release]").unwrap();
    let profile = profile.split("\n[").next().unwrap();
    assert!(profile.lines().any(|line| line.trim() == "panic = \"unwind\""), "{profile}");
}
