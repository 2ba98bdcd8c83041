//! `fast-app listen`

use std::collections::HashMap;

use serde_json::{Value, json, value::RawValue};

use crate::{
    cli::Listen,
    error::Error,
    live::{
        client::{Client, Heard},
        packet::Event,
    },
    output::{Format, print_json, print_line, remark},
    told::ToldToEnd,
};

/// Prints events until it is interrupted, or has printed enough of them.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn listen(args: &Listen, format: Format) -> Result<(), Error> {
    check(args)?;
    let mut told = ToldToEnd::listen()?;
    let auth = args.auth.as_deref().unwrap_or_default();
    let mut client = tokio::select! {
        client = Client::connect(&args.url, &args.namespace, auth) => client?,
        () = told.wait() => return Ok(()),
    };
    remark(&format!("connected to {} of {}", args.namespace, args.url));
    let ended = tokio::select! {
        ended = join_and_print(&mut client, args, format) => ended,
        () = told.wait() => Ok(()),
    };
    client.close().await;
    ended
}

/// Everything that can be seen to be wrong before anybody is connected.
fn check(args: &Listen) -> Result<(), Error> {
    if !args.namespace.starts_with('/') {
        return Err(Error::Namespace {
            namespace: args.namespace.clone(),
        });
    }
    let auth = args
        .auth
        .iter()
        .map(|json| ("the value of --auth".to_owned(), json));
    let joins = args.join.chunks_exact(2);
    let joins = joins.map(|join| (format!("the payload for joining `{}`", join[0]), &join[1]));
    for (what, json) in auth.chain(joins) {
        serde_json::from_str::<&RawValue>(json).map_err(|source| Error::Json { what, source })?;
    }
    Ok(())
}

async fn join_and_print(client: &mut Client, args: &Listen, format: Format) -> Result<(), Error> {
    let mut rooms = HashMap::new();
    for (id, join) in (0..).zip(args.join.chunks_exact(2)) {
        let event = format!("join_{}", join[0]);
        client.call(id, &event, &join[1]).await?;
        rooms.insert(id, &*join[0]);
    }
    let mut left = args.count;
    let mut heard_joined = false;
    while left != Some(0) {
        match client.next().await? {
            Heard::Answer(id, answer) => {
                let room = rooms.get(&id).copied().unwrap_or_default();
                joined(room, answer.first(), heard_joined)?;
                heard_joined = false;
            }
            // The answer says the same, and which room.
            Heard::Event(event) if event.name == "joined" && !rooms.is_empty() => {
                heard_joined = true;
            }
            Heard::Event(event) => {
                print(&event, format)?;
                left = left.map(|left| left - 1);
            }
        }
    }
    Ok(())
}

/// `{"ok":true,"room":"chat|1"}`. FastApp for Python answers nothing, after an event that says whether it was joined.
fn joined(key: &str, answer: Option<&Value>, heard_joined: bool) -> Result<(), Error> {
    let answer = answer.unwrap_or(&Value::Null);
    if answer["ok"] == false {
        let error = &answer["error"];
        let reason = error["msg"].as_str().or(error["type"].as_str());
        return Err(Error::NotJoined {
            room: key.to_owned(),
            reason: reason.map_or_else(|| answer.to_string(), str::to_owned),
        });
    }
    remark(&match answer["room"].as_str() {
        Some(room) => format!("joined {room}"),
        None if heard_joined => format!("joined {key}"),
        None => format!("the server does not say that it joined {key}"),
    });
    Ok(())
}

fn print(event: &Event, format: Format) -> Result<(), Error> {
    if format == Format::Json {
        return print_json(&json!({ "event": event.name, "args": event.args }));
    }
    let args = event.args.iter().map(|arg| printable(arg.get()));
    let line = std::iter::once(printable(&event.name)).chain(args);
    print_line(&line.collect::<Vec<_>>().join(" "))
}

/// Without characters that a terminal would obey.
fn printable(text: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}
