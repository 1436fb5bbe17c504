//! Backends around backends: each adds one thing and passes everything else on.

mod group_commit;

pub use group_commit::GroupCommit;
