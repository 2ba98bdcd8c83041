//! The client of `fast-app listen`, which has no library: what servers send it is a packet or is not, and an event that was
//! read is read again as it was.

#[allow(dead_code, reason = "the command writes packets, too")]
#[path = "../../../crates/fast-app-cli/src/live/packet.rs"]
mod packet;

use packet::Packet;

/// More attachments than any input has packets.
const PATIENCE: u8 = 20;

pub(crate) fn read(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for namespace in ["/", "/chat"] {
        let mut packet = Packet::decode(text, namespace);
        for number in 0..PATIENCE {
            packet = match packet {
                Ok(Packet::Partial(partial)) => partial.attach(vec![number]),
                _ => break,
            };
        }
        let Ok(Packet::Event(event)) = packet else {
            continue;
        };
        let args: Vec<&str> = event.args.iter().map(|arg| arg.get()).collect();
        let written = match args[..] {
            // It always writes one payload.
            [] => continue,
            _ => packet::call(namespace, 7, &event.name, &args.join(",")),
        };
        let Ok(Packet::Event(again)) = Packet::decode(&written, namespace) else {
            panic!("{written}");
        };
        let again_args: Vec<&str> = again.args.iter().map(|arg| arg.get()).collect();
        assert_eq!((again.name, again_args), (event.name, args));
    }
}
