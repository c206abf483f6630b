//! An array within a JSON text, found by a JSON Pointer (RFC 6901): what stands before it is passed over, and never held.

use crate::{Unreadable, array::Element, held::Held, limits::POINTED_BYTES_MAX};

/// On the way to the array.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seek {
    /// What is left of the pointer, the next name last.
    names: Vec<String>,
    at: At,
}

#[derive(Debug, Clone, PartialEq)]
enum At {
    /// Before a value on the way.
    Value,
    /// Before a member of an object, or behind one.
    Member,
    /// In a member's name, from its quotation mark on.
    Name(Vec<u8>, Element),
    /// Between a member's name and its value: whether this is the way.
    Colon(bool),
    /// Before an element of an array: so many are before the one that is wanted.
    Elements(u64),
    /// Before or within a value that isn't on the way. In an array so many are left with it.
    Other(Element, Option<u64>),
}

impl Seek {
    /// None if it is at the beginning.
    pub(crate) fn new(pointer: &[String]) -> Option<Self> {
        let names: Vec<String> = pointer.iter().rev().cloned().collect();
        (!names.is_empty()).then_some(Self { names, at: At::Value })
    }

    /// Goes on through what is held: whether the array begins at the first byte that is left.
    pub(crate) fn found(&mut self, held: &mut Held) -> Result<bool, Unreadable> {
        loop {
            let Some(byte) = held.rest().first().copied() else {
                return match held.is_finished() {
                    true => Err(self.missing()),
                    false => Ok(false),
                };
            };
            if held.place().offset >= POINTED_BYTES_MAX {
                return Err(Unreadable(format!(
                    "What ItemsPointer names doesn't begin within {POINTED_BYTES_MAX} bytes."
                )));
            }
            let is_blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let mut takes = true;
            self.at = match (std::mem::replace(&mut self.at, At::Value), byte) {
                (At::Name(mut name, mut text), byte) => {
                    name.push(byte);
                    match text.step(byte) {
                        None => At::Name(name, text),
                        Some(_) => {
                            let name: String = serde_json::from_slice(&name).map_err(|_| self.missing())?;
                            At::Colon(self.names.last() == Some(&name))
                        }
                    }
                }
                (At::Other(mut value, left), byte) if !is_blank || value.has_begun() => {
                    match value.step(byte) {
                        None => At::Other(value, left),
                        Some(end) => {
                            // What ends a number or a word is no part of it.
                            takes = end == value.scanned();
                            left.map_or(At::Member, |left| At::Elements(left - 1))
                        }
                    }
                }
                (at, _) if is_blank => at,
                (At::Value, _) if self.names.is_empty() => return Ok(true),
                (At::Value, b'{') => At::Member,
                (At::Value, b'[') => match self.names.last().and_then(|name| index(name)) {
                    Some(index) => At::Elements(index),
                    None => return Err(self.missing()),
                },
                (At::Member, b',') => At::Member,
                (At::Member, b'"') => {
                    let mut text = Element::default();
                    text.step(byte);
                    At::Name(vec![byte], text)
                }
                (At::Colon(true), b':') => {
                    self.names.pop();
                    At::Value
                }
                (At::Colon(false), b':') => At::Other(Element::default(), None),
                (At::Elements(left), b',') => At::Elements(left),
                (At::Elements(_), b']') => return Err(self.missing()),
                (At::Elements(0), _) => {
                    takes = false;
                    self.names.pop();
                    At::Value
                }
                (At::Elements(left), _) => {
                    takes = false;
                    At::Other(Element::default(), Some(left))
                }
                _ => return Err(self.missing()),
            };
            if takes {
                held.take(1);
            }
        }
    }

    fn missing(&self) -> Unreadable {
        match self.names.last() {
            Some(name) => Unreadable(format!("The object holds nothing at {name:?} of ItemsPointer.")),
            None => Unreadable("The object ends where ItemsPointer leads to.".to_owned()),
        }
    }
}

/// The number that a name of the pointer is, where an array is on the way.
fn index(name: &str) -> Option<u64> {
    let is_number = name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    name.parse().ok().filter(|_| is_number)
}
