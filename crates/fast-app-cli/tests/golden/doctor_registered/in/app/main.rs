//! Starts the application.

use std::{error::Error, io::IsTerminal, process::ExitCode};

use demo::modules::asgi;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    // Without a .env file the environment alone counts.
    tracing_subscriber::fmt()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<(), Box<dyn Error>> {
    let (app, socketio) = asgi::app::create_app().await?;
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(&bind)
        .await
        .map_err(|error| format!("BIND={bind}: {error}"))?;
    println!("demo is on http://{}", listener.local_addr()?);
    fast_app::serve(listener, app, &socketio).await?;
    Ok(())
}
