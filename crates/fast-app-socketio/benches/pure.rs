//! What is done for an event before any socket: packets, messages of the bus, who is in a room.
//!
//! ```text
//! cargo bench -p fast-app-socketio --features internals --bench pure
//! ```

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fast_app_socketio::{
    Payload,
    bench::{Membership, decode, decode_message, encode},
};

const SIZES: [usize; 3] = [128, 1024, 16 * 1024];

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packet");
    for size in SIZES {
        let text = "x".repeat(size);
        group.throughput(Throughput::Bytes(size as u64));
        let payload = Payload::new(&text).expect("a text is JSON");
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            bencher.iter(|| encode("news", black_box(&payload)));
        });
        let packet = format!(r#"2["news","{text}"]"#);
        assert!(decode(&packet));
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| decode(black_box(&packet)));
        });
    }
    group.finish();
}

fn bus(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bus message");
    for size in SIZES {
        let message = format!(
            r#"{{"method": "emit", "event": "news", "binary": false, "data": ["{}"], "namespace": "/", "room": "chat|1", "skip_sid": null, "callback": null, "host_id": "0123456789abcdef0123456789abcdef"}}"#,
            "x".repeat(size)
        );
        assert!(decode_message(message.as_bytes()));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| decode_message(black_box(message.as_bytes())));
        });
    }
    group.finish();
}

fn rooms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("10,000 members");
    for rooms in [1, 1_000] {
        let membership = Membership::new(10_000, rooms);
        group.bench_function(BenchmarkId::new("visit one room of", rooms), |bencher| {
            bencher.iter(|| membership.visit(black_box("r0")));
        });
        group.bench_function(BenchmarkId::new("find nobody among", rooms), |bencher| {
            bencher.iter(|| membership.is_anybody(black_box("nobody")));
        });
    }
    group.finish();
}

criterion_group!(benches, codec, bus, rooms);
criterion_main!(benches);
