//! Runtime expressions: bounded jq over JSON values
