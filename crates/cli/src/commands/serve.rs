//! `aquifer serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use aquifer::engine::Engine;
use aquifer::{OpenOptions, mask};
use aquifer_server::ServerOptions;
use clap::Args;
use tokio::net::TcpListener;

use super::Context;
use super::config::unused;
use crate::arguments::{DatabaseArgs, ListenArgs};
use crate::config::{DatabaseSettings, Flags};
use crate::database;
use crate::failure::{Exit, Failure, Result};
use crate::output::{note, print};
use crate::signals::{INTERRUPTED, Signals, Told};

/// Serves the REST interface and runs executions until it is told to stop
#[derive(Debug, Args)]
#[command(after_help = "\
Prints where it listens and where the data is. SIGTERM or Ctrl-C stops it: it finishes what it is
doing within the setting engine.grace and hands the rest back for others to take up; a second Ctrl-C
quits at once. Several processes may serve one database, except a JSON file. Listens on loopback by
default, because there is no sign-in yet. Flags of this command alone, as in
`aquifer --port 3000`, serve too.

Examples:
  aquifer serve
  aquifer serve --port 3000
  aquifer serve --listen 127.0.0.1:0 --database-url sqlite:/var/lib/aquifer/aquifer.db")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// A JSON object of secrets: the values of the names under `use.secrets`
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
}

impl ServeArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        self.listen.add_to(flags);
        self.database.add_to(flags);
    }
}

/// Serves.
///
/// # Errors
/// If it cannot listen, or the database cannot be used.
pub(crate) async fn run(arguments: ServeArgs, context: &Context) -> Result<Exit> {
    let settings = &context.settings;
    let place = &settings.database;
    let engine_options = database::engine_options(settings, arguments.secrets.as_deref())?;
    let listener = listen(settings.server.listen).await?;
    let metrics = aquifer_server::install_metrics()
        .map_err(|error| Failure::failed("the metrics cannot be collected").with_source(&error))?;
    let mut signals = Signals::listen()?;
    let store = database::open(place, OpenOptions::default()).await?;
    let engine = Engine::open(store, engine_options).await.map_err(|error| database::named(error, place))?;
    let options = ServerOptions {
        tenant: settings.server.tenant.clone(),
        max_body_bytes: settings.max_body_bytes(),
        grace: settings.engine.grace,
        metrics: Some(metrics),
        ..ServerOptions::default()
    };
    announce(&listener, place)?;
    // What somebody relied on elsewhere must not be dropped silently.
    settings.uses().filter(|known| known.key.is_none()).filter_map(|known| unused(&known)).for_each(|text| note(&text));
    let told_to_stop = async move {
        let told = signals.next().await;
        note("stopping: what is under way is finished or handed back; Ctrl-C quits at once");
        tokio::spawn(async move {
            while signals.next().await != Told::Interrupt {}
            std::process::exit(INTERRUPTED);
        });
        tracing::info!(?told, "stopping");
    };
    let served = aquifer_server::serve(listener, engine.clone(), options, told_to_stop).await;
    database::close(engine).await;
    served.map_err(|error| Failure::failed("the server stopped").with_source(&error))?;
    Ok(Exit::Done)
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::unusable(format!("cannot listen on {address}"))
            .with_source(&error)
            .with_hint("name another address with --listen, or a port with --port; port 0 takes a free one")
    })
}

/// Says where the server listens, and where the data is.
fn announce(listener: &TcpListener, place: &DatabaseSettings) -> Result<()> {
    let address = listener
        .local_addr()
        .map_err(|error| Failure::failed("the system does not say where the server listens").with_source(&error))?;
    let url = mask(&place.url);
    let data = database::whereabouts(place)?;
    print(&format!("listening on http://{address}\ndata in {data} ({url}, from {})\n", place.source))?;
    if !address.ip().is_loopback() {
        note("anybody who reaches this address can run workflows: there is no sign-in yet");
    }
    Ok(())
}
