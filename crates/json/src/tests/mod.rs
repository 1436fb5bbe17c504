//! Tests of the whole backend.

mod crash;
mod faults;
mod files;
mod sim;
mod torn;
mod work;
