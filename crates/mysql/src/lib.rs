//! The MySQL and MariaDB backend.
