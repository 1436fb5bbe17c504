//! The real binary, from the outside: what it prints, where, and what it returns.

mod completions;
mod database;
mod resume;
mod run;
mod serve;
mod settings;
mod support;
mod validate;
mod workflows;
