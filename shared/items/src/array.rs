//! One JSON array: its elements are found by their brackets and quotation marks, and each is then parsed by itself.
//! Behind a broken element nothing can be trusted, so that every fault is the whole object's.

use crate::{BadJson, Next, Unreadable, held::Held, json, larger_than, pointer::Seek, utf8};

#[derive(Debug, Clone)]
pub(crate) struct Rows {
    row_bytes_max: usize,
    at: At,
    /// On the way to an array that isn't the whole text.
    seek: Option<Seek>,
    /// Whether something else may stand behind the array.
    is_within: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum At {
    /// Before the array's bracket.
    Beginning,
    /// Behind it.
    First,
    /// Behind a comma.
    Comma,
    Inside(Element),
    /// Behind an element.
    Behind,
    /// Behind the array.
    End,
}

/// How far the element that begins at the first byte held has been looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Element {
    scanned: usize,
    /// So many brackets and braces are open.
    depth: usize,
    text: Text,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Rows {
    /// The array that the names of a pointer lead to; without any the whole text is it.
    pub(crate) fn new(pointer: &[String], row_bytes_max: usize) -> Self {
        let seek = Seek::new(pointer);
        Self { row_bytes_max, at: At::Beginning, is_within: seek.is_some(), seek }
    }

    /// Goes on at the place that an element's row has told.
    pub(crate) fn behind_element(pointer: &[String], row_bytes_max: usize) -> Self {
        Self { row_bytes_max, at: At::Behind, is_within: !pointer.is_empty(), seek: None }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.at == At::End
    }

    /// Whether what follows doesn't matter any more.
    pub(crate) fn ends_early(&self) -> bool {
        self.is_within && self.at == At::End
    }

    pub(crate) fn next(&mut self, held: &mut Held) -> Result<Next, Unreadable> {
        if self.ends_early() {
            return Ok(Next::Unknown);
        }
        if let Some(seek) = &mut self.seek {
            if !seek.found(held)? {
                return Ok(Next::Unknown);
            }
            self.seek = None;
        }
        loop {
            if let At::Inside(element) = &mut self.at {
                let Some(bytes) = element.end(held, self.row_bytes_max)? else {
                    return Ok(Next::Unknown);
                };
                self.at = At::Behind;
                return row(held, bytes);
            }
            let blank = held.rest().iter().take_while(|byte| is_blank(**byte)).count();
            held.take(blank);
            let Some(byte) = held.rest().first().copied() else {
                if held.is_finished() && self.at != At::End {
                    return Err(ended(held, &self.at));
                }
                return Ok(Next::Unknown);
            };
            self.at = match (&self.at, byte) {
                (At::Beginning, b'[') => At::First,
                (At::First | At::Behind, b']') if self.is_within => {
                    self.at = At::End;
                    return Ok(Next::Unknown);
                }
                (At::First | At::Behind, b']') => At::End,
                (At::Behind, b',') => At::Comma,
                (At::First | At::Comma, b',' | b']' | b'}') => {
                    let why = format!("an element is missing before `{}`", char::from(byte));
                    return Err(unreadable(held, &why));
                }
                (At::First | At::Comma, _) => At::Inside(Element::default()),
                (At::Beginning, _) => return Err(unreadable(held, "the object is not a JSON array")),
                (At::Behind, _) => {
                    let why = "there is neither a comma nor a closing bracket behind an element";
                    return Err(unreadable(held, why));
                }
                (At::Inside(_) | At::End, _) => {
                    return Err(unreadable(held, "something stands behind the array"));
                }
            };
            if !matches!(self.at, At::Inside(_)) {
                held.take(1);
            }
        }
    }
}

impl Element {
    pub(crate) fn has_begun(&self) -> bool {
        self.scanned > 0
    }

    /// So many bytes have been looked at.
    pub(crate) fn scanned(&self) -> usize {
        self.scanned
    }

    /// The bytes of the element, once its end is there.
    fn end(&mut self, held: &Held, row_bytes_max: usize) -> Result<Option<usize>, Unreadable> {
        let rest = held.rest();
        let seen = rest.get(..=row_bytes_max).unwrap_or(rest);
        for byte in seen.get(self.scanned..).unwrap_or_default() {
            if let Some(end) = self.step(*byte) {
                if end > row_bytes_max {
                    break;
                }
                return Ok(Some(end));
            }
        }
        if seen.len() > row_bytes_max {
            let why = format!("an element begins here, and {}", larger_than(row_bytes_max));
            return Err(unreadable(held, &why));
        }
        if held.is_finished() {
            return Err(unreadable(held, "the object ends in the middle of the element that begins here"));
        }
        Ok(None)
    }

    /// Looks at the next byte: how many the element has, once its end is there.
    pub(crate) fn step(&mut self, byte: u8) -> Option<usize> {
        // Brackets and strings end by themselves: whoever is outside of them behind the first byte is in a number or a
        // word, which whatever can't belong to it ends.
        let in_word = self.depth == 0 && self.scanned > 0;
        self.scanned += 1;
        match (self.text, byte) {
            (Text::Escaped, _) => self.text = Text::Inside,
            (Text::Outside, b'"') if !in_word => self.text = Text::Inside,
            (Text::Inside, b'\\') => self.text = Text::Escaped,
            (Text::Inside, b'"') => {
                self.text = Text::Outside;
                return (self.depth == 0).then_some(self.scanned);
            }
            (Text::Outside, b'[' | b'{') if !in_word => self.depth += 1,
            (Text::Outside, b']' | b'}') if self.depth > 0 => {
                self.depth -= 1;
                return (self.depth == 0).then_some(self.scanned);
            }
            (Text::Outside, byte) if in_word && (is_blank(byte) || matches!(byte, b',' | b']' | b'}')) => {
                return Some(self.scanned - 1);
            }
            _ => {}
        }
        None
    }
}

fn row(held: &Held, bytes: usize) -> Result<Next, Unreadable> {
    let element = held.rest().get(..bytes).unwrap_or_default();
    let text =
        utf8(element).map_err(|why| unreadable(held, &format!("an element begins here, and {why}")))?;
    let item = json(text).map_err(|BadJson { line, why, .. }| {
        let line = held.place().line + line.max(1) as u64;
        Unreadable(format!("Line {line}: an element is not JSON: {why}."))
    })?;
    Ok(Next::Row { bytes, item: Ok(item) })
}

fn ended(held: &Held, at: &At) -> Unreadable {
    match at {
        At::Beginning => Unreadable("The object is empty, and no JSON array.".into()),
        _ => unreadable(held, "the object ends before the array does"),
    }
}

/// `why` on the line of the first byte held.
fn unreadable(held: &Held, why: &str) -> Unreadable {
    Unreadable(format!("Line {}: {why}.", held.place().line + 1))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
