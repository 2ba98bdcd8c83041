//! Starts the chat.

use std::{error::Error, io::IsTerminal, process::ExitCode};

use chat::{models::Chats, modules::asgi};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    load_env();
    tracing_subscriber::fmt()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads `.env` of this project. `cargo run -p chat` starts in the folder of the workspace, not in the project's.
fn load_env() {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(project) => drop(dotenvy::from_path(
            std::path::Path::new(&project).join(".env"),
        )),
        None => drop(dotenvy::dotenv()),
    }
}

#[tokio::main]
async fn run() -> Result<(), Box<dyn Error>> {
    // First: what is counted before is not known.
    let prometheus = fast_app::operations::install_prometheus()?;
    let state = Chats::sample();
    let socketio = asgi::socketio::create_socketio_app(state.clone()).await?;
    let app = asgi::app::create_app(state, &socketio, &prometheus);
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("BIND={bind}: {error}"))?;
    let address = listener.local_addr()?;
    println!("The chat is on http://{address}");
    println!(
        "Open it in two windows: http://{address}/#alice and http://{address}/#bob, and join General."
    );
    println!(
        "Bob is not a member of Private: try it. Alice and Bob's tokens are \"alice\" and \"bob\"."
    );
    println!(
        "A message from outside: curl -H 'content-type: application/json' -d '{{\"text\":\"hi\"}}' http://{address}/chats/1/messages"
    );
    fast_app::serve(listener, app, &socketio).await?;
    Ok(())
}
