//! The sealing key: from a file of its own, or a variable, but never from the database.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore;
use zeroize::Zeroizing;

use crate::domain::hex;
use crate::domain::secret::Secret;
use crate::domain::secret::SecretRef;
use crate::secret::error::SealError;
use crate::secret::error::SecretError;
use crate::secret::file;
use crate::secret::sealer::KEY;
use crate::secret::sealer::SealKey;
use crate::secret::vault;

/// Reads the sealing key. A missing file is created with mode 0600 and a new random key, but only if
/// `sealed_before` is false: if there are secrets in the store, a new key would lose them all.
///
/// # Errors
/// [`SealError::KeyMissing`], [`SealError::KeyForm`], [`SealError::KeyRead`] (wrong mode or owner, …),
/// [`SealError::KeyMake`], and [`SealError::KeySource`] for `exec:` and `store:`.
pub fn load_key(source: &SecretRef, sealed_before: bool) -> Result<SealKey, SealError> {
    let read = match source {
        SecretRef::Env(name) => vault::read_variable(name),
        SecretRef::Exec(_) => return Err(SealError::KeySource { scheme: "exec" }),
        SecretRef::File(path) => file::read(path).map(|(secret, _stamp)| secret),
        SecretRef::Store(_) => return Err(SealError::KeySource { scheme: "store" }),
    };
    match (read, source) {
        (Ok(text), _) => parse(&text, source),
        (Err(SecretError::Missing { .. }), SecretRef::File(path)) if !sealed_before => make(path),
        (Err(SecretError::Missing { source_name }), _) if sealed_before => {
            Err(SealError::KeyMissing { source_name })
        }
        (Err(error), _) => Err(SealError::KeyRead(Box::new(error))),
    }
}

/// Parses 64 hex digits, or base64 (standard, or URL-safe without padding) of 32 bytes.
fn parse(text: &Secret, source: &SecretRef) -> Result<SealKey, SealError> {
    let text = text.expose().trim_ascii();
    let mut bytes = Zeroizing::new([0; KEY]);
    let mut decoded = Zeroizing::new(Vec::with_capacity(2 * KEY));
    let read = if text.len() == 2 * KEY {
        decoded.resize(KEY, 0);
        hex::decode_into(text, &mut decoded).is_some()
    } else {
        STANDARD.decode_vec(text, &mut decoded).is_ok() || {
            decoded.clear();
            URL_SAFE_NO_PAD.decode_vec(text, &mut decoded).is_ok()
        }
    };
    if !read || decoded.len() != KEY || decoded.iter().all(|byte| *byte == 0) {
        return Err(SealError::KeyForm { source_name: source.to_string() });
    }
    bytes.copy_from_slice(&decoded);
    Ok(SealKey::new(bytes))
}

/// Creates the key file atomically, without overwriting another.
fn make(path: &Path) -> Result<SealKey, SealError> {
    let mut bytes = Zeroizing::new([0; KEY]);
    rand::rng().fill_bytes(&mut *bytes);
    let mut line = Zeroizing::new(STANDARD.encode(*bytes));
    line.push('\n');
    write_new(path, line.as_bytes())
        .map_err(|source| SealError::KeyMake { path: path.to_owned(), source: Arc::new(source) })?;
    Ok(SealKey::new(bytes))
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.new", std::process::id()));
    let unfinished = Path::new(&unfinished);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        // Fails if a file was created in the meantime; a rename would replace it.
        std::fs::hard_link(unfinished, path)
    };
    let written = write();
    let removed = std::fs::remove_file(unfinished);
    written?;
    removed?;
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}
