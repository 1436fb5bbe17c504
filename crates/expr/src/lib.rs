//! Runtime expressions: bounded jq over JSON values.
//!
//! An [`Expression`] is compiled once and evaluated often; a [`Template`] is a JSON value with expressions in it.
//!
//! ```
//! use aquifer_expr::{Bounds, Expression, Mode, Template};
//! use serde_json::json;
//!
//! let bounds = Bounds::at("2026-01-02T03:04:05Z".parse()?);
//! let total = Expression::compile("[.items[] | .price * .count] | add + $context.fee", &["context", "input"])?;
//! assert_eq!(total.variables(), ["context"]);
//!
//! let input = json!({"items": [{"price": 2.5, "count": 4}, {"price": 3, "count": 1}]});
//! let arguments = [("context", json!({"fee": 1}))];
//! assert_eq!(total.evaluate(&input, &arguments, &bounds)?, json!(14));
//!
//! let body = Template::compile(&json!({"text": "Items", "count": "${ .items | length }"}), &[], Mode::Strict)?;
//! assert_eq!(body.evaluate(&input, &(), &bounds)?, json!({"text": "Items", "count": 2}));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! Neither an expression nor its data can crash, hang or starve the process, or reach outside:
//!
//! - An evaluation ends soon after [`Bounds::time`], on the caller's thread. A single operation on a large text
//!   is not interrupted; its length is bounded by [`Bounds::memory`], and for regular expressions also by the size
//!   of the pattern.
//! - The values that an evaluation makes, and its result written out, stay within [`Bounds::memory`],
//!   but for the bookkeeping around them: take it as right within a factor of two or three.
//! - Nothing recurses without a limit: sources nest at most 200 levels (and 64 KiB), values that are made 100, calls and
//!   operations 10 000 (on stack that is allocated as needed). What is deeper is an error, never an overflow.
//! - An expression sees its input and its arguments. There is no `env`, `input`, `debug` or `halt`, no modules and no time zone;
//!   `now` is [`Bounds::now`]. The same arguments give the same result, on any machine.
//! - An expression cannot catch the error of a bound.
//!
//! # Language
//!
//! jq 1.7 and the functions of 1.8, user definitions (`def`) included, with these differences: integers from -2^63 to
//! 2^64 - 1 are exact, also in arithmetic; regular expressions match in linear time, without look-around and back-references,
//! and `^` and `$` are the ends of the text; `localtime` and `strflocaltime` use UTC; `fromdate` takes all of RFC 3339;
//! `limit` refuses a negative count. Of many outputs the first counts; no output is null.
//!
//! # Why not jaq
//!
//! jaq is the good library for the job, but has no way to stop an evaluation: no fuel, no interrupt, recursion on
//! the stack of the machine (its parser's, too), `env` and `halt` among its functions, 0.4 ms to compile a program. To bound it
//! takes an own value type that unwinds the stack out of its operators when fuel runs out, own versions of
//! all functions of its JSON crate, and a ban on `def`, and still leaves the memory of its streams and the drop of its nested
//! lists unbounded. That is more code than an interpreter that counts, and less certain. This one hands outputs
//! to receivers instead of building streams, so a `Result` stops it anywhere; works on borrowed JSON, so a large argument costs
//! nothing; and compiles the part of the library that an expression mentions, in microseconds.

mod arguments;
mod bounds;
mod error;
mod expression;
mod format;
mod library;
mod machine;
mod meter;
mod stop;
mod syntax;
mod template;
mod value;

pub use arguments::Arguments;
pub use bounds::Bounds;
pub use error::{CompileError, EvaluateError, EvaluateErrorKind};
pub use expression::{Expression, is_expression};
pub use template::{Mode, Template, TemplateError};

use serde_json::Value;

/// Whether a condition holds: everything but `null` and `false` is true, as in jq.
pub fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}
