//! What a revision of the policies stands for: what the store's entities and the configuration file say together.

use std::fmt::Write;

use aws_lc_rs::digest;

use crate::config::Config;
use crate::domain::Origin;

/// A digest of what the file says of connections, policies and masks, wherever in the file, and in whichever file, it says so.
pub fn file_digest(config: &Config) -> String {
    let (mut connections, mut policies, mut masks) =
        (config.connections.clone(), config.policies.clone(), config.masks.clone());
    let origins = (connections.iter_mut().map(|connection| &mut connection.origin))
        .chain(policies.iter_mut().map(|policy| &mut policy.origin))
        .chain(masks.iter_mut().map(|mask| &mut mask.origin));
    for origin in origins {
        *origin = Origin::Store;
    }
    let said = format!("{connections:?}\n{policies:?}\n{masks:?}");
    let mut text = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, said.as_bytes()).as_ref() {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
