//! The command line.

/// Serves MongoDB's protocol before PostgreSQL with the DocumentDB extension, for tests.
#[derive(Debug, clap::Parser)]
pub(crate) struct Args {
    /// The port to listen on, on the loopback interface.
    #[arg(long)]
    pub(crate) port: u16,
    /// The URL of PostgreSQL with the extension: `postgres://postgres@127.0.0.1:5432/postgres`.
    #[arg(long)]
    pub(crate) postgres: String,
    /// The most connections to PostgreSQL; each open transaction and each large cursor has one of its own.
    #[arg(long, default_value_t = 120)]
    pub(crate) connections: u32,
}
