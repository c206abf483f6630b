//! `stepladder explain`: the page of a code.

use crate::{
    completion,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    style::{self, paint},
    text::escaped,
};
use serde::Serialize;
use stepladder_asl::{FaultCode, Severity, nearest};
use stepladder_codes::Page;

/// Tell what the code of an error means, and what to do
///
/// Every error and every fault of a definition has a code: `error[SL1202]`. Without one all codes are listed.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The code, like SL1202
    #[arg(add = completion::codes())]
    code: Option<String>,
}

/// The page of a code, as it is shown: the shape `stepladder.code/1`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CodePage {
    schema: &'static str,
    #[serde(flatten)]
    pub page: Page,
    /// Of a definition's fault: whether it refuses the definition.
    severity: Option<Severity>,
    /// Of a definition's fault: AWS's code for it.
    aws_code: Option<&'static str>,
}

pub fn run(args: ExplainArgs, printer: &Printer) -> Outcome {
    let pages = pages();
    let Some(code) = args.code else {
        if printer.is_json() {
            return printer.json_list(&pages);
        }
        for CodePage { page, .. } in pages {
            printer.data(format!("{}  {}", paint(style::ID, page.code), page.title))?;
        }
        printer.note("`stepladder explain CODE` tells more of one");
        return Ok(());
    };
    let wanted = bare(&code);
    let found = pages.iter().find(|page| page.page.code.eq_ignore_ascii_case(wanted));
    let Some(found) = found else {
        let message = format!("there is no code '{}'", escaped(&code));
        let failure = Failure::new(Exit::NotFound, Code::UnknownCode, message);
        let near = nearest(&wanted.to_ascii_uppercase(), pages.iter().map(|page| page.page.code));
        return Err(match near {
            Some(near) => failure.hint(format!("did you mean {near}? `stepladder explain` lists all codes")),
            None => failure.hint("`stepladder explain` lists all codes"),
        });
    };
    match printer.is_json() {
        true => printer.json(found),
        false => printer.data(text(found)),
    }
}

/// The code in what somebody has copied: `error[SL1202]:` as well.
fn bare(code: &str) -> &str {
    let code = code.split_once('[').map_or(code, |(_, code)| code);
    code.split(']').next().unwrap_or_default().trim()
}

fn text(page: &CodePage) -> String {
    let Page { code, title, explanation, next_step } = page.page;
    let mut lines = vec![format!("{} {title}", paint(style::ID, format!("{code}:"))), String::new()];
    lines.push(format!("  {explanation}"));
    lines.push(format!("  {} {next_step}", paint(style::HINT, "what to do:")));
    match page.severity {
        Some(Severity::Error) => lines.push("  A definition with this fault is refused.".to_owned()),
        Some(Severity::Warning) => lines.push("  A definition with this fault is taken.".to_owned()),
        None => {}
    }
    lines.extend(page.aws_code.map(|code| format!("  AWS reports it as {code}.")));
    lines.join("\n")
}

/// The pages of all codes, by code.
pub fn pages() -> Vec<CodePage> {
    let of_faults = FaultCode::ALL.iter().map(|fault| CodePage {
        schema: SCHEMA,
        page: Page {
            code: fault.code(),
            title: fault.title(),
            explanation: fault.explanation(),
            next_step: fault.next_step(),
        },
        severity: Some(fault.severity()),
        aws_code: fault.aws(),
    });
    let of_errors = Code::ALL.iter().map(|code| CodePage {
        schema: SCHEMA,
        page: code.page(),
        severity: None,
        aws_code: None,
    });
    of_faults.chain(of_errors).collect()
}

const SCHEMA: &str = "stepladder.code/1";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_code_has_one_page() {
        let pages = pages();
        let codes: Vec<&str> = pages.iter().map(|page| page.page.code).collect();
        let unique: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(codes, unique.into_iter().collect::<Vec<_>>());
        for page in &pages {
            let Page { title, explanation, next_step, .. } = page.page;
            assert!(![title, explanation, next_step].contains(&""), "{page:?}");
        }
    }

    #[test]
    fn a_code_is_read_as_it_is_printed() {
        for text in ["SL1202", "error[SL1202]", "error[SL1202]: there is no run", " SL1202 "] {
            assert_eq!(bare(text), "SL1202");
        }
        assert_eq!(bare(""), "");
    }

    /// The faults' table of `docs/definitions.md` has the texts of the pages.
    #[test]
    fn the_table_of_the_faults_has_their_pages() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/definitions.md");
        let shown = std::fs::read_to_string(path).unwrap();
        let shown: Vec<&str> = shown.lines().filter(|line| line.starts_with("| SL")).collect();
        let rows = FaultCode::ALL.iter().map(|fault| {
            let severity = match fault.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let (code, aws) = (fault.code(), fault.aws().unwrap_or("–"));
            format!("| {code} | {severity} | {aws} | {} | {} |", fault.explanation(), fault.next_step())
        });
        assert_eq!(shown, rows.collect::<Vec<_>>());
    }
}
