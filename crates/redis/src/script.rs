//! The scripts, and how they are called.

use redis::{Cmd, Script};

use crate::layout::Layout;

const COMMON: &str = include_str!("scripts/common.lua");
const PROMISE: &str = include_str!("scripts/promise.lua");

/// The scripts of one schema and layout.
pub(crate) struct Scripts {
    pub(crate) commit: Source,
    pub(crate) scan: Source,
    pub(crate) claim: Source,
    pub(crate) register: Source,
    pub(crate) settle: Source,
    pub(crate) renew: Source,
    pub(crate) reserve: Source,
    pub(crate) fence: Source,
    pub(crate) seize: Source,
    pub(crate) version: Source,
}

/// One script, and the name that a server knows it by once it has seen it.
pub(crate) struct Source {
    text: String,
    hash: String,
}

impl Scripts {
    pub(crate) fn new(layout: &Layout) -> Self {
        let declaration = layout.declaration();
        let promise = if layout.cluster { PROMISE } else { "" };
        let with_schema = |body: &str| Source::new([&declaration, COMMON, promise, body].concat());
        Self {
            commit: with_schema(include_str!("scripts/commit.lua")),
            scan: with_schema(include_str!("scripts/scan.lua")),
            claim: with_schema(include_str!("scripts/claim.lua")),
            register: Source::new([PROMISE, include_str!("scripts/register.lua")].concat()),
            settle: Source::new(include_str!("scripts/settle.lua").to_owned()),
            renew: Source::new(include_str!("scripts/renew.lua").to_owned()),
            reserve: Source::new(include_str!("scripts/reserve.lua").to_owned()),
            fence: Source::new(include_str!("scripts/fence.lua").to_owned()),
            seize: Source::new(include_str!("scripts/seize.lua").to_owned()),
            version: Source::new(include_str!("scripts/version.lua").to_owned()),
        }
    }
}

impl Source {
    fn new(text: String) -> Self {
        let hash = Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    /// The call of a script that the server has seen, or else the script itself.
    pub(crate) fn command(&self, call: &Call, whole: bool) -> Cmd {
        let mut command = redis::cmd(if whole { "EVAL" } else { "EVALSHA" });
        command.arg(if whole { &self.text } else { &self.hash }).arg(call.keys.len());
        for key in &call.keys {
            command.arg(key.as_bytes());
        }
        for argument in &call.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").finish_non_exhaustive()
    }
}

/// What a script is called with.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<Vec<u8>>,
}

impl Call {
    pub(crate) fn arg(&mut self, argument: impl AsRef<[u8]>) -> &mut Self {
        self.arguments.push(argument.as_ref().to_vec());
        self
    }

    pub(crate) fn number(&mut self, number: usize) -> &mut Self {
        self.arguments.push(number.to_string().into_bytes());
        self
    }
}
