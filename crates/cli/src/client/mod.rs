//! Talking to the REST interface: of a server, or of the database itself with the same routes in this process.

mod problem;
mod request;
mod transport;

use aquifer::engine::Engine;
use aquifer::{OpenOptions, mask};
use aquifer_server::ServerOptions;
use clap::Args;
use serde_json::Value;

use crate::commands::Context;
use crate::config::{Flags, Source};
use crate::database;
use crate::failure::{Failure, Result};

pub(crate) use request::Request;
use transport::Transport;

/// Where a command finds workflows and executions.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// A server, such as http://127.0.0.1:7400 [default: the setting server.url]
    #[arg(long, value_name = "URL", conflicts_with = "database_url")]
    server: Option<String>,
    /// Straight on a database, without a server [default: the setting database.url]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl PlaceArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        flags.add("server.url", self.server.as_deref(), "--server");
        flags.add("database.url", self.database_url.as_deref(), "--database-url");
    }
}

/// A client of the REST interface.
pub(crate) struct Client {
    transport: Transport,
    /// The engine of this process, where there is no server.
    engine: Option<Engine>,
    /// The flag that names its database, if the command line did.
    flag: String,
}

impl Client {
    /// Connects to the server that the settings name, or opens the database; `create` says whether one that does not exist is created.
    ///
    /// # Errors
    /// If the database cannot be used. Whether a server answers shows at the first request.
    pub(crate) async fn connect(context: &Context, create: bool) -> Result<Self> {
        let settings = &context.settings;
        // A database on the command line goes before a server that was set elsewhere.
        let is_direct = matches!(settings.database.source, Source::Flag("--database-url"));
        if let Some(url) = settings.server.url.as_ref().filter(|_| !is_direct) {
            return Ok(Self { transport: Transport::remote(url)?, engine: None, flag: String::new() });
        }
        let place = &settings.database;
        let options = database::engine_options(settings, None)?;
        let store = database::open(place, OpenOptions { create, ..OpenOptions::default() }).await?;
        let engine = Engine::open(store, options).await.map_err(|error| database::named(error, place))?;
        let options = ServerOptions {
            tenant: settings.server.tenant.clone(),
            max_body_bytes: settings.max_body_bytes(),
            ..ServerOptions::default()
        };
        let transport = Transport::local(aquifer_server::router(engine.clone(), options));
        let flag = if is_direct { format!(" --database-url {}", mask(&place.url)) } else { String::new() };
        Ok(Self { transport, engine: Some(engine), flag })
    }

    /// What other commands need on their command line to work on the same database; `None` where a server does the work.
    pub(crate) fn direct_flag(&self) -> Option<&str> {
        self.engine.is_some().then_some(self.flag.as_str())
    }

    /// Sends a request and returns the document of the reply; null if it has none.
    ///
    /// # Errors
    /// If the request is refused, with the reason, or nobody answers.
    pub(crate) async fn send(&self, request: Request) -> Result<Value> {
        let (status, body) = self.transport.send(request).await?;
        if !(200..300).contains(&status) {
            return Err(problem::failure(status, &body));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failure::failed("the server did not answer with JSON: is it Aquifer?").with_source(&error))
    }

    /// Finishes or hands back what runs in this process.
    pub(crate) async fn close(self) {
        if let Some(engine) = self.engine {
            database::close(engine).await;
        }
    }
}
