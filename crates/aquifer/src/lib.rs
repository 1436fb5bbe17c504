//! Aquifer, a durable workflow engine that runs on the database you already have
