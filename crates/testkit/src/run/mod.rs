//! Programs as servers: where they live, how they start and stop, how one sees that they are ready.

mod container;
mod daemon;
mod home;
mod port;
mod probe;
mod process;
mod user;

pub(crate) use container::{Container, engine};
pub(crate) use daemon::{Daemon, Program, StopSignal};
pub(crate) use home::Home;
pub(crate) use port::{free_port, free_ports_with_bus};
pub(crate) use probe::Probe;
pub(crate) use user::server_user;
