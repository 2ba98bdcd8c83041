//! Who listens to a Redis. The bus itself knows only how many.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisError};

const LIMIT: Duration = Duration::from_secs(2);

/// The clients that subscribe to something, as far as this Redis and its rules let us know. Of which channel it does not
/// tell.
pub(crate) async fn subscribers(url: &str) -> Vec<String> {
    match list(url).await {
        Ok(list) => names(&list),
        // A sentinel's address, or a user who may not ask.
        Err(_) => Vec::new(),
    }
}

async fn list(url: &str) -> Result<String, RedisError> {
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LIMIT))
        .set_response_timeout(Some(LIMIT));
    let client = Client::open(url)?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&limits)
        .await?;
    redis::cmd("CLIENT")
        .arg(&["LIST", "TYPE", "pubsub"])
        .query_async(&mut connection)
        .await
}

/// `id=3 addr=10.0.0.2:5000 name=worker … sub=1 … lib-name=redis-py lib-ver=5.0`, a line for each.
fn names(list: &str) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let mut fields = line.split(' ').filter_map(|field| field.split_once('='));
        let value = fields.find(|(field, _)| *field == name)?.1;
        (!value.is_empty() && value != "0").then(|| value.to_owned())
    };
    let lines = list.lines().filter(|line| field(line, "sub").is_some());
    let name = |line| {
        let words = ["addr", "name", "lib-name", "lib-ver"];
        let words = words.into_iter().filter_map(|word| field(line, word));
        words.collect::<Vec<_>>().join(" ")
    };
    lines.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_subscribe_are_named() {
        let list = "id=3 addr=10.0.0.2:5000 laddr=x name= db=14 sub=1 psub=0 lib-name=redis-py lib-ver=5.0\n\
                    id=4 addr=/run/redis.sock:0 name=worker sub=2 psub=0\n\
                    id=5 addr=10.0.0.3:1 name= sub=0 psub=1\n\n";
        assert_eq!(
            names(list),
            ["10.0.0.2:5000 redis-py 5.0", "/run/redis.sock:0 worker"]
        );
    }
}
