//! The project's own tools, run as `cargo xtask`.

fn main() {}
