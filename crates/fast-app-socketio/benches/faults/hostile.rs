//! A channel full of what is no message.

use std::time::Duration;

use testkit::RedisServer;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    fleet::{CHANNEL, Fleet, Load},
    report::Report,
    stream::loss,
};

const FAULT: &str = "hostile";

const MESSAGES: usize = 100_000;
const PER_SECOND: usize = 5_000;
const BATCHES_PER_SECOND: usize = 100;
const BATCH: usize = PER_SECOND / BATCHES_PER_SECOND;

/// Redis gives up subscribers that are 32 MB behind.
const HUGE: usize = 33_000_000;

/// How soon the next valid message must be heard.
const SOON: Duration = Duration::from_millis(100);

/// What is sent in turn.
fn messages() -> Vec<Vec<u8>> {
    let emit = |data: &str| {
        format!(
            r#"{{"method": "emit", "event": "n", "data": {data}, "binary": false, "namespace": "/", "room": null, "skip_sid": null, "callback": null, "host_id": "d1fb7d29ec2c4dd08ab2f1a0bf3ba3a4"}}"#
        )
    };
    let good = emit("[7]");
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let mut messages: Vec<Vec<u8>> = [
        emit("[NaN]"),
        emit("[-Infinity]"),
        emit("[1,]"),
        good[..good.len() - 1].to_owned(),
        good[..40].to_owned(),
        good.replace(r#""n""#, "7"),
        good.replace(r#""n""#, r#""disconnect""#),
        good.replace(r#""/""#, "null"),
        good.replace(r#""room": null"#, r#""room": {}"#),
        good.replace(r#""room": null, "#, ""),
        good.replace(r#""skip_sid": null"#, r#""skip_sid": 5"#),
        good.replace("false", "[]"),
        good.replace(r#"[7], "binary": false"#, r#"[[], "!"], "binary": true"#),
        good.replace(r#""emit""#, r#""unknown""#),
        good.replace(r#""emit""#, "[[]]"),
        good.replace("[7]", &"[".repeat(20_000)),
        good.replace("false", "true").replace("7", &deep),
        r#"{"method": "callback", "host_id": [], "sid": 1, "namespace": {}, "id": "x", "args": 0}"#
            .to_owned(),
        r#"{"method": "enter_room", "sid": [], "room": null, "namespace": 0}"#.to_owned(),
        r#"{"method": "close_room"}"#.to_owned(),
        r#"{"method": "disconnect", "sid": {}}"#.to_owned(),
        "a:1:{s:6:\"method\";}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"\"".to_owned(),
        String::new(),
    ]
    .map(String::into_bytes)
    .to_vec();
    // {"method": "emit"} of python-socketio before 5.14.
    messages.push(
        b"\x80\x04\x95\x18\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x06method\x94\x8c\x04emit\x94s."
            .to_vec(),
    );
    messages.push(vec![0xff; 100]);
    messages.push(vec![0; 100]);
    messages
}

pub(crate) async fn hostile(report: &mut Report) {
    let redis = RedisServer::spawn().await;
    let fleet = Fleet::start(&redis.url(), &redis.url(), Load::small()).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut attacker = client.get_multiplexed_async_connection().await.unwrap();

    let started = Instant::now();
    let mut huge = None;
    let mut ticks = interval(Duration::from_secs(1) / BATCHES_PER_SECOND as u32);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut messages = messages().into_iter().cycle();
    for batch in 0..MESSAGES / BATCH {
        ticks.tick().await;
        let mut pipeline = redis::pipe();
        for message in messages.by_ref().take(BATCH) {
            pipeline.cmd("PUBLISH").arg(CHANNEL).arg(message).ignore();
        }
        let () = pipeline.query_async(&mut attacker).await.unwrap();
        if batch == MESSAGES / BATCH / 2 {
            huge = Some(publish_huge(&mut attacker).await);
        }
    }
    let took = started.elapsed();
    let per_second = (MESSAGES as f64 / took.as_secs_f64()).round();
    report.note(FAULT, "hostile messages", MESSAGES);
    report.note(FAULT, "of them in a second", per_second);

    // What is emitted from now on comes behind them all.
    let after = fleet.stream.emitted().len() as u64;
    let heard = crate::fleet::until(|| fleet.stream.emitted().len() as u64 > after).await;
    assert!(heard, "the emitter goes on");
    let mut slowest = Some(Duration::ZERO);
    for clients in &fleet.clients {
        clients[0].until(after).await;
        let emitted = fleet.stream.emitted()[after as usize];
        let delay = clients[0].heard_at(after).map(|at| at - emitted);
        slowest = slowest.max(delay);
    }
    report.within(FAULT, "the next valid message is heard", slowest, SOON);

    let huge = huge.expect("it is sent halfway");
    let emitted = fleet.stream.emitted();
    let mut late = Duration::ZERO;
    for clients in &fleet.clients {
        for number in clients[0].numbers() {
            let at = clients[0].heard_at(number).expect("it was heard");
            late = late.max(at - emitted[number as usize]);
        }
    }
    let what = "the slowest valid message among them";
    report.within(FAULT, what, Some(late), SOON);
    let mut back = Some(Duration::ZERO);
    for clients in &fleet.clients {
        let first = clients[0].first_after(huge, Duration::from_secs(10)).await;
        back = back.max(first);
    }
    let what = "33 MB, for which Redis hangs up: clients hear something";
    report.within(FAULT, what, back, crate::fleet::RECOVERY);
    for (worker, name) in fleet.workers.iter().zip(["one", "two"]) {
        let stats = worker.manager().stats();
        let what = format!("dropped by worker {name}, pickles {}", stats.pickled);
        report.note(FAULT, what, stats.dropped);
        let what = format!("times that worker {name} was hung up on");
        report.note(FAULT, what, stats.outages);
    }
    fleet.expect_health(report, FAULT, &redis).await;
    // Redis counts a subscriber until it has hung up on it, so not all of this was told to the caller.
    let counted = loss(
        &fleet.stream.receipts(),
        fleet.clients.iter().map(|clients| &clients[0]),
    );
    report.note(
        FAULT,
        "numbers that went down with the 33 MB",
        counted.missed,
    );
}

/// Publishes one huge message; when that was.
async fn publish_huge(attacker: &mut redis::aio::MultiplexedConnection) -> Instant {
    let text = "x".repeat(HUGE);
    let message = format!(
        r#"{{"method": "emit", "event": "n", "data": ["{text}"], "binary": false, "namespace": "/", "room": null, "skip_sid": null, "callback": null, "host_id": "x"}}"#
    );
    let mut publish = redis::cmd("PUBLISH");
    let published = publish.arg(CHANNEL).arg(message).exec_async(attacker);
    published.await.unwrap();
    Instant::now()
}
