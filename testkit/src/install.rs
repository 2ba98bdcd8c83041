//! Where `cargo xtask setup` puts what the child processes need.

use std::path::{Path, PathBuf};

/// The folder of the Node drivers, with `node_modules` in it.
pub(crate) fn js() -> PathBuf {
    let js = testkit().join("js");
    present(&js.join("node_modules/socket.io-client"));
    js
}

/// The interpreter of the virtual environment with the newest python-socketio.
pub(crate) fn python() -> PathBuf {
    interpreter("venv")
}

/// The interpreter of the virtual environment with python-socketio 5.14.
pub(crate) fn old_python() -> PathBuf {
    interpreter("venv-5.14")
}

fn interpreter(venv: &str) -> PathBuf {
    let python = testkit()
        .join("../target/testkit")
        .join(venv)
        .join("bin/python");
    present(&python);
    python
}

/// A Python driver's path.
pub(crate) fn py(driver: &str) -> PathBuf {
    testkit().join("py").join(driver)
}

/// Panics with the help that every missing program or package gets.
pub(crate) fn missing(what: impl std::fmt::Display) -> ! {
    panic!("{what} is missing: run `cargo xtask setup`")
}

fn present(path: &Path) {
    if !path.exists() {
        missing(path.display());
    }
}

fn testkit() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
