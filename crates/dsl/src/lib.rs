#![doc = include_str!("../README.md")]

mod definition;
mod diagnostic;
mod duration;
mod expression;
mod limits;
mod model;
mod problem;
mod read;
mod source;
mod unsupported;

pub use definition::Definition;
pub use diagnostic::{Diagnostic, Diagnostics, Location};
pub use duration::{Duration, DurationError, MAX_DURATION, parse_iso_duration};
pub use expression::{Expression, expression_in};
pub use limits::Limits;
pub use model::*;
pub use problem::{ERROR_TYPE_PREFIX, ErrorFilter, Problem, ProblemKind, same_type};
pub use read::{parse, parse_with_limits};
pub use source::Locations;
