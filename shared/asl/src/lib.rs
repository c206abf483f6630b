//! The Amazon States Language: parse, validate, paths, intrinsic functions.
//!
//! [`Definition::parse`] turns a text into types that are ready to be evaluated, or gives all of its faults at once.
//! Everything here is pure: no I/O, no clock; randomness is an argument ([`Draws`]).
//!
//! ```
//! use stepladder_asl::{Definition, Draws, Scope};
//!
//! let definition = Definition::parse(
//!     r#"{"StartAt": "Greet", "States": {"Greet": {
//!         "Type": "Pass", "Parameters": {"text.$": "States.Format('Hello {}', $.name)"}, "End": true}}}"#,
//! )?;
//! let Some(greet) = definition.state("Greet") else { unreachable!() };
//! let (input, context) = (serde_json::json!({"name": "Ada"}), serde_json::json!({}));
//! let draws = Draws::new([0; 32]);
//! let scope = Scope::new(&input, &context, &draws);
//! let parameters = greet.data.arguments.as_ref().map(|template| template.evaluate("Parameters", &scope));
//! assert_eq!(parameters.and_then(Result::ok), Some(serde_json::json!({"text": "Hello Ada"})));
//! # Ok::<(), stepladder_asl::Faults>(())
//! ```

mod budget;
mod canonical;
pub mod choice;
pub mod definition;
mod equality;
pub mod errors;
mod evaluate;
mod fault;
pub mod intrinsic;
mod java;
mod json;
pub mod jsonata;
pub mod limits;
mod measure;
mod nearest;
mod parse;
pub mod path;
pub mod resource;
pub mod retry;
mod scope;
mod target;
pub mod template;
pub mod timestamp;

pub use budget::Budget;
pub use choice::Rule;
pub use definition::*;
pub use errors::ErrorName;
pub use fault::{Fault, FaultCode, Faults, Severity};
pub use jsonata::{Jsonata, JsonataError, JsonataErrorKind, JsonataFault, JsonataScope, States};
pub use nearest::nearest;
pub use parse::{Checked, Options, Refusal, Unsupported};
pub use path::{Path, ReferencePath};
pub use resource::{Pattern, Resource, Service};
pub use scope::{Draws, EvalError, Scope, no_variables};
pub use target::Target;
pub use template::{Expected, Template};
