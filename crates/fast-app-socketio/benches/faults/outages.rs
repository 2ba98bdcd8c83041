//! Redis and the way to it fail for a while.

use std::time::Duration;

use fast_app_socketio::bus::OnOutage;
use testkit::{Proxy, RedisServer};
use tokio::time::{Instant, sleep};

use crate::{
    fleet::{CHANNEL, Fleet, Load},
    report::Report,
};

/// Three beats of 5 s that are missed, and the time to connect again.
const WATCHDOG: Duration = Duration::from_secs(17);

const KILLED: Duration = Duration::from_secs(10);
const FROZEN: Duration = Duration::from_secs(15);
const REFUSED: Duration = Duration::from_secs(10);
const SILENT: Duration = Duration::from_secs(20);

pub(crate) async fn kill(report: &mut Report) {
    let (_redis, fleet) = killed(report, "kill", OnOutage::Raise).await;
    fleet.expect_truth(report, "kill").await;
}

pub(crate) async fn spool(report: &mut Report) {
    let (_redis, fleet) = killed(report, "spool", OnOutage::Spool).await;
    fleet.expect_truth(report, "spool").await;
    let (last, _) = fleet.stream.last().unwrap();
    for (number, clients) in ["one", "two"].into_iter().zip(&fleet.clients) {
        let what = format!("numbers up to {last} that clients of worker {number} missed");
        let numbers = clients[0].numbers();
        let heard = numbers.iter().filter(|number| **number <= last).count();
        report.exactly("spool", what, last as usize + 1 - heard, 0);
    }
}

/// A thousand clients on two workers, 50 numbers a second, and no Redis for 10 s.
async fn killed(
    report: &mut Report,
    fault: &'static str,
    on_outage: OnOutage,
) -> (RedisServer, Fleet) {
    let mut redis = RedisServer::spawn().await;
    let load = Load {
        clients: 1_000,
        per_second: 50,
        on_outage,
    };
    let fleet = Fleet::start(&redis.url(), &redis.url(), load).await;
    fleet.between_messages(async || redis.stop().await).await;
    sleep(KILLED).await;
    let cured = Instant::now();
    redis.start().await;
    fleet.expect_recovery(report, fault, cured, &redis).await;
    (redis, fleet)
}

pub(crate) async fn freeze(report: &mut Report) {
    let redis = RedisServer::spawn().await;
    let fleet = Fleet::start(&redis.url(), &redis.url(), Load::small()).await;
    redis.freeze().await;
    sleep(FROZEN).await;
    let cured = Instant::now();
    redis.thaw().await;
    fleet.expect_recovery(report, "freeze", cured, &redis).await;
}

pub(crate) async fn hang_up(report: &mut Report) {
    let redis = RedisServer::spawn().await;
    let fleet = Fleet::start(&redis.url(), &redis.url(), Load::small()).await;
    let killed = async || {
        redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    };
    fleet.between_messages(killed).await;
    let cured = Instant::now();
    fleet
        .expect_recovery(report, "hang-up", cured, &redis)
        .await;
    fleet.expect_truth(report, "hang-up").await;
}

pub(crate) async fn password(report: &mut Report) {
    let mut redis = RedisServer::spawn_with_password("right").await;
    let fleet = Fleet::start(&redis.url(), &redis.url(), Load::small()).await;
    fleet
        .between_messages(async || {
            redis.set_password("other").await;
            for connections in ["pubsub", "normal"] {
                redis.cli(&["CLIENT", "KILL", "TYPE", connections]).await;
            }
        })
        .await;
    sleep(REFUSED).await;
    let cured = Instant::now();
    redis.set_password("right").await;
    fleet
        .expect_recovery(report, "password", cured, &redis)
        .await;
    fleet.expect_truth(report, "password").await;
}

/// Connections that die without a word, and a network that carries nothing for a while.
pub(crate) async fn silence(report: &mut Report) {
    let redis = RedisServer::spawn().await;
    let proxy = Proxy::start(redis.port()).await;
    let url = redis.url_at(proxy.port());
    let fleet = Fleet::start(&url, &redis.url(), Load::small()).await;
    fleet.between_messages(async || proxy.strand()).await;
    let stranded = Instant::now();
    let what = "all clients hear something after their workers' connections died";
    report.within("silence", what, fleet.heard_again(stranded).await, WATCHDOG);
    drop((fleet, proxy));

    let proxy = Proxy::start(redis.port()).await;
    let url = redis.url_at(proxy.port());
    redis.until_subscribers(CHANNEL, 0).await;
    let fleet = Fleet::start(&url, &redis.url(), Load::small()).await;
    let silent = Instant::now();
    proxy.pause();
    let what = "both workers notice that they hear nothing";
    report.within("silence", what, fleet.until_deaf(silent).await, WATCHDOG);
    sleep(SILENT.saturating_sub(silent.elapsed())).await;
    let cured = Instant::now();
    proxy.resume();
    fleet
        .expect_recovery(report, "silence", cured, &redis)
        .await;
}
