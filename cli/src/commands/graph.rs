//! `stepladder graph`: a definition as a chart.

use crate::{
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    graph::{Charset, Drawn, Graph},
    printer::Printer,
    style,
    text::{escaped, escaped_json},
};
use clap::ValueHint;
use serde_json::json;
use std::path::{Path, PathBuf};
use stepladder_asl::WorkflowType;

/// Draw a definition as a chart
///
/// Every definition that has no faults can be drawn, whatever its tasks call.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder graph workflow.asl.json                         a ladder in the terminal
  stepladder graph workflow.asl.json --to workflow.svg       a picture, for light and dark pages
  stepladder graph workflow.asl.json --format mermaid        for Markdown, between ```mermaid and ```
  stepladder graph workflow.asl.json --format dot | dot -Tpdf > workflow.pdf")]
pub struct GraphArgs {
    /// The definition; `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The form of the chart. Unless given, it follows from the name of `--to`, else it is text
    #[arg(long, value_enum)]
    format: Option<ChartFormat>,
    /// Write it to this file, and not to stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to: Option<PathBuf>,
}

/// The forms of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ChartFormat {
    /// A ladder for the terminal
    Text,
    /// A Mermaid flowchart
    Mermaid,
    /// A Graphviz digraph
    Dot,
    /// A picture
    Svg,
    /// The nodes and edges themselves, in the shape stepladder.graph/1
    Json,
}

pub fn run(args: GraphArgs, printer: &Printer) -> Outcome {
    if printer.is_json() && args.format.is_some() {
        return Err(Failure::new(Exit::Usage, Code::InvalidInput, "--format and -o json exclude each other")
            .hint("-o json gives the nodes and edges themselves, in the shape stepladder.graph/1"));
    }
    let format = form(&args, printer)?;
    let checked = Checked::read(&args.file, Against::Language, WorkflowType::Standard);
    let definition = checked.definition(printer, "so there is nothing to draw")?;
    let graph = Graph::new(&checked.workflow, definition);
    let charset = if printer.glyphs == style::UNICODE { Charset::Unicode } else { Charset::Ascii };
    let chart = match format {
        ChartFormat::Json => {
            let shape = json!({
                "schema": "stepladder.graph/1",
                "file": checked.shown,
                "workflow": checked.workflow,
                "graph": graph,
            });
            if args.to.is_none() {
                return printer.json(&shape);
            }
            escaped_json(&serde_json::to_string_pretty(&shape).unwrap_or_default()).into_owned()
        }
        ChartFormat::Text => graph.to_text(charset),
        ChartFormat::Mermaid => graph.to_mermaid(),
        ChartFormat::Dot => graph.to_dot(),
        ChartFormat::Svg => graph.to_svg().map_err(|error| {
            Failure::new(Exit::Bad, Code::CheckFailed, error.to_string())
                .hint("--format dot has no such limit, and Graphviz draws it")
        })?,
    };
    match &args.to {
        None => printer.data(chart.trim_end()),
        Some(path) => {
            let chart = format!("{}\n", chart.trim_end());
            std::fs::write(path, chart).map_err(|error| Failure::file("write", path, &error))?;
            printer.note(format!("wrote {}", escaped(&path.display().to_string())));
            Ok(())
        }
    }
}

/// The form that was asked for: by --format or -o json, by the name of --to, or by nothing at all.
fn form(args: &GraphArgs, printer: &Printer) -> Outcome<ChartFormat> {
    let by_name = match &args.to {
        Some(path) if args.format.is_none() => by_name(path)?,
        _ => None,
    };
    match (printer.is_json(), by_name) {
        (true, None | Some(ChartFormat::Json)) => Ok(ChartFormat::Json),
        (true, Some(_)) => Err(Failure::new(
            Exit::Usage,
            Code::InvalidInput,
            "-o json and the name of --to ask for different forms",
        )
        .hint("leave out -o json, or name a file that ends in .json")),
        (false, by_name) => Ok(args.format.or(by_name).unwrap_or(ChartFormat::Text)),
    }
}

/// What the name of a file says about its form; nothing, where it has no ending.
fn by_name(path: &Path) -> Outcome<Option<ChartFormat>> {
    let Some(ending) = path.extension() else { return Ok(None) };
    Ok(Some(match ending.to_string_lossy().to_ascii_lowercase().as_str() {
        "svg" => ChartFormat::Svg,
        "dot" | "gv" => ChartFormat::Dot,
        "mmd" | "mermaid" => ChartFormat::Mermaid,
        "txt" => ChartFormat::Text,
        "json" => ChartFormat::Json,
        other => {
            let message = format!("no form of a chart has files that end in .{other}");
            return Err(Failure::new(Exit::Usage, Code::InvalidInput, message)
                .hint("--to takes .svg, .dot, .gv, .mmd, .mermaid, .txt and .json; --format says the form of any other name"));
        }
    }))
}
