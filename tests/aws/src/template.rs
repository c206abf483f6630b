//! A stack that comes from a template, as `stepladder synth` writes it.

use crate::{Stack, architecture};
use std::{fs, os::unix::fs::symlink, path::Path};

/// Each message is logged, for ministack answers sooner then; and there is no alarm with metric math, which it doesn't have.
const PARAMETERS: [&str; 3] = ["LogSample=1", "QueueAlarms=none", "DeletionProtection=false"];

impl Stack {
    /// A stack of the template that is committed. No definition is in it.
    pub async fn committed(prefix: &str) -> Self {
        let stack = Self::named(prefix).await;
        stack.deploy_template(&workspace().join("infra/sam/template.yaml"), &[]).await;
        stack
    }

    /// Deploys a template, with these parameters beside those that an emulator needs.
    pub async fn deploy_template(&self, template: &Path, parameters: &[&str]) {
        let (template, zips) = (template.to_str().unwrap(), self.emulator.zips.to_str().unwrap());
        let architecture = format!("Architecture={}", architecture().as_str());
        let mut args = vec!["deploy", "--stack", &self.name, "--template", template, "--zips", zips];
        let own = parameters.iter().copied().chain([architecture.as_str()]);
        for parameter in PARAMETERS.into_iter().chain(own) {
            args.extend(["--parameter", parameter]);
        }
        let outputs = self.script("deploy.py", &args).await.assert_code(0).json();
        assert_eq!(outputs["Table"], self.name.as_str(), "{outputs:#}");
    }
}

/// The workspace's root.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Links all that stands in a folder of the workspace into another one, but what is hidden, and what is named in `without`.
pub fn link(from: &str, into: &Path, without: &[&str]) {
    fs::create_dir_all(into).unwrap();
    for entry in fs::read_dir(workspace().join(from)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with('.') && !without.contains(&name.as_str()) {
            symlink(entry.path(), into.join(name)).unwrap();
        }
    }
}
