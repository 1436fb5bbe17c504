//! The libSQL and Turso backend, over Hrana on HTTP.
