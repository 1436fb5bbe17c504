//! Strom: `STROM_*`.

use super::takes::{anything, json_directory, json_file, listen_port};
use super::{Alias, Gate, Gives, System};

/// Why what is about media does nothing.
const NO_MEDIA: &str = "flows of media are kept and not run";

/// Strom.
pub(super) const SYSTEM: System = System {
    name: "Strom",
    prefix: Some("STROM_"),
    gate: Gate::Open,
    kinds: &[],
    defaults: |_| &[],
    aliases: &[
        Alias { name: "STROM_DATABASE_URL", gives: Gives::Url, takes: anything },
        Alias { name: "STROM_FLOWS_PATH", gives: Gives::Fallback, takes: json_file },
        Alias { name: "STROM_DATA_DIR", gives: Gives::Fallback, takes: json_directory },
        Alias { name: "STROM_PORT", gives: Gives::ListenPort, takes: listen_port },
        Alias { name: "STROM_API_KEY", gives: Gives::Nothing("there is no sign-in yet"), takes: anything },
        Alias { name: "STROM_BLOCKS_PATH", gives: Gives::Nothing(NO_MEDIA), takes: anything },
        Alias { name: "STROM_MEDIA_PATH", gives: Gives::Nothing(NO_MEDIA), takes: anything },
    ],
};
