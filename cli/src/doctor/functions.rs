//! Whether the functions are as their template says, and who may call the one that has a URL.

use super::{DEPLOY, Facts, Finding};
use stepladder_infra::{API_FUNCTION, Api, Function, Stack};

pub(super) fn functions(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in &model.functions {
        if !facts.functions.contains_key(&function.name) {
            found.push(Finding::wrong(
                "functions",
                &function.name,
                format!("there is no function {}-{}", facts.stack, function.name),
                "messages stay in its queue until they are given up, and their runs fail with Lambda.Unknown",
                DEPLOY,
            ));
        }
        found.extend(differences("functions", function, facts));
    }
    found
}

/// A stack without the API is as good as one with it.
pub(super) fn api(model: &Stack, facts: &Facts) -> Vec<Finding> {
    let Some(api) = model.api.as_ref().filter(|_| facts.functions.contains_key(API_FUNCTION)) else {
        return Vec::new();
    };
    let name = &api.function.name;
    let mut found = differences("api", &api.function, facts);
    match &facts.api_url {
        None => found.push(Finding::wrong(
            "api",
            name,
            "it has no function URL",
            "nobody can call the API",
            format!(
                "`stepladder deploy --parameter {0}=true` makes the URL; with {0}=false the function goes",
                Api::SWITCH
            ),
        )),
        Some(url) if url.auth_type != Api::AUTH => found.push(Finding::wrong(
            "api",
            name,
            format!("the auth type of its function URL is {}, not {}", url.auth_type, Api::AUTH),
            "Lambda asks nobody there who he is: who knows the URL may read, start and stop all runs of the stack, unless the function's own policy keeps him out",
            format!(
                "at once: aws lambda update-function-url-config --function-name {}-{name} --auth-type {}; then look whom `aws lambda get-policy` lets",
                facts.stack,
                Api::AUTH
            ),
        )),
        Some(_) => {}
    }
    found
}

/// What a function that is there has otherwise than its template.
fn differences(check: &'static str, function: &Function, facts: &Facts) -> Vec<Finding> {
    let name = &function.name;
    let Some(live) = facts.functions.get(name) else { return Vec::new() };
    let mut found = Vec::new();
    let mut wrong = |what: String, why: &str, mend: &str| {
        found.push(Finding::wrong(check, name, what, why, mend));
    };
    if live.state.as_deref().is_some_and(|state| state != "Active" && state != "Inactive") {
        let state = live.state.clone().unwrap_or_default();
        wrong(
            format!("it is {state}, not Active"),
            "it can't be called",
            "wait a minute; if it stays so, deploy it again",
        );
    }
    if live.last_update.as_deref() == Some("Failed") {
        wrong(
            "its last update failed".to_owned(),
            "it runs older code or settings than its template says",
            "look at LastUpdateStatusReason: `aws lambda get-function-configuration`; then deploy it again",
        );
    }
    if live.timeout_seconds != function.timeout_seconds {
        let why = match name.as_str() {
            API_FUNCTION => "StartSyncExecution and GetActivityTask wait for minutes",
            _ => "its queue's visibility timeout was chosen for the other one",
        };
        let what = format!("its timeout is {} s, not {} s", live.timeout_seconds, function.timeout_seconds);
        wrong(what, why, DEPLOY);
    }
    if live.memory_mb != function.memory_mb {
        wrong(
            format!("its memory is {} MB, not {} MB", live.memory_mb, function.memory_mb),
            "processor time and the largest payload follow from it",
            DEPLOY,
        );
    }
    for (variable, expected) in identity(facts) {
        let is = live.environment.get(variable).map(String::as_str);
        if function.environment.contains_key(variable) && is != Some(expected) {
            let is = is.map_or("not set".to_owned(), |is| format!("'{is}'"));
            wrong(
                format!("its variable {variable} is {is}, not '{expected}'"),
                "it reads and writes another stack's runs, or none",
                DEPLOY,
            );
        }
    }
    found
}

/// The variables that say which stack a function belongs to.
pub(super) fn identity(facts: &Facts) -> [(&'static str, &str); 4] {
    [
        ("STEPLADDER_STACK", &facts.stack),
        ("STEPLADDER_TABLE", &facts.stack),
        ("STEPLADDER_BUCKET", &facts.bucket_name),
        ("STEPLADDER_ACCOUNT_ID", &facts.account),
    ]
}
