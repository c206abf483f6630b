//! `stepladder destroy`.

use crate::{
    args::Global,
    aws_cli::AwsCli,
    cloudformation::{Resource, failed, holds_data, resources, settled, status},
    confirm::confirm_by_typing,
    connect::{Stack, Target},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    project::Project,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Delete a stack from AWS; its tables and its bucket stay unless --delete-data is given
///
/// It lists what goes and what stays, and asks for the stack's name to be typed. Messages in the queues are lost; a run that
/// still goes is as if it were asleep: it goes on if the stack comes back over the same table.
#[derive(Debug, clap::Args)]
pub struct DestroyArgs {
    /// Also the tables and the bucket, with all runs and payloads. Nothing brings them back
    #[arg(long)]
    delete_data: bool,
    /// The stack's name, where nobody can be asked to type it
    #[arg(long, value_name = "STACK")]
    confirm: Option<String>,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(args: DestroyArgs, global: &Global, printer: &Printer) -> Outcome {
    let target = Target::find_deployed(global, printer).await?;
    let aws = AwsCli::find(&target).await?;
    let found = status(&aws, target.stack()).await?;
    let resources = match &found {
        Some(_) => resources(&aws, target.stack()).await?,
        None => Vec::new(),
    };
    let (stay, go): (Vec<Resource>, Vec<Resource>) =
        resources.into_iter().partition(|resource| holds_data(&resource.kind));
    let tables = tables(&stay, &target);
    if found.is_none() && !args.delete_data {
        let message = format!("there is no {}", target.describe());
        return Err(Failure::new(Exit::NotFound, Code::NoStack, message)
            .hint("what an earlier `destroy` has kept goes with --delete-data"));
    }
    tell(&args, &go, &tables, &target, printer)?;
    if args.dry_run {
        return Ok(());
    }
    if !agreed(&args, target.stack(), printer).await? {
        return Ok(());
    }
    if let Some((_, id)) = found {
        delete(&aws, target.stack(), &id, printer).await?;
        printer.note(format!("the stack {} is gone", target.stack()));
    }
    if args.delete_data {
        delete_data(&tables, target, printer).await?;
    }
    Ok(())
}

/// The tables by their whole names: those of the stack, and those that the workspace names, for a stack that is gone
/// already.
fn tables(stay: &[Resource], target: &Target) -> BTreeSet<String> {
    let mut tables: BTreeSet<String> = BTreeSet::from([target.environment.table.clone()]);
    let of_stack = stay.iter().filter(|resource| resource.kind.starts_with("AWS::DynamoDB::"));
    tables.extend(of_stack.map(|resource| resource.physical_id.clone()));
    let here = std::env::current_dir().unwrap_or_default();
    // Outside of a workspace the stack's own list has to do.
    if let Ok(project) = Project::find(&here) {
        tables.extend(project.tables.iter().map(|name| format!("{}-{name}", target.stack())));
    }
    tables
}

/// What goes and what stays: the shape `stepladder.destroy-plan/1`.
fn tell(
    args: &DestroyArgs,
    go: &[Resource],
    tables: &BTreeSet<String>,
    target: &Target,
    printer: &Printer,
) -> Outcome {
    let bucket = &target.environment.bucket;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in go {
        *kinds.entry(resource.kind.as_str()).or_default() += 1;
    }
    if printer.is_json() {
        return printer.json(&json!({
            "schema": "stepladder.destroy-plan/1",
            "stack": target.stack(),
            "deletes": kinds,
            "tables": tables,
            "bucket": bucket,
            "deletes_data": args.delete_data,
        }));
    }
    printer.data(format!("{} goes:", target.describe()))?;
    for (kind, number) in kinds {
        printer.data(format!("  {} {number:>4} {}", paint(style::ERROR, "-"), escaped(kind)))?;
    }
    printer.data(match args.delete_data {
        true => "with all data:",
        false => "what stays, and goes on costing its storage:",
    })?;
    let (sign, style) = if args.delete_data { ("-", style::ERROR) } else { ("=", style::GOOD) };
    for table in tables {
        printer.data(format!("  {}      table {}", paint(style, sign), escaped(table)))?;
    }
    printer.data(format!("  {}      bucket {}", paint(style, sign), escaped(bucket)))
}

async fn agreed(args: &DestroyArgs, stack: &str, printer: &Printer) -> Outcome<bool> {
    match &args.confirm {
        Some(typed) if typed == stack => Ok(true),
        Some(typed) => {
            let message = format!("--confirm says '{typed}', and the stack's name is '{stack}'");
            Err(Failure::new(Exit::Usage, Code::NotConfirmed, message).hint("nothing was deleted"))
        }
        None => {
            let question = format!("type the stack's name, {stack}, to delete it: ");
            confirm_by_typing(&question, stack, &format!("--confirm {stack}"), printer).await
        }
    }
}

async fn delete(aws: &AwsCli, stack: &str, id: &str, printer: &Printer) -> Outcome {
    aws.run(["cloudformation", "delete-stack", "--stack-name", stack]).await?;
    // By its id a stack can still be seen after it is gone.
    match settled(aws, id, printer).await? {
        None => Ok(()),
        Some(status) if status == "DELETE_COMPLETE" => Ok(()),
        Some(status) => Err(failed(aws, id, &status)
            .await
            .hint("mend what the first line says, and repeat: what is gone already stays gone")),
    }
}

async fn delete_data(tables: &BTreeSet<String>, target: Target, printer: &Printer) -> Outcome {
    let stack = Stack::of(target).await?;
    let host = stack.protocol.host();
    for table in tables {
        printer.status(format!("deleting table {table}"));
        if host.delete_table(table).await? {
            printer.note(format!("table {} is gone", escaped(table)));
        }
    }
    printer.status("deleting the bucket");
    let objects = host.delete_bucket().await?;
    printer.clear_status();
    if let Some(objects) = objects {
        printer.note(format!(
            "bucket {} is gone, with {}",
            host.environment().bucket,
            count(objects, "object")
        ));
    }
    Ok(())
}
