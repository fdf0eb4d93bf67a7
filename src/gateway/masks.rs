//! The key of the `hash` mask: created once, kept beside the store, different for each connection.

use std::fs::File;
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
use crate::store::StoreError;
use crate::store::check_private_file;

/// The file in the data directory.
const FILE: &str = "mask.key";
/// The length of the key in bytes.
const KEY: usize = 32;

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

    /// Checks whether [`MaskKey::open`] would work, without making a key.
    pub fn check(data_dir: &Path) -> Result<(), GatewayError> {
        let path = data_dir.join(FILE);
        match read(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(GatewayError::MaskKey { path, source })
            }
            _ => Ok(()),
        }
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

fn read(path: &Path) -> io::Result<Zeroizing<[u8; KEY]>> {
    let mut file =
        OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits()).open(path)?;
    match check_private_file(path) {
        // It is only read.
        Ok(()) | Err(StoreError::ReadOnly { .. }) => {}
        Err(error) => return Err(io::Error::other(error)),
    }
    let length = file.metadata()?.len();
    if length != KEY as u64 {
        return Err(io::Error::other(format!(
            "it has {length} bytes, and a key has {KEY}: put it back from a backup, or remove it; then a new one is \
             made, and the same value gets another hash than before"
        )));
    }
    let mut key = Zeroizing::new([0; KEY]);
    file.read_exact(&mut *key)?;
    Ok(key)
}

/// Makes the whole key under another name first, so that there is never a part of one under its own.
fn make(path: &Path) -> io::Result<Zeroizing<[u8; KEY]>> {
    let mut key = Zeroizing::new([0; KEY]);
    rand::rng().fill_bytes(&mut *key);
    let unfinished = path.with_extension("key.new");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(&*key)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::with_causes;

    fn refused(dir: &Path) -> String {
        with_causes(&MaskKey::open(dir).err().unwrap())
    }

    #[test]
    fn a_key_is_made_whole_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, name) = (dir.path().join(FILE), "crm".parse().unwrap());
        assert!(MaskKey::check(dir.path()).is_ok() && !path.exists(), "a look makes none");
        // Left by a start that was cut short.
        std::fs::write(dir.path().join("mask.key.new"), "x").unwrap();
        let made = MaskKey::open(dir.path()).unwrap().of(&name);
        assert_eq!(made, MaskKey::open(dir.path()).unwrap().of(&name));
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(MaskKey::check(dir.path()).is_ok());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_not_whole_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        MaskKey::open(dir.path()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let said = refused(dir.path());
        assert!(said.contains("mode 644") && said.contains("chmod 600"), "{said}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for length in [0, 5, 33] {
            std::fs::write(&path, vec![7; length]).unwrap();
            let said = refused(dir.path());
            assert!(said.contains(&format!("it has {length} bytes")) && said.contains("remove it"), "{said}");
            assert!(said.contains("mask.key"), "{said}");
            assert!(MaskKey::check(dir.path()).is_err());
        }
    }
}
