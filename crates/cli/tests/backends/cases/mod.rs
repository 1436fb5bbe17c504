//! The cases, and which backends each is for.

mod faults;
mod life;
mod network;
mod process;

use std::future::Future;
use std::pin::Pin;

use crate::place::Place;

/// What is asserted on a backend.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) run: fn(&'static Place) -> Run,
}

pub(crate) type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a backend must be for a case to make sense.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Needs {
    Anything,
    /// What is stored outlives the process.
    Durable,
    /// Several processes use it at once.
    Shared,
    /// It is behind a network.
    Server,
    /// It is behind a network, and goes on where its disk is full.
    Disk,
}

impl Needs {
    pub(crate) fn are_met_by(self, place: &Place) -> bool {
        match self {
            Self::Anything => true,
            Self::Durable => place.is_durable(),
            Self::Shared => place.is_shared(),
            Self::Server => place.is_server(),
            Self::Disk => place.disk().is_some(),
        }
    }
}

macro_rules! cases {
    ($($needs:ident: $theme:ident { $($name:ident),* $(,)? })*) => {
        /// Every case.
        pub(crate) const CASES: &[Case] = &[$($(Case {
            name: stringify!($name),
            needs: Needs::$needs,
            run: |place| Box::pin($theme::$name(place)),
        }),*),*];
    };
}

cases! {
    Anything: life {
        workflows_run_to_their_end,
        large_values_come_back,
        executions_are_cancelled_suspended_and_resumed,
        listings_page_through_all,
    }
    Durable: process { a_killed_process_loses_nothing }
    Shared: process { two_processes_share_the_work }
    Server: network {
        a_server_that_is_not_there_is_named,
        a_server_that_starts_later_is_waited_for,
        a_slow_server_is_not_crowded,
    }
    Disk: faults { a_full_disk_loses_nothing }
    Server: faults {
        a_restart_of_the_server_loses_nothing,
        a_bad_network_loses_nothing,
    }
}
