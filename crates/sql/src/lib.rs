//! The SQL backends, generated from the declared schema through a small dialect
