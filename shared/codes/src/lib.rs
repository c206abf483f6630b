//! The codes of errors, and a page for each: what happened, and what to do next.
//!
//! A code is stable: scripts compare it, and people search for it. What the command line and the REST API refuse has one of
//! [`Code`]; the faults of a definition have those of `stepladder_asl`, which knows no other crate. `stepladder explain`
//! shows the pages of both.

mod code;

pub use code::Code;

use serde::Serialize;

/// What there is to say about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Page {
    /// `SL1202`
    pub code: &'static str,
    /// The kind of error in a few words.
    pub title: &'static str,
    /// What happened, and what it comes from.
    pub explanation: &'static str,
    pub next_step: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn a_page_says_something() {
        for page in Code::ALL.iter().map(|code| code.page()) {
            let is_code = page.code.len() == 6 && page.code.starts_with("SL1");
            assert!(is_code && page.code.chars().skip(2).all(|digit| digit.is_ascii_digit()), "{page:?}");
            for text in [page.title, page.explanation, page.next_step] {
                assert!(text.len() > 10 && text.trim() == text && !text.contains(['\n', '|']), "{page:?}");
            }
            assert!(page.title.len() < 70 && !page.title.ends_with('.'), "{page:?}");
        }
    }
}
