//! Asking before something is done that can't be undone.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
};
use std::io::{BufRead, IsTerminal};

/// Asks a question whose answer is No unless somebody says yes. Without a terminal it refuses, unless yes is assumed.
pub async fn confirm(question: &str, may_assume_yes: bool, printer: &Printer) -> Outcome<bool> {
    if may_assume_yes {
        return Ok(true);
    }
    let answer = ask(&format!("{question} [y/N] "), "--yes", printer).await?;
    let is_yes = matches!(answer.to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        printer.note("nothing was done");
    }
    Ok(is_yes)
}

/// Asks for a text to be typed. True: that text was typed.
pub async fn confirm_by_typing(
    question: &str,
    expected: &str,
    option: &str,
    printer: &Printer,
) -> Outcome<bool> {
    let is_typed = ask(question, option, printer).await? == expected;
    if !is_typed {
        printer.note("that is not it: nothing was done");
    }
    Ok(is_typed)
}

async fn ask(question: &str, option: &str, printer: &Printer) -> Outcome<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            Code::NotConfirmed,
            "nobody can be asked: this is no terminal",
        )
        .detail(question.trim_end().to_owned())
        .hint(format!("look at the plan, then say {option}")));
    }
    printer.question(question);
    // On a thread of its own: Ctrl-C and --timeout are heard meanwhile.
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let unread = |why: String| Failure::new(Exit::Bad, Code::File, format!("can't read the answer: {why}"));
    let line = read.await.map_err(|error| unread(error.to_string()))?;
    Ok(line.map_err(|error| unread(error.to_string()))?.trim().to_owned())
}
