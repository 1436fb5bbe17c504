//! Calls to the server, whichever form it has.

use std::time::Duration;

use aquifer_core::{Error, Result};
use futures_util::future::BoxFuture;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{
    MultipleNodeRoutingInfo, ResponsePolicy, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr,
};
use redis::{Cmd, Pipeline, RedisError, Value};

use crate::connect::{Connector, cluster_client};
use crate::error::{Does, of_call, of_connect, timed_out};
use crate::pool::Pool;
use crate::script::{Call, Source};
use crate::{RedisOptions, values};

/// The way to a server, or to the servers of a cluster.
pub(crate) struct Link {
    target: String,
    request_timeout: Duration,
    wait_replicas: u32,
    way: Way,
}

enum Way {
    Single(Box<Pool>),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects once, so that a wrong option shows now.
    pub(crate) fn open(options: &RedisOptions) -> BoxFuture<'_, Result<Self>> {
        Box::pin(Self::connect(options))
    }

    async fn connect(options: &RedisOptions) -> Result<Self> {
        let target = options.target();
        let way = if options.is_cluster() {
            let client: ClusterClient = cluster_client(options)?;
            let connecting: BoxFuture<'_, _> = Box::pin(client.get_async_connection());
            let connecting = tokio::time::timeout(options.connect_timeout * 2, connecting);
            let connection = connecting.await.map_err(|_| timed_out(&target, "connect_timeout", Does::Reads))?;
            Way::Cluster(connection.map_err(|error| of_connect(error, &target))?)
        } else {
            let pool = Pool::new(Connector::new(options)?, options.max_connections);
            pool.connect().await?;
            Way::Single(Box::new(pool))
        };
        let (request_timeout, wait_replicas) = (options.request_timeout, options.wait_replicas);
        Ok(Self { target, request_timeout, wait_replicas, way })
    }

    /// What error texts call the server.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Sends commands in one go to the server that has the slot of `slot`, and answers what it said to each, refusals included.
    ///
    /// # Errors
    /// If not all replies came.
    pub(crate) fn send<'a>(
        &'a self,
        slot: &'a str,
        commands: Vec<Cmd>,
        does: Does,
    ) -> BoxFuture<'a, Result<Vec<Value>>> {
        // On the heap, since everything else is made of it.
        Box::pin(self.send_in_time(slot, commands, does))
    }

    async fn send_in_time(&self, slot: &str, commands: Vec<Cmd>, does: Does) -> Result<Vec<Value>> {
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        let sent = async {
            match &self.way {
                Way::Single(pool) => {
                    let mut lease = pool.take().await?;
                    let replies = lease.connection.send_packed_commands(&pipeline, 0, count).await;
                    if replies.as_ref().is_err_and(crate::error::breaks)
                        || replies.as_ref().is_ok_and(|all| refused(all))
                    {
                        pool.drop_connection(&lease);
                    }
                    replies.map_err(|error| of_call(error, &self.target, does))
                }
                Way::Cluster(connection) => {
                    let route = SingleNodeRoutingInfo::SpecificNode(Route::with_key(slot, SlotAddr::Master));
                    let replies = connection.clone().route_pipeline(pipeline, 0, count, route).await;
                    replies.map_err(|error| of_call(error, &self.target, does))
                }
            }
        };
        // The driver has its own limit; this one holds whatever happens in it.
        let limit = self.request_timeout + Duration::from_secs(1);
        let replies = match tokio::time::timeout(limit, sent).await {
            Ok(replies) => replies?,
            Err(_) => return Err(timed_out(&self.target, "request_timeout", does)),
        };
        if replies.len() == count { Ok(replies) } else { Err(values::odd_reply()) }
    }

    /// Sends one command.
    ///
    /// # Errors
    /// If no reply came, or a refusal.
    pub(crate) async fn one(&self, slot: &str, command: Cmd, does: Does) -> Result<Value> {
        let mut replies = self.send(slot, vec![command], does).await?;
        self.accepted(replies.pop().unwrap_or(Value::Nil), does)
    }

    /// Sends one command to every primary.
    pub(crate) async fn everywhere(&self, command: Cmd) -> Result<Vec<Value>> {
        match &self.way {
            Way::Single(_) => Ok(vec![self.one("", command, Does::Reads).await?]),
            Way::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None::<ResponsePolicy>));
                let mut connection = connection.clone();
                let sent: BoxFuture<'_, _> = Box::pin(connection.route_command(command, all));
                let sent = tokio::time::timeout(self.request_timeout, sent);
                let reply = sent.await.map_err(|_| timed_out(&self.target, "request_timeout", Does::Reads))?;
                match reply.map_err(|error| of_call(error, &self.target, Does::Reads))? {
                    Value::Map(nodes) => nodes.into_iter().map(|(_, said)| self.accepted(said, Does::Reads)).collect(),
                    other => Ok(vec![self.accepted(other, Does::Reads)?]),
                }
            }
        }
    }

    /// A reply that is not a refusal.
    pub(crate) fn accepted(&self, reply: Value, does: Does) -> Result<Value> {
        match reply {
            Value::ServerError(error) => Err(of_call(RedisError::from(error), &self.target, does)),
            reply => Ok(reply),
        }
    }

    /// Calls a script once for each of `calls`, in order and in one go, and answers what it said to each. Where it writes, and
    /// replicas are to have it, the answers come when they do.
    ///
    /// # Errors
    /// If not all replies came.
    pub(crate) async fn calls(
        &self,
        source: &Source,
        slot: &str,
        calls: &[Call],
        does: Does,
    ) -> Result<Vec<Result<Value>>> {
        let mut commands: Vec<Cmd> = calls.iter().map(|call| source.command(call, false)).collect();
        self.push_wait(&mut commands, does);
        let mut replies = self.send(slot, commands, does).await?;
        // A server that does not know the script has not run it.
        let unknown: Vec<usize> =
            (0..calls.len()).filter(|place| replies.get(*place).is_some_and(is_unknown)).collect();
        if !unknown.is_empty() {
            let mut commands: Vec<Cmd> =
                unknown.iter().filter_map(|place| calls.get(*place)).map(|call| source.command(call, true)).collect();
            self.push_wait(&mut commands, does);
            let mut again = self.send(slot, commands, does).await?.into_iter();
            for place in unknown {
                if let (Some(reply), Some(new)) = (replies.get_mut(place), again.next()) {
                    *reply = new;
                }
            }
            if let (Some(waited), Some(new)) = (replies.get_mut(calls.len()), again.next()) {
                *waited = new;
            }
        }
        let waited = if replies.len() > calls.len() { replies.pop() } else { None };
        let short = waited.and_then(|waited| self.short_of_replicas(waited).err());
        let answers = replies.into_iter().map(|reply| match &short {
            Some(error) if !matches!(reply, Value::ServerError(_)) => Err(error.duplicate()),
            _ => self.accepted(reply, does),
        });
        Ok(answers.collect())
    }

    /// Calls a script once.
    pub(crate) async fn call(&self, source: &Source, slot: &str, call: Call, does: Does) -> Result<Value> {
        let mut answers = self.calls(source, slot, &[call], does).await?;
        answers.pop().unwrap_or_else(|| Err(values::odd_reply()))
    }

    fn push_wait(&self, commands: &mut Vec<Cmd>, does: Does) {
        if self.wait_replicas > 0 && does == Does::Writes {
            let mut wait = redis::cmd("WAIT");
            // Half of the time, so that its answer comes before the driver gives up.
            wait.arg(self.wait_replicas)
                .arg(u64::try_from(self.request_timeout.as_millis() / 2).unwrap_or(1000).max(1));
            commands.push(wait);
        }
    }

    fn short_of_replicas(&self, waited: Value) -> Result<()> {
        let wanted = self.wait_replicas;
        match self.accepted(waited, Does::Writes)? {
            Value::Int(count) if count >= i64::from(wanted) => Ok(()),
            Value::Int(count) => Err(Error::unavailable(format!(
                "{} has it, but only {count} of {wanted} replicas said so in time (option wait_replicas)",
                self.target
            ))
            .with_retry(aquifer_core::Retry::Unknown)),
            _ => Err(values::odd_reply()),
        }
    }

    /// Gives up all connections.
    pub(crate) fn close(&self) {
        if let Way::Single(pool) = &self.way {
            pool.close();
        }
    }
}

/// Whether a server that is no primary any more answered.
fn refused(replies: &[Value]) -> bool {
    replies.iter().any(|reply| match reply {
        Value::ServerError(error) => crate::error::breaks(&RedisError::from(error.clone())),
        _ => false,
    })
}

fn is_unknown(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
