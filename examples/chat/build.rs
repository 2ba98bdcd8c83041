//! Puts the real `socket.io-client` beside the chat's code, for the page to load from this server.
//!
//! The file is copied from the workspace's tests where they have installed it, else npm fetches
//! it. Without npm the build goes on with an empty file: the page then takes the client from a CDN.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const VERSION: &str = "4.8.4";
const DIST: &str = "node_modules/socket.io-client/dist/socket.io.min.js";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = path_from("OUT_DIR");
    let client = installed_by_tests().map_or_else(|| installed_by_npm(&out), Ok);
    let copied = client.and_then(|file| fs::read(file).map_err(|error| error.to_string()));
    let bytes = copied.unwrap_or_else(|reason| {
        println!(
            "cargo:warning=the chat's page will load socket.io-client from a CDN, because npm could not provide it: {reason} \
             (to try again: touch examples/chat/build.rs)"
        );
        Vec::new()
    });
    fs::write(out.join("socket.io-client.js"), bytes).expect("OUT_DIR is writable");
}

fn installed_by_tests() -> Option<PathBuf> {
    let js = path_from("CARGO_MANIFEST_DIR").join("../../testkit/js");
    let package = fs::read_to_string(js.join("node_modules/socket.io-client/package.json")).ok()?;
    let version = format!("\"version\": \"{VERSION}\"");
    package.contains(&version).then(|| js.join(DIST))
}

fn installed_by_npm(out: &Path) -> Result<PathBuf, String> {
    let log = out.join("npm.log");
    let errors = File::create(&log).map_err(|error| error.to_string())?;
    let mut npm = npm_install(out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("npm does not start: {error}"))?;
    match wait(&mut npm) {
        Some(status) if status.success() => Ok(out.join(DIST)),
        Some(_) => Err(first_error(&log)),
        None => Err(format!("npm took longer than {} s", PATIENCE.as_secs())),
    }
}

fn npm_install(out: &Path) -> Command {
    let mut npm = Command::new(NPM);
    npm.args(["install", "--no-save", "--no-package-lock", "--no-audit"])
        .args(["--no-fund", "--ignore-scripts", "--loglevel=error"])
        .args(["--fetch-retries=1", "--fetch-timeout=20000", "--prefix"])
        .arg(out)
        .arg(format!("socket.io-client@{VERSION}"));
    npm
}

/// The exit status, or none when the time is up; the program is ended then.
fn wait(program: &mut Child) -> Option<ExitStatus> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match program.try_wait() {
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Ok(Some(status)) => return Some(status),
            Err(_) => break,
        }
    }
    program.kill().and_then(|()| program.wait()).ok();
    None
}

fn first_error(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.contains(" error ") || line.contains("ERR!"));
    line.unwrap_or("npm failed without a word")
        .trim()
        .to_owned()
}

fn path_from(variable: &str) -> PathBuf {
    env::var_os(variable)
        .expect("cargo sets it for build scripts")
        .into()
}
