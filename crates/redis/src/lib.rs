//! The Redis and Valkey backend.
