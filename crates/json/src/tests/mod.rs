//! Tests of the whole backend.

mod concurrency;
mod crash;
mod faults;
mod files;
mod sim;
mod torn;
mod work;
