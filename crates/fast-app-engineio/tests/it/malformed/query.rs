//! Queries that lead nowhere.

use testkit::{RawSocket, Stopwatch, http};

use super::{Trial, answer};

/// Queries of the polling transport, and the code of the error.
pub(super) fn queries() -> Vec<(&'static str, String, u8)> {
    const UNKNOWN_TRANSPORT: u8 = 0;
    const UNKNOWN_SID: u8 = 1;
    const BAD_REQUEST: u8 = 3;
    const VERSION: u8 = 5;
    let long = "x".repeat(30_000);
    vec![
        ("no query", String::new(), UNKNOWN_TRANSPORT),
        ("no transport", "EIO=4".into(), UNKNOWN_TRANSPORT),
        (
            "empty transport",
            "EIO=4&transport=".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport without value",
            "EIO=4&transport".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport of protocol 3",
            "EIO=4&transport=flashsocket".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport not served",
            "EIO=4&transport=webtransport".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport in capitals",
            "EIO=4&transport=POLLING".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport in percent",
            "EIO=4&transport=%70olling".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport with nul",
            "EIO=4&transport=polling%00".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport with space",
            "EIO=4&transport=polling%20".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "two transports in one",
            "EIO=4&transport=polling,websocket".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "prototype",
            "EIO=4&transport=__proto__".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "constructor",
            "EIO=4&transport=constructor".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "array of transports",
            "EIO=4&transport[]=polling".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "bad utf-8",
            "EIO=4&transport=%ff%fe".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "long transport",
            format!("EIO=4&transport={long}"),
            UNKNOWN_TRANSPORT,
        ),
        (
            "semicolons",
            "EIO=4;transport=polling".into(),
            UNKNOWN_TRANSPORT,
        ),
        ("no version", "transport=polling".into(), VERSION),
        ("empty version", "EIO=&transport=polling".into(), VERSION),
        (
            "version without value",
            "EIO&transport=polling".into(),
            VERSION,
        ),
        ("version 3", "EIO=3&transport=polling".into(), VERSION),
        ("version 5", "EIO=5&transport=polling".into(), VERSION),
        ("version 44", "EIO=44&transport=polling".into(), VERSION),
        ("version 4.0", "EIO=4.0&transport=polling".into(), VERSION),
        ("version 04", "EIO=04&transport=polling".into(), VERSION),
        ("version +4", "EIO=+4&transport=polling".into(), VERSION),
        ("version -4", "EIO=-4&transport=polling".into(), VERSION),
        (
            "version in percent",
            "EIO=%34&transport=polling".into(),
            VERSION,
        ),
        (
            "version with letters",
            "EIO=4abc&transport=polling".into(),
            VERSION,
        ),
        (
            "version in small letters",
            "eio=4&transport=polling".into(),
            VERSION,
        ),
        (
            "array of versions",
            "EIO[]=4&transport=polling".into(),
            VERSION,
        ),
        (
            "long version",
            format!("EIO=4{long}&transport=polling"),
            VERSION,
        ),
        (
            "version twice",
            "EIO=4&EIO=4&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "two versions",
            "EIO=4&EIO=3&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "transport twice",
            "EIO=4&transport=polling&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "two transports",
            "EIO=4&transport=polling&transport=websocket".into(),
            BAD_REQUEST,
        ),
        (
            "sid twice",
            "EIO=4&transport=polling&sid=a&sid=b".into(),
            BAD_REQUEST,
        ),
        ("jsonp", "EIO=4&transport=polling&j=0".into(), BAD_REQUEST),
        (
            "jsonp without index",
            "EIO=4&transport=polling&j".into(),
            BAD_REQUEST,
        ),
        (
            "empty sid",
            "EIO=4&transport=polling&sid=".into(),
            UNKNOWN_SID,
        ),
        (
            "sid without value",
            "EIO=4&transport=polling&sid".into(),
            UNKNOWN_SID,
        ),
        (
            "short sid",
            "EIO=4&transport=polling&sid=abc".into(),
            UNKNOWN_SID,
        ),
        (
            "sid of 19 characters",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(19)),
            UNKNOWN_SID,
        ),
        (
            "sid that was never given",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(20)),
            UNKNOWN_SID,
        ),
        (
            "sid of 21 characters",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(21)),
            UNKNOWN_SID,
        ),
        (
            "sid with a slash",
            format!("EIO=4&transport=polling&sid={}/", "a".repeat(19)),
            UNKNOWN_SID,
        ),
        (
            "sid with nul",
            "EIO=4&transport=polling&sid=%00".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a path",
            "EIO=4&transport=polling&sid=../../etc/passwd".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a query",
            "EIO=4&transport=polling&sid='--".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a prototype",
            "EIO=4&transport=polling&sid=__proto__".into(),
            UNKNOWN_SID,
        ),
        (
            "sid null",
            "EIO=4&transport=polling&sid=null".into(),
            UNKNOWN_SID,
        ),
        (
            "sid of bad utf-8",
            "EIO=4&transport=polling&sid=%ff".into(),
            UNKNOWN_SID,
        ),
        (
            "long sid",
            format!("EIO=4&transport=polling&sid={long}"),
            UNKNOWN_SID,
        ),
        (
            "version in full width",
            "EIO=４&transport=polling".into(),
            VERSION,
        ),
        (
            "version with nul",
            "EIO=4%00&transport=polling".into(),
            VERSION,
        ),
        (
            "version with space",
            "EIO=%204&transport=polling".into(),
            VERSION,
        ),
        (
            "version with plus behind it",
            "EIO=4+&transport=polling".into(),
            VERSION,
        ),
        ("version 0", "EIO=0&transport=polling".into(), VERSION),
        (
            "version 2^64 + 4",
            "EIO=18446744073709551620&transport=polling".into(),
            VERSION,
        ),
        (
            "version in hexadecimal",
            "EIO=0x4&transport=polling".into(),
            VERSION,
        ),
        ("version NaN", "EIO=NaN&transport=polling".into(), VERSION),
        (
            "jsonp with a callback",
            "EIO=4&transport=polling&j=___eio[0]".into(),
            BAD_REQUEST,
        ),
        (
            "jsonp before all else",
            "j=0&EIO=4&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "sid twice the same",
            "EIO=4&transport=polling&sid=a&sid=a".into(),
            BAD_REQUEST,
        ),
        (
            "three versions",
            "EIO=4&EIO=4&EIO=4&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "sid with a line break",
            "EIO=4&transport=polling&sid=a%0d%0aX:y".into(),
            UNKNOWN_SID,
        ),
        (
            "sid with an equals sign",
            "EIO=4&transport=polling&sid=a=b".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a list",
            "EIO=4&transport=polling&sid=[]".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is an object",
            "EIO=4&transport=polling&sid={}".into(),
            UNKNOWN_SID,
        ),
        (
            "sid beyond ascii",
            "EIO=4&transport=polling&sid=éééééééééé".into(),
            UNKNOWN_SID,
        ),
        (
            "all in one value",
            "EIO%3D4%26transport%3Dpolling".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "two question marks",
            "?EIO=4?transport=polling".into(),
            UNKNOWN_TRANSPORT,
        ),
        ("equals signs alone", "====".into(), UNKNOWN_TRANSPORT),
        ("ampersands alone", "&&&&".into(), UNKNOWN_TRANSPORT),
        (
            "five thousand parameters",
            "a=b&".repeat(5_000),
            UNKNOWN_TRANSPORT,
        ),
    ]
}

#[tokio::test]
async fn wrong_queries_open_nothing() {
    let mut trial = Trial::start().await;
    let addr = trial.server.addr();
    for (name, query, code) in queries() {
        let want = (400, Some(u64::from(code)));
        let path = format!("/socket.io/?{query}");
        for method in ["GET", "POST"] {
            let name = format!("{method}, {name}");
            let start = Stopwatch::start();
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
            let got = answer(&name, http::request(addr, request)).await;
            let got = (got.status, got.json()["code"].as_u64());
            trial.check(&name, start, got, want).await;
        }
        let name = format!("websocket, {name}");
        let path = path.replace("transport=polling", "transport=websocket");
        let start = Stopwatch::start();
        let refused = answer(&name, RawSocket::connect(addr, &path, &[])).await;
        let got = refused
            .map(drop)
            .map_err(|answer| (answer.status, answer.json()["code"].as_u64()));
        trial.check(&name, start, got, Err(want)).await;
    }
    assert_eq!(trial.finish().await.engine().sessions(), 0);
}
