//! Making connections: addresses, TLS, credentials, and finding the primary through sentinels.

use std::fs;
use std::path::Path;

use aquifer_core::{Error, Result};
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, TlsCertificates, TlsMode,
};
use tokio::sync::Mutex;

use crate::error::{Does, of_connect, timed_out};
use crate::options::{Address, Credentials, Place, Tls};
use crate::{RedisOptions, options};

/// Makes connections to one server, or to the primary of the moment.
pub(crate) struct Connector {
    target: String,
    options: RedisOptions,
    to: To,
}

enum To {
    Server(Client),
    Primary(Mutex<SentinelClient>),
}

impl Connector {
    pub(crate) fn new(options: &RedisOptions) -> Result<Self> {
        // The driver takes the process's provider; another one that is there already does as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let target = options.target();
        let certificates = certificates(options.tls.as_ref())?;
        let refused = |error| of_connect(error, &target);
        let to = match &options.place {
            Place::Single(address) => To::Server(client(options, address, certificates).map_err(refused)?),
            Place::Cluster(addresses) => {
                let first = addresses.first().ok_or_else(|| Error::invalid("a cluster needs a host"))?;
                To::Server(client(options, first, certificates).map_err(refused)?)
            }
            Place::Sentinel(addresses, name) => {
                let client = sentinel(options, addresses, name, certificates).map_err(refused)?;
                To::Primary(Mutex::new(client))
            }
        };
        Ok(Self { target, options: options.clone(), to })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    async fn client(&self) -> Result<Client> {
        match &self.to {
            To::Server(client) => Ok(client.clone()),
            // Asked again for every connection: after a fail-over it is another one.
            To::Primary(sentinels) => {
                let found = sentinels.lock().await.async_get_client().await;
                found.map_err(|error| of_connect(error, &self.target))
            }
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.request_timeout));
        let connecting = async {
            let client = self.client().await?;
            let connection = client.get_multiplexed_async_connection_with_config(&config).await;
            connection.map_err(|error| of_connect(error, &self.target))
        };
        self.in_time(connecting).await
    }

    /// A new connection that listens.
    pub(crate) async fn listen(&self) -> Result<redis::aio::PubSub> {
        let connecting = async {
            let client = self.client().await?;
            client.get_async_pubsub().await.map_err(|error| of_connect(error, &self.target))
        };
        self.in_time(connecting).await
    }

    async fn in_time<T: Send>(&self, connecting: impl Future<Output = Result<T>> + Send) -> Result<T> {
        // Erased, since the driver's futures are deeper than the compiler follows.
        let connecting: BoxFuture<'_, Result<T>> = Box::pin(connecting);
        match tokio::time::timeout(self.options.connect_timeout, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(timed_out(&self.target, "connect_timeout", Does::Reads)),
        }
    }
}

/// The client of a cluster.
pub(crate) fn cluster_client(options: &RedisOptions) -> Result<ClusterClient> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let Place::Cluster(addresses) = &options.place else {
        return Err(Error::invalid("this is no cluster"));
    };
    let certificates = certificates(options.tls.as_ref())?;
    let nodes =
        addresses.iter().map(|address| connection_info(options, address)).collect::<redis::RedisResult<Vec<_>>>();
    let build = || {
        let mut builder = ClusterClient::builder(nodes?)
            .connection_timeout(options.connect_timeout)
            .response_timeout(options.request_timeout)
            .tcp_settings(TcpSettings::default().set_nodelay(true))
            .retries(6)
            .max_retry_wait(1000)
            .min_retry_wait(20);
        if let Some(certificates) = certificates {
            builder = builder.tls(TlsMode::Secure).certs(certificates);
        }
        builder.build()
    };
    build().map_err(|error| of_connect(error, &options.target()))
}

fn connection_info(options: &RedisOptions, address: &Address) -> redis::RedisResult<ConnectionInfo> {
    let info = connection_addr(options.tls.as_ref(), address).into_connection_info()?;
    let mut redis = RedisConnectionInfo::default().set_db(options.db);
    let options::Credentials { username, password } = &options.credentials;
    if let Some(username) = username {
        redis = redis.set_username(username);
    }
    if let Some(password) = password {
        redis = redis.set_password(password);
    }
    Ok(info.set_redis_settings(redis).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn connection_addr(tls: Option<&Tls>, address: &Address) -> ConnectionAddr {
    let (host, port) = (address.host.clone(), address.port);
    match tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    }
}

fn client(
    options: &RedisOptions,
    address: &Address,
    certificates: Option<TlsCertificates>,
) -> redis::RedisResult<Client> {
    let info = connection_info(options, address)?;
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

fn sentinel(
    options: &RedisOptions,
    addresses: &[Address],
    name: &str,
    certificates: Option<TlsCertificates>,
) -> redis::RedisResult<SentinelClient> {
    let addresses: Vec<_> = addresses.iter().map(|address| connection_addr(options.tls.as_ref(), address)).collect();
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_db(options.db)
        .set_client_to_redis_tcp_settings(TcpSettings::default().set_nodelay(true));
    if options.tls.is_some() {
        builder =
            builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    let Credentials { username, password } = &options.credentials;
    if let Some(username) = username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_redis_password(password);
    }
    let Credentials { username, password } = &options.sentinel_credentials;
    if let Some(username) = username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

/// The certificates; without any file of one's own those of the system are trusted.
fn certificates(tls: Option<&Tls>) -> Result<Option<TlsCertificates>> {
    let Some(tls) = tls else { return Ok(None) };
    let root_cert = tls.ca.as_deref().map(|file| pem(file, "tls_ca")).transpose()?;
    let client_tls = match &tls.client {
        None => None,
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: pem(certificate, "tls_cert")?, client_key: pem(key, "tls_key")? })
        }
    };
    Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
}

fn pem(file: &Path, option: &str) -> Result<Vec<u8>> {
    let bytes = fs::read(file).map_err(|error| {
        Error::invalid(format!("the file {} of the option {option} cannot be read", file.display())).with_source(error)
    })?;
    if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(Error::invalid(format!("the file {} of the option {option} is not PEM", file.display())));
    }
    Ok(bytes)
}
