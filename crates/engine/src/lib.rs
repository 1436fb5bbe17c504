//! The durable execution engine of Aquifer
