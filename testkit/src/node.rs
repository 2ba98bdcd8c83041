//! Scripts on Node that drive a browser or use other npm packages of the tests.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::{child, install};

/// Two browsers on a loaded machine take their time.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs a Node script and waits for its end.
///
/// `import` finds the npm packages of `testkit/js` from wherever the script lies, and `testkit/browser` exports
/// `launch()`, a headless Chromium through playwright-core. Panics after two minutes; the exit code is the test's to check.
pub async fn run_node(script: &Path, args: &[&str], envs: &[(&str, &str)]) -> Output {
    let js = install::js();
    let child = child::spawn(
        Command::new("node")
            .arg("--import")
            .arg(js.join("resolve.mjs"))
            .arg(script)
            .args(args)
            .env("NODE_PATH", js.join("node_modules"))
            .envs(envs.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    match timeout(LIMIT, child.wait_with_output()).await {
        Ok(output) => output.expect("a child can be waited for"),
        Err(_) => panic!("{} did not end within {LIMIT:?}", script.display()),
    }
}
