//! Checks the files of the data directory, while no gateway has them open.

use crate::cli::doctor::finding::Checks;
use crate::cli::named;
use crate::config::Config;
use crate::domain::with_causes;
use crate::gateway::MaskKey;
use crate::recording;
use crate::store;

/// Where the guide says what to do.
pub const GUIDE: &str = "see the guide operations.md, section \"Damaged or newer stores\"";

/// Checks what a start would open: recordings, write-ahead log, key of hashed values, place of the socket.
pub fn check(checks: &mut Checks, config: &Config) {
    let dir = &config.storage.data_dir;
    if let Some(found) = named::not_a_socket(config) {
        checks.wrong("admin socket", found, "move it away: the gateway makes its socket there");
    }
    // Another process that has it, or another user's folder, is told by the check of the store.
    let Some(Ok(held)) = dir.exists().then(|| store::lock_data_dir_soon(dir)) else { return };
    // Reading takes long, needs no lock, and must not keep a gateway from starting.
    drop(held);
    match recording::check(dir, true) {
        Ok(()) if dir.join(recording::FILE).exists() => checks.good("recordings", "events.db can be opened"),
        Ok(()) => {}
        Err(error) => checks.wrong("recordings", error.to_string(), GUIDE),
    }
    if let Err(error) = MaskKey::check(dir) {
        checks.wrong("mask key", with_causes(&error), GUIDE);
    }
}
