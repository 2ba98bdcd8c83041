//! The limit on open files.

use crate::{Error, Result};

/// Files that a process opens besides one socket for each client.
const OTHERS: u64 = 64;

/// Raises the soft limit on open files so that `clients` sockets fit.
///
/// A child started afterwards inherits it.
pub fn allow_sockets(clients: usize) -> Result<()> {
    let wanted = clients as u64 + OTHERS;
    let allowed = rlimit::increase_nofile_limit(wanted)
        .map_err(Error::io("raising the limit on open files"))?;
    if allowed < wanted {
        return Err(Error::Option(format!(
            "--clients {clients} needs {wanted} open files, and the limit is {allowed}; help: fewer clients, or `ulimit -Hn`"
        )));
    }
    Ok(())
}
