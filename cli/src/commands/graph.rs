//! `stepladder graph`: a definition as a chart.

use crate::{
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    graph::{Charset, Graph},
    printer::Printer,
    style,
};
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
    file: PathBuf,
    /// The form of the chart. Unless given, it follows from the name of `--to`, else it is text
    #[arg(long, value_enum)]
    format: Option<ChartFormat>,
    /// Write it to this file, and not to stdout
    #[arg(long, value_name = "FILE")]
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
}

pub fn run(args: GraphArgs, printer: &Printer) -> Outcome {
    if printer.is_json() && args.format.is_some() {
        return Err(Failure::new(Exit::Usage, Code::InvalidInput, "--format and -o json exclude each other")
            .hint("-o json gives the nodes and edges themselves, in the shape stepladder.graph/1"));
    }
    let format = args.format.or_else(|| by_name(args.to.as_deref()?)).unwrap_or(ChartFormat::Text);
    let checked = Checked::read(&args.file, Against::Language, WorkflowType::Standard);
    let Ok(definition) = &checked.result else {
        checked.tell(printer);
        let message = format!("{} has faults, so there is nothing to draw", checked.shown);
        return Err(Failure::new(Exit::Bad, Code::CheckFailed, message));
    };
    let graph = Graph::new(&checked.workflow, definition);
    if printer.is_json() && args.to.is_none() {
        return printer.json(&json!({
            "schema": "stepladder.graph/1",
            "file": checked.shown,
            "workflow": checked.workflow,
            "graph": graph,
        }));
    }
    let charset = if printer.glyphs == style::UNICODE { Charset::Unicode } else { Charset::Ascii };
    let chart = match format {
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
            printer.note(format!("wrote {}", path.display()));
            Ok(())
        }
    }
}

/// What the name of a file says about its form.
fn by_name(path: &Path) -> Option<ChartFormat> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "svg" => Some(ChartFormat::Svg),
        "dot" | "gv" => Some(ChartFormat::Dot),
        "mmd" | "mermaid" => Some(ChartFormat::Mermaid),
        _ => None,
    }
}
