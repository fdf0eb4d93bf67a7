//! The key of the `hash` mask: created once, kept beside the store, different for each connection.

use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use rand::RngCore;
use zeroize::Zeroizing;

use crate::domain::ConnectionName;
use crate::gateway::error::GatewayError;

/// The file in the data directory.
const FILE: &str = "mask.key";

/// The key from which the keys of all connections are derived.
pub struct MaskKey(hmac::Key);

impl MaskKey {
    /// Reads the key, or creates it if there is none yet. The caller holds the data directory's lock.
    pub fn open(data_dir: &Path) -> Result<Self, GatewayError> {
        let path: PathBuf = data_dir.join(FILE);
        let key = read(&path)
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { make(&path) } else { Err(error) });
        let key = key.map_err(|source| GatewayError::MaskKey { path, source })?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &*key)))
    }

    /// Returns the key of one connection.
    pub fn of(&self, connection: &ConnectionName) -> [u8; 32] {
        let tag = hmac::sign(&self.0, connection.as_str().as_bytes());
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        key
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let mut file =
        OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits()).open(path)?;
    file.read_exact(&mut *key)?;
    Ok(key)
}

fn make(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(&mut *key);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&*key)?;
    file.sync_all()?;
    Ok(key)
}
