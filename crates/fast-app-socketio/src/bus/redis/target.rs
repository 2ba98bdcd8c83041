//! Where Redis is: one server, or whichever one the sentinels call the master.

use std::time::Duration;

use redis::{
    Client, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult,
    aio::MultiplexedConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;

/// How long it may take to reach a server.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The service that sentinels are asked for when the URL names none: python-socketio takes the channel's name.
const DEFAULT_SENTINEL_PORT: u16 = 26_379;

pub(super) struct Target {
    place: Place,
    /// For people: without user and password.
    address: String,
}

enum Place {
    Server(Client),
    /// Asked anew for each connection, because the master may have changed.
    Sentinels(Mutex<SentinelClient>),
}

impl Target {
    /// Reads a URL; `service` is what sentinels are asked for when it names none.
    pub(super) fn parse(url: &str, service: &str) -> RedisResult<Self> {
        if let Some(rest) = ["redis+sentinel://", "valkey+sentinel://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))
        {
            return Self::sentinels(rest, service);
        }
        let client = Client::open(url)?;
        Ok(Self {
            address: client.get_connection_info().addr().to_string(),
            place: Place::Server(client),
        })
    }

    /// `[user][:password]@host:port,host:port/db/service`, as python-socketio reads it: the credentials and the number
    /// are for the master.
    fn sentinels(rest: &str, service: &str) -> RedisResult<Self> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let (db, named) = path.split_once('/').unwrap_or((path, ""));
        let service = if named.is_empty() { service } else { named };
        // Redis' own rules for percent-encoding and for the number hold here as well.
        let master = format!("redis://{credentials}master/{db}").into_connection_info()?;
        let sentinels = hosts
            .split(',')
            .map(|host| {
                let info = format!("redis://{host}").into_connection_info()?;
                Ok(match info.addr() {
                    ConnectionAddr::Tcp(name, _) if !has_port(host) => {
                        ConnectionAddr::Tcp(name.clone(), DEFAULT_SENTINEL_PORT)
                    }
                    address => address.clone(),
                })
            })
            .collect::<RedisResult<Vec<_>>>()?;
        let settings = master.redis_settings();
        let mut builder =
            SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
                .set_client_to_redis_db(settings.db());
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        Ok(Self {
            place: Place::Sentinels(Mutex::new(builder.build()?)),
            address: format!("{service} of the sentinels {hosts}"),
        })
    }

    /// Where it is, for people.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A connection for commands, which may take `response` to be answered.
    pub(super) async fn connect(&self, response: Duration) -> RedisResult<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response));
        within(CONNECT_TIMEOUT, async {
            let client = self.client().await?;
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await
        })
        .await
    }

    /// A connection that hears these channels.
    pub(super) async fn subscribe(&self, channels: &[&str]) -> RedisResult<redis::aio::PubSub> {
        within(CONNECT_TIMEOUT, async {
            let mut pubsub = self.client().await?.get_async_pubsub().await?;
            pubsub.subscribe(channels).await?;
            Ok(pubsub)
        })
        .await
    }

    async fn client(&self) -> RedisResult<Client> {
        match &self.place {
            Place::Server(client) => Ok(client.clone()),
            Place::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

fn has_port(host: &str) -> bool {
    // An IPv6 address is in brackets.
    host.rsplit_once(']')
        .map_or(host, |(_, port)| port)
        .contains(':')
}

async fn within<T>(
    timeout: Duration,
    attempt: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    match tokio::time::timeout(timeout, attempt).await {
        Ok(result) => result,
        Err(_) => Err(RedisError::from(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_where_they_lead() {
        for (url, address) in [
            ("redis://localhost", "localhost:6379"),
            ("redis://user:secret@host:7/14", "host:7"),
            ("valkey://host", "host:6379"),
            ("unix:///run/redis.sock", "/run/redis.sock"),
            (
                "redis+sentinel://:secret@a:1,b/14/main",
                "main of the sentinels a:1,b",
            ),
            (
                "valkey+sentinel://[::1]:5",
                "socketio of the sentinels [::1]:5",
            ),
        ] {
            let target = Target::parse(url, "socketio").expect(url);
            assert_eq!(target.address(), address);
        }
        #[cfg(feature = "tls")]
        for url in ["rediss://host", "valkeys://host"] {
            assert_eq!(
                Target::parse(url, "socketio").expect(url).address(),
                "host:6379"
            );
        }
        for url in [
            "redis://host:port",
            "redis://host/db",
            "redis+sentinel://a:1/db/main",
            "redis+sentinel://",
            "http://host",
        ] {
            assert!(Target::parse(url, "socketio").is_err(), "{url}");
        }
    }
}
