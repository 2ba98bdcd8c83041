//! `fast-app broadcast`

use fast_app_socketio::{Delivery, Emit, Payload, RoomName, is_reserved_event};
use serde_json::{json, value::RawValue};

use crate::{
    cli::Broadcast,
    error::Error,
    live::bus::{self, Address},
    output::{Format, print_json, print_line, remark, tick},
};

/// Sends an event and prints the receipt.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn broadcast(args: &Broadcast, format: Format) -> Result<(), Error> {
    let emit = emit(args)?;
    if Address::find().is_memory() {
        return Err(Error::MemoryBus);
    }
    let delivery = bus::emit(emit).await?;
    print(args, &delivery, format)
}

fn emit(args: &Broadcast) -> Result<Emit, Error> {
    if is_reserved_event(&args.event) {
        return Err(Error::ReservedEvent {
            event: args.event.clone(),
        });
    }
    if !args.namespace.starts_with('/') {
        return Err(Error::Namespace {
            namespace: args.namespace.clone(),
        });
    }
    for room in &args.room {
        RoomName::new(room.as_str()).map_err(|source| Error::Room {
            room: room.clone(),
            source,
        })?;
    }
    let emit = Emit::new(&args.event, payload(args.payload.as_deref())?);
    Ok(emit.in_namespace(&args.namespace).to(&args.room))
}

fn payload(json: Option<&str>) -> Result<Payload, Error> {
    let Some(json) = json else {
        return Ok(Payload::empty());
    };
    let payload: &RawValue = serde_json::from_str(json).map_err(|source| Error::Json {
        what: "the payload".into(),
        source,
    })?;
    Ok(Payload::raw(payload))
}

fn print(args: &Broadcast, delivery: &Delivery, format: Format) -> Result<(), Error> {
    let (event, namespace, rooms) = (&args.event, &args.namespace, &args.room);
    if format == Format::Json {
        return print_json(&json!({
            "event": event, "namespace": namespace, "rooms": rooms, "workers": delivery.workers,
        }));
    }
    let heard = match delivery.workers {
        Some(1) => "heard by 1 worker".to_owned(),
        Some(workers) => format!("heard by {workers} workers"),
        None => "sent".to_owned(),
    };
    print_line(&format!(
        "{}{event} to {} in {namespace}: {heard}",
        tick(),
        rooms.join(", ")
    ))?;
    if delivery.workers == Some(0) {
        remark("no worker listens to this bus: `fast-app doctor` looks into it");
    }
    Ok(())
}
