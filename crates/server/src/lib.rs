//! The REST and server-sent events interface of Aquifer
