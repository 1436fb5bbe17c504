//! The work that tasks do outside: HTTP calls, shell commands and scripts
