//! The programs that tests start and that belong to other packages: the system's functions, the order steps, and the
//! command line.

use std::{
    env,
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Those programs, built from the present sources with the profile of the test itself.
#[derive(Debug)]
pub struct Programs {
    folder: PathBuf,
}

/// What `stepladder dev` builds together too: another set would unite features in another way, and build the AWS SDK anew.
const PACKAGES: [&str; 7] = [
    "stepladder-system",
    "data-import",
    "data-pipeline",
    "order-processing",
    "employee-onboarding",
    "user-registration",
    "stepladder-cli",
];

impl Programs {
    /// Builds them, once in a process and once in a run of nextest, which starts a process for each test.
    pub fn built() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let executable = env::current_exe().unwrap();
            // target/<profile>/deps/<test>
            let folder = executable.ancestors().nth(2).unwrap().to_owned();
            let programs = Programs { folder };
            programs.build_once();
            programs
        })
    }

    /// Where a program lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// The profile, as cargo and `stepladder dev` name it.
    pub fn profile(&self) -> &str {
        match self.folder.file_name().and_then(|name| name.to_str()).unwrap() {
            "debug" => "dev",
            other => other,
        }
    }

    /// The workspace's root.
    pub fn workspace() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    /// `stepladder`, in an environment that holds nothing of the machine's but what cargo needs.
    pub fn stepladder(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.path("stepladder"));
        command.env_clear().env("LANG", "C.UTF-8").stdin(Stdio::null()).kill_on_drop(true);
        for name in
            ["PATH", "HOME", "CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
        {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    fn build_once(&self) {
        let path = self.folder.join("end-to-end.lock");
        let mut file = File::options().create(true).read(true).append(true).open(path).unwrap();
        file.lock().unwrap();
        let mut built_by = String::new();
        file.read_to_string(&mut built_by).unwrap();
        let run = env::var("NEXTEST_RUN_ID").unwrap_or_default();
        let (good, bad) = (format!("{run} built"), format!("{run} failed"));
        let is_built = match (run.is_empty(), built_by == good, built_by == bad) {
            (false, true, _) => true,
            (false, _, true) => false,
            _ => {
                let is_built = self.build();
                file.set_len(0).unwrap();
                file.write_all(if is_built { &good } else { &bad }.as_bytes()).unwrap();
                is_built
            }
        };
        assert!(
            is_built,
            "the programs could not be built; the first test that wanted them shows cargo's own words"
        );
    }

    /// Whether it went well.
    fn build(&self) -> bool {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--bins", "--profile", self.profile(), "--target-dir"]);
        command.arg(self.folder.parent().unwrap()).current_dir(Self::workspace());
        for package in PACKAGES {
            command.args(["-p", package]);
        }
        // What cargo tells a test about its package would make some build scripts run again.
        for (name, _) in env::vars_os() {
            let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "NEXTEST", "LD_LIBRARY_PATH"];
            if told.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).status().unwrap().success()
    }
}
