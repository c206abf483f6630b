//! CreateStateMachineAlias, UpdateStateMachineAlias, DescribeStateMachineAlias, ListStateMachineAliases and
//! DeleteStateMachineAlias.

use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    limits::ROUTES_MAX,
};
use serde_json::{Value, json};
use stepladder_protocol::{
    AliasChange, AliasItem, AliasWritten, Clock, Host, Qualifier, Route, Settings, Store, Versions,
    limits::ALIASES_MAX,
};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html>
pub(super) async fn create<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let name = fields.required("name", Text::ALIAS_NAME)?;
    let description = fields.text("description", Text::DESCRIPTION)?;
    let routing = routing(&mut fields)?;
    if routing.is_none() {
        fields.missing("routingConfiguration");
    }
    fields.check()?;
    let settings = api.protocol.host().settings();
    let routing = routing.unwrap_or_default();
    check_weights(&routing)?;
    let (workflow, routes) = routes(settings, &routing)?;
    let written = api.protocol.create_alias(&workflow, &name, description, routes).await?;
    let arn = arn::alias(settings, &workflow, &name);
    let alias = done(written, &arn)?;
    Ok(Answer::default()
        .set("stateMachineAliasArn", arn)
        .set("creationDate", seconds(alias.created_ms))
        .into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachineAlias.html>
pub(super) async fn update<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineAliasArn", Text::ARN)?;
    let description = fields.text("description", Text::DESCRIPTION)?;
    let routing = routing(&mut fields)?;
    fields.check()?;
    routing.as_deref().map(check_weights).transpose()?;
    let settings = api.protocol.host().settings();
    let (workflow, name) = named(settings, &arn)?;
    if description.is_none() && routing.is_none() {
        return Err(ApiError::validation("Must specify either description or routingConfiguration")
            .with("reason", "MISSING_REQUIRED_PARAMETER"));
    }
    let routes = routing.map(|routing| routes_of(settings, &routing, &workflow)).transpose()?;
    let change = AliasChange { description, routes };
    let written = api.protocol.update_alias(&workflow, &name, &change).await?;
    let alias = done(written, &arn)?;
    Ok(Answer::default().set("updateDate", seconds(alias.updated_ms)).into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineAlias.html>
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineAliasArn", Text::ARN)?;
    fields.check()?;
    let (settings, store) = (api.protocol.host().settings(), api.protocol.host().store());
    let (workflow, name) = named(settings, &arn)?;
    let (machine, alias) = (store.workflow(&workflow).await?, store.alias(&workflow, &name).await?);
    let (Some(_), Some(alias)) = (machine, alias) else { return Err(ApiError::no_reference(&arn)) };
    let routing = alias.routes.iter().map(|route| {
        let version = arn::version(settings, &workflow, route.version);
        json!({ "stateMachineVersionArn": version, "weight": route.weight })
    });
    Ok(Answer::default()
        .set("stateMachineAliasArn", arn)
        .set("name", name)
        .set_some("description", alias.description.as_deref())
        .set("routingConfiguration", routing.collect::<Vec<Value>>())
        .set("creationDate", seconds(alias.created_ms))
        .set("updateDate", seconds(alias.updated_ms))
        .into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineAlias.html>
pub(super) async fn delete<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineAliasArn", Text::ARN)?;
    fields.check()?;
    let (workflow, name) = named(api.protocol.host().settings(), &arn)?;
    api.protocol.host().store().delete_alias(&workflow, &name).await?;
    Ok(json!({}))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachineAliases.html>
///
/// Newest first; among those of one millisecond by name, backwards.
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let host = api.protocol.host();
    let (workflow, qualifier) = arn::qualified(host.settings(), &arn)?;
    let store = host.store();
    let version = match qualifier {
        None => None,
        Some(Qualifier::Version(number)) => Some(number),
        Some(Qualifier::Alias(_)) => return Err(ApiError::no_state_machine(&arn)),
    };
    if store.workflow(workflow).await?.is_none() {
        return Err(ApiError::no_state_machine(&arn));
    }
    if let Some(number) = version
        && store.version(workflow, number).await?.is_none()
    {
        return Err(ApiError::no_reference(&arn));
    }
    let (asked, now_ms) = (json!(["ListStateMachineAliases", arn]), host.clock().now_ms());
    let place = token.map(|token| api.tokens.open(&asked, &token, now_ms)).transpose()?;
    let behind: Option<(i64, String)> = match place {
        Some(place) => Some(serde_json::from_value(place).map_err(|_| ApiError::invalid_token())?),
        None => None,
    };
    let place = |alias: &AliasItem| (alias.created_ms, alias.name.clone());
    let mut found = store.aliases(workflow).await?;
    found.retain(|alias| version.is_none_or(|number| alias.leads_to(number)));
    found.retain(|alias| behind.as_ref().is_none_or(|behind| place(alias) < *behind));
    found.sort_by_key(|alias| std::cmp::Reverse(place(alias)));
    let is_last = found.len() <= results;
    found.truncate(results);
    let token = match found.last() {
        Some(last) if !is_last => Some(api.tokens.seal(&asked, &json!(place(last)), now_ms)?),
        _ => None,
    };
    let shape = |alias: &AliasItem| {
        Answer::default()
            .set("stateMachineAliasArn", arn::alias(host.settings(), workflow, &alias.name))
            .set("creationDate", seconds(alias.created_ms))
            .into_value()
    };
    let aliases: Vec<Value> = found.iter().map(shape).collect();
    Ok(Answer::default().set("stateMachineAliases", aliases).set_some("nextToken", token).into_value())
}

/// The workflow and the name that an alias's ARN has.
fn named(settings: &Settings, arn: &str) -> Result<(String, String), ApiError> {
    match arn::qualified(settings, arn)? {
        (workflow, Some(Qualifier::Alias(name))) => Ok((workflow.to_owned(), name)),
        _ => Err(arn::invalid(arn)),
    }
}

/// One of the versions that an alias is to lead to, as it was asked for.
#[derive(Debug, Default)]
struct Asked {
    arn: String,
    weight: u32,
}

/// Reads a routing configuration.
fn routing(fields: &mut Fields) -> Result<Option<Vec<Asked>>, ApiError> {
    let name = "routingConfiguration";
    let Some(items) = fields.objects(name)? else { return Ok(None) };
    let mut all = Vec::with_capacity(items.len());
    for mut item in items {
        let arn = item.required("stateMachineVersionArn", Text::ARN)?;
        let weight = item.integer("weight", Some(100))?;
        if weight.is_none() {
            item.missing("weight");
        }
        fields.close(item);
        all.push(Asked { arn, weight: weight.and_then(|weight| weight.try_into().ok()).unwrap_or_default() });
    }
    let constraint = match all.len() {
        0 => Some("length greater than or equal to 1".to_owned()),
        count if count > ROUTES_MAX => Some(format!("length less than or equal to {ROUTES_MAX}")),
        _ => None,
    };
    if let Some(constraint) = constraint {
        let shown = all.iter().map(|Asked { arn, weight }| {
            format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
        });
        fields.refuse(name, &format!("[{}]", shown.collect::<Vec<_>>().join(", ")), &constraint);
    }
    Ok(Some(all))
}

/// The weights' sum, which AWS looks at before anything that the ARNs name.
fn check_weights(asked: &[Asked]) -> Result<(), ApiError> {
    if asked.iter().map(|asked| asked.weight).sum::<u32>() == 100 {
        return Ok(());
    }
    let weights = received(asked.iter().map(|asked| asked.weight.to_string()));
    Err(invalid_routing(format!("Sum of routing configuration weights must equal 100. {weights}")))
}

fn invalid_routing(message: impl Into<String>) -> ApiError {
    ApiError::validation(message).with("reason", "INVALID_ROUTING_CONFIGURATION")
}

fn received(texts: impl Iterator<Item = String>) -> String {
    format!("Received: [{}]", texts.collect::<Vec<_>>().join(", "))
}

/// The workflow of a routing configuration, and its routes.
fn routes(settings: &Settings, asked: &[Asked]) -> Result<(String, Vec<Route>), ApiError> {
    let refuse = |message: String| Err(invalid_routing(message));
    let arns = || received(asked.iter().map(|asked| asked.arn.clone()));
    let mut routes: Vec<Route> = Vec::with_capacity(asked.len());
    let mut of: Option<String> = None;
    for Asked { arn, weight } in asked {
        let (workflow, version) = match arn::qualified(settings, arn)? {
            (workflow, Some(Qualifier::Version(version))) => (workflow.to_owned(), version),
            _ => {
                return refuse(format!(
                    "Routing configuration must contain state machine version ARNs. {}",
                    arns()
                ));
            }
        };
        if of.get_or_insert_with(|| workflow.clone()) != &workflow {
            return refuse(format!(
                "Routing configuration must contain version ARNs of one state machine. {}",
                arns()
            ));
        }
        if routes.iter().any(|route| route.version == version) {
            return refuse(format!(
                "Routing configuration must contain distinct state machine version ARNs. {}",
                arns()
            ));
        }
        routes.push(Route { version, weight: *weight });
    }
    Ok((of.unwrap_or_default(), routes))
}

/// The routes of a routing configuration of this workflow's alias.
fn routes_of(settings: &Settings, asked: &[Asked], workflow: &str) -> Result<Vec<Route>, ApiError> {
    let (of, routes) = routes(settings, asked)?;
    if of != workflow {
        let message = "Routing configuration must contain version ARNs of the alias's own state machine.";
        return Err(invalid_routing(message));
    }
    Ok(routes)
}

/// The alias as it was written.
fn done(written: AliasWritten, arn: &str) -> Result<AliasItem, ApiError> {
    match written {
        AliasWritten::Done(alias) => Ok(alias),
        AliasWritten::Exists(_) => Err(ApiError::conflict(
            "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
        )),
        AliasWritten::NotThere => Err(ApiError::no_reference(arn)),
        AliasWritten::NoVersion(number) => {
            let machine = arn.rsplit_once(':').map_or(arn, |(machine, _)| machine);
            Err(ApiError::no_reference(&format!("{machine}:{number}")))
        }
        AliasWritten::TooMany => Err(ApiError::new(
            Kind::ServiceQuotaExceededException,
            format!("A state machine has at most {ALIASES_MAX} aliases: '{arn}'"),
        )),
    }
}
