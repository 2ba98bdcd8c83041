//! `fast-app version`

use serde_json::json;

use crate::{
    error::Error,
    output::{Format, print_json, print_line},
};

pub(super) fn version(format: Format) -> Result<(), Error> {
    let version = env!("CARGO_PKG_VERSION");
    match format {
        Format::People => print_line(&format!("fast-app {version}")),
        Format::Json => print_json(&json!({ "version": version })),
    }
}
