//! The memory backend: ordered maps, and the reference for every other backend
