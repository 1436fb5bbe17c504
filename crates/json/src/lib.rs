//! The JSON file backend: a readable snapshot plus an fsynced journal
