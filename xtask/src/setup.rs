//! `setup`: what the tests need besides Cargo.
//!
//! ```text
//! programs    redis-server, openssl, node, npm, python3, Chromium      apt, only those that are missing
//! Python      target/testkit/venv                             from testkit/py/requirements.txt
//!             target/testkit/venv-5.14                        from testkit/py/requirements-5.14.txt
//! npm         testkit/js/node_modules                         from testkit/js/package-lock.json
//! ```
//!
//! Beside what it installed it leaves a copy of the list; nothing is done again while the two are the same.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::error::Error;
use crate::{root, step};

/// A program that tests need and the Debian package that has it.
struct Program {
    name: &'static str,
    package: &'static str,
}

const PROGRAMS: [Program; 6] = [
    Program {
        name: "redis-server",
        package: "redis-server",
    },
    Program {
        name: "redis-cli",
        package: "redis-tools",
    },
    Program {
        name: "openssl",
        package: "openssl",
    },
    Program {
        name: "node",
        package: "nodejs",
    },
    Program {
        name: "npm",
        package: "npm",
    },
    Program {
        name: "python3",
        package: "python3",
    },
];

/// Where Debian's package has it, and where tests look for it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The first Node with `--import` and `module.register`, by which test scripts find their packages.
const NODE: (u32, u32) = (18, 19);

/// Installs what is missing; quick when nothing is.
pub(crate) fn setup() -> Result<(), Error> {
    named_chromium()?;
    programs()?;
    node_version()?;
    python_packages("target/testkit/venv", "testkit/py/requirements.txt")?;
    python_packages(
        "target/testkit/venv-5.14",
        "testkit/py/requirements-5.14.txt",
    )?;
    npm_packages("testkit/js")?;
    eprintln!("setup: everything the tests need is there");
    Ok(())
}

/// Installs the programs that are missing.
pub(crate) fn programs() -> Result<(), Error> {
    let missing = missing_packages();
    if missing.is_empty() {
        return Ok(());
    }
    apt_install(&missing)?;
    match missing_packages()[..] {
        [] => Ok(()),
        [package, ..] => Err(Error::new(
            format!("apt-get installed {package}, but its program is still not there"),
            format!("install {package} by hand; CHROMIUM=<path> names a Chromium at another place"),
        )),
    }
}

fn missing_packages() -> Vec<&'static str> {
    let mut missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|program| !on_path(program.name))
        .map(|program| program.package)
        .collect();
    if env::var_os("CHROMIUM").is_none() && !Path::new(CHROMIUM).exists() {
        missing.push("chromium");
    }
    missing
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn apt_install(packages: &[&str]) -> Result<(), Error> {
    let list = packages.join(" ");
    let help = format!("install these by hand (Debian names): {list}");
    if !on_path("apt-get") {
        return Err(Error::new(
            format!("missing: {list}, and there is no apt-get here"),
            help,
        ));
    }
    step::run(apt_get(&help)?.arg("update"), &help)?;
    step::run(
        apt_get(&help)?
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
        &help,
    )
}

fn apt_get(help: &str) -> Result<Command, Error> {
    let mut command = if step::ask("id", &["-u"]).as_deref() == Some("0") {
        Command::new("env")
    } else if on_path("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        return Err(Error::new(
            "apt-get needs root, and there is no sudo here",
            help,
        ));
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Ok(command)
}

fn named_chromium() -> Result<(), Error> {
    match env::var_os("CHROMIUM") {
        Some(path) if !Path::new(&path).is_file() => Err(Error::new(
            format!("CHROMIUM names {}, where there is no file", path.display()),
            format!("unset CHROMIUM to use {CHROMIUM}"),
        )),
        _ => Ok(()),
    }
}

fn node_version() -> Result<(), Error> {
    let shown = step::ask("node", &["--version"]).unwrap_or_default();
    let mut parts = shown.trim_start_matches('v').split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= NODE => Ok(()),
        _ => Err(Error::new(
            format!("node is too old: {shown:?}"),
            format!(
                "install Node {}.{} or newer from https://nodejs.org",
                NODE.0, NODE.1
            ),
        )),
    }
}

/// Makes an environment with the packages of a list.
pub(crate) fn python_packages(venv: &str, list: &str) -> Result<(), Error> {
    let (venv, list) = (root().join(venv), root().join(list));
    let stamp = venv.join("requirements.txt");
    let python = venv.join("bin/python");
    if python.exists() && is_copy(&stamp, &list) {
        return Ok(());
    }
    make_venv(&venv)?;
    step::run(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(&list),
        "PyPI must be reachable, and python3 be 3.10 or newer",
    )?;
    copy(&list, &stamp)
}

fn make_venv(venv: &Path) -> Result<(), Error> {
    // Debian's python3 has the module venv without ensurepip, which puts pip into the environment.
    if step::ask("python3", &["-c", "import ensurepip, venv"]).is_none() {
        apt_install(&["python3-venv"])?;
    }
    step::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(venv),
        "python3 must have the module venv; on Debian, apt-get install python3-venv",
    )
}

/// Installs the packages that a folder's `package-lock.json` names.
pub(crate) fn npm_packages(folder: &str) -> Result<(), Error> {
    let js = root().join(folder);
    let list = js.join("package-lock.json");
    let stamp = js.join("node_modules/installed-lock.json");
    if is_copy(&stamp, &list) {
        return Ok(());
    }
    step::run(
        Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&js),
        "the npm registry must be reachable",
    )?;
    copy(&list, &stamp)
}

fn is_copy(copy: &Path, original: &Path) -> bool {
    matches!((fs::read(copy), fs::read(original)), (Ok(copy), Ok(original)) if copy == original)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(
            format!("cannot write {}: {error}", to.display()),
            "the folder must be writable",
        )),
    }
}
