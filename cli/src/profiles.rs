//! `stepladder.toml`: the environments that a workspace is deployed to, by name.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use stepladder_asl::nearest;

/// The file's name. The nearest one upwards from the current folder counts.
pub const FILE: &str = "stepladder.toml";

/// What the file holds.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The environment that is meant where nothing else says so.
    pub default_env: Option<String>,
    /// `[env.NAME]`
    #[serde(default)]
    pub env: BTreeMap<String, Profile>,
    /// Where they were read.
    #[serde(skip)]
    pub path: PathBuf,
}

/// One environment: a stack in an account and region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Unless set, what AWS_REGION or the AWS CLI's files say.
    pub region: Option<String>,
    /// The stack's name, as CloudFormation has it.
    pub stack: String,
    /// The ARN of a role that is assumed for every call.
    pub role: Option<String>,
    /// Twelve digits; asked of STS where it is not set. To deploy, the credentials have to be that account's.
    pub account: Option<String>,
    /// An emulator's URL.
    pub endpoint: Option<String>,
    /// Parameters of the template, for `stepladder deploy`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

impl Profiles {
    /// The nearest file upwards of a folder; none is no error.
    pub fn find(from: &Path) -> Outcome<Option<Self>> {
        let Some(path) = from.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file()) else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        Self::read(&text, &path).map(Some)
    }

    fn read(text: &str, path: &Path) -> Outcome<Self> {
        let refused = |why: String| {
            Failure::new(Exit::Usage, Code::InvalidProfile, format!("{} can't be used", path.display()))
                .detail(why)
                .hint("[env.prod] with region, stack and role, one table per environment; see docs/deploying.md")
        };
        let mut profiles: Self =
            toml::from_str(text).map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
        profiles.path = path.to_owned();
        for (name, profile) in &profiles.env {
            profile.check().map_err(|why| refused(format!("[env.{name}] {why}")))?;
        }
        match &profiles.default_env {
            Some(name) if !profiles.env.contains_key(name) => {
                Err(refused(format!("default_env is '{name}', and there is no [env.{name}]")))
            }
            _ => Ok(profiles),
        }
    }

    /// The environment of that name; else an error that lists those that there are.
    pub fn get(&self, name: &str) -> Outcome<&Profile> {
        if let Some(profile) = self.env.get(name) {
            return Ok(profile);
        }
        let failure = Failure::new(
            Exit::NotFound,
            Code::UnknownEnv,
            format!("there is no environment '{name}' in {}", self.path.display()),
        );
        let names: Vec<&str> = self.env.keys().map(String::as_str).collect();
        Err(match nearest(name, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean '{near}'?")),
            None if names.is_empty() => failure.hint(format!("add one: [env.{name}] with region and stack")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        })
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
fn is_role_name(name: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(may_stand)
}

impl Profile {
    /// What would else be told by AWS, late and in other words.
    fn check(&self) -> Result<(), String> {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = self.account.as_deref().filter(|account| !is_account(account)) {
            return Err(format!("account is '{account}', but must be twelve digits"));
        }
        let of_role = |role: &str| -> Option<String> {
            let ["arn", _, "iam", "", account, name] = role.splitn(6, ':').collect::<Vec<_>>()[..] else {
                return None;
            };
            // A path may stand before the name.
            let name = name.strip_prefix("role/")?.rsplit('/').next()?;
            (is_account(account) && is_role_name(name)).then(|| account.to_owned())
        };
        let Some(role) = &self.role else { return Ok(()) };
        match (of_role(role), &self.account) {
            (None, _) => Err(format!(
                "role is '{role}', but must be an ARN like arn:aws:iam::123456789012:role/operator"
            )),
            (Some(of_role), Some(account)) if of_role != *account => {
                Err(format!("account is {account}, but the role is one of account {of_role}"))
            }
            _ => Ok(()),
        }
    }

    /// A variable of the environment, as the environment of this name sets it. What the process has for another stack
    /// doesn't count.
    pub fn variable(&self, name: &str, of_process: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match name {
            "AWS_REGION" => self.region.clone().or_else(|| of_process(name)),
            "AWS_ENDPOINT_URL" => self.endpoint.clone().or_else(|| of_process(name)),
            "STEPLADDER_STACK" => Some(self.stack.clone()),
            "STEPLADDER_ACCOUNT_ID" => self.account.clone(),
            "STEPLADDER_TABLE" | "STEPLADDER_BUCKET" => None,
            _ => of_process(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Outcome<Profiles> {
        Profiles::read(text, Path::new("/w/stepladder.toml"))
    }

    const TWO: &str = "default_env = 'test'\n[env.test]\nstack = 'orders-test'\nendpoint = 'http://127.0.0.1:4566'\n\
        [env.prod]\nregion = 'eu-central-1'\nstack = 'orders'\nrole = 'arn:aws:iam::123456789012:role/operator'\n";

    #[test]
    fn an_environment_sets_what_the_process_has_for_another_stack() {
        let profiles = read(TWO).unwrap();
        let prod = profiles.get("prod").unwrap();
        let of_process = |name: &str| Some(format!("process {name}"));
        let variable = |name| prod.variable(name, &of_process);
        assert_eq!(variable("AWS_REGION").as_deref(), Some("eu-central-1"));
        assert_eq!(variable("STEPLADDER_STACK").as_deref(), Some("orders"));
        assert_eq!((variable("STEPLADDER_TABLE"), variable("STEPLADDER_ACCOUNT_ID")), (None, None));
        assert_eq!(variable("AWS_ENDPOINT_URL").as_deref(), Some("process AWS_ENDPOINT_URL"));
        assert_eq!(variable("AWS_PROFILE").as_deref(), Some("process AWS_PROFILE"));
    }

    #[test]
    fn an_unknown_environment_lists_the_known_ones() {
        let profiles = read(TWO).unwrap();
        let failure = profiles.get("prd").unwrap_err();
        assert_eq!((failure.exit, failure.hint.as_deref()), (Exit::NotFound, Some("did you mean 'prod'?")));
        let failure = profiles.get("elsewhere").unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("there are: prod, test"));
    }

    #[track_caller]
    fn check_refused(text: &str, why: &str) {
        let failure = read(text).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.details.iter().any(|line| line.contains(why)), "{failure:?}");
    }

    #[test]
    fn a_slip_in_the_file_is_told() {
        check_refused("[env.a]\nstack = 's'\nregoin = 'x'", "regoin");
        check_refused("[env.a]\nregion = 'x'", "stack");
        check_refused("default_env = 'b'\n[env.a]\nstack = 's'", "there is no [env.b]");
        check_refused("[env.a]\nstack = 's'\naccount = '12'", "[env.a] account is '12'");
        check_refused("[env.a]\nstack = 's'\nrole = 'operator'", "must be an ARN");
        check_refused("[env.a]\nstack = 's'\nrole = 'arn:aws:iam::123456789012:role/a:b'", "must be an ARN");
        check_refused(
            "[env.a]\nstack = 's'\nrole = 'arn:aws:iam::123456789012:role/team/'",
            "must be an ARN",
        );
        check_refused(
            "[env.a]\nstack = 's'\naccount = '000000000000'\nrole = 'arn:aws:iam::123456789012:role/x'",
            "the role is one of account 123456789012",
        );
    }

    #[test]
    fn without_a_file_there_is_no_environment() {
        assert_eq!(Profiles::find(Path::new("/proc")).unwrap(), None);
    }
}
