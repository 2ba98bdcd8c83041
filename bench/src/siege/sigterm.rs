//! SIGTERM while clients listen and messages are accepted.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use super::counts::Counts;
use super::ground::Ground;
use super::peer::{Http, Peer};
use super::report::Report;
use crate::message::{LEAST_SIZE, Message};
use crate::{Error, Result};

const CLIENTS: usize = 1_000;
const ROOM: &str = "chat|1";
/// From one message to the next: 100 a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long messages flow before the signal, and how many of those 300 must have been accepted.
const BEFORE: Duration = Duration::from_secs(3);
const FLOWED: u64 = 290;
/// How long the server may take to end.
const LIMIT: Duration = Duration::from_secs(10);
/// The close code of an endpoint that goes away (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;

/// What a client has heard until its connection ended.
struct Heard {
    messages: Vec<u64>,
    code: Option<u16>,
}

/// A message is accepted for as many clients as its request was answered with: all before the signal, and fewer and fewer
/// after it.
pub async fn run(report: &mut Report) -> Result<()> {
    let words = std::env::temp_dir().join(format!("besieged-{}.json", std::process::id()));
    let mut ground = Ground::start(&[
        ("CLIENTS", CLIENTS.to_string()),
        ("LAST_WORDS", words.display().to_string()),
    ])?;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let auth = json!({ "id": number, "end": "server shutting down" });
        let mut peer = Peer::connect(ground.address, number, &auth).await?;
        peer.ask(1, &json!(["join_chat", { "chat_id": "1" }]))
            .await?;
        clients.spawn(listen(peer));
    }
    let accepting = tokio::spawn(accepted(Http::open(ground.address, 0).await?));
    sleep(BEFORE).await;
    let start = Instant::now();
    ground.server.terminate()?;
    let ended = loop {
        match ground.server.status()? {
            Some(status) => break Some((start.elapsed(), status)),
            None if start.elapsed() > LIMIT * 3 => break None,
            None => sleep(INTERVAL).await,
        }
    };
    report.within("the process ended", ended.map(|(took, _)| took), LIMIT);
    let code = ended.and_then(|(_, status)| status.code());
    report.exactly("exit code", code.unwrap_or(-1), 0);
    let accepted = timeout(LIMIT, accepting).await.map_err(|_| stalled())?;
    let accepted = accepted.map_err(|_| Error::Answer("the sender panicked".into()))?;
    let heard = timeout(LIMIT, clients.join_all())
        .await
        .map_err(|_| stalled())?;
    let closes = heard.iter().filter(|heard| heard.code == Some(GOING_AWAY));
    report.exactly("clients closed with 1001", closes.count(), CLIENTS);
    let before = || accepted.iter().filter(|said| said.answered < start);
    let flowed = before().filter(|said| said.clients == CLIENTS as u64);
    report.at_least(
        "messages accepted for all before the signal",
        flowed.count() as u64,
        FLOWED,
    );
    let expected: u64 = accepted.iter().map(|said| said.clients).sum();
    let delivered = heard.iter().map(|heard| heard.messages.len() as u64);
    report.exactly("deliveries accepted and made", delivered.sum(), expected);
    let lost = heard.iter().map(|heard| {
        let missing = before().filter(|said| !heard.messages.contains(&said.seq));
        let late = heard.messages.windows(2).filter(|two| two[0] >= two[1]);
        missing.count() + late.count()
    });
    report.exactly(
        "messages of before the signal not delivered, or any out of order",
        lost.sum(),
        0,
    );
    let text = std::fs::read(&words).map_err(Error::io("reading the server's last words"))?;
    // Nobody else reads it.
    let _ = std::fs::remove_file(&words);
    let last: Counts = serde_json::from_slice(&text)
        .map_err(|_| Error::Answer(String::from_utf8_lossy(&text).into_owned()))?;
    report.exactly("disconnect handlers", last.disconnected(), CLIENTS as u64);
    report.exactly(
        "clients whose disconnect handler did not run once",
        last.unmatched,
        0,
    );
    report.exactly("disconnects for another reason", last.surprises, 0);
    report.exactly("sessions when the server ended", last.sessions, 0);
    Ok(())
}

fn stalled() -> Error {
    Error::Stalled {
        what: "connections end with the server".into(),
        seconds: LIMIT.as_secs(),
    }
}

/// Listens to the end.
async fn listen(mut peer: Peer) -> Heard {
    let mut messages = Vec::new();
    let hear = |packet: &[u8]| messages.extend(Message::decode(packet).map(|message| message.seq));
    let mut hear = hear;
    while peer.read(&mut hear).await.is_ok() {}
    let code = peer.code();
    Heard { messages, code }
}

/// A message that was accepted, for so many clients.
struct Said {
    seq: u64,
    clients: u64,
    answered: Instant,
}

/// Sends messages until the server takes no more, and returns those that it has accepted.
async fn accepted(mut http: Http) -> Vec<Said> {
    let (mut accepted, mut pace) = (Vec::new(), interval(INTERVAL));
    for seq in 0.. {
        pace.tick().await;
        let body = json!({ "room": ROOM, "seq": seq, "size": LEAST_SIZE }).to_string();
        match http.post("/say", "application/json", &body).await {
            Ok(clients) => accepted.push(Said {
                seq,
                clients: String::from_utf8_lossy(&clients).parse().unwrap_or(0),
                answered: Instant::now(),
            }),
            Err(_) => break,
        }
    }
    accepted
}
