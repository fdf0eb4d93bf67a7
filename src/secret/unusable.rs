//! Checks whether a source certainly gives no usable secret, without running anything.

use std::os::unix::ffi::OsStringExt;

use zeroize::Zeroizing;

use crate::domain::secret::SHORTEST_CREDENTIAL;
use crate::domain::secret::SecretRef;

/// Longer files are not read: they do not contain a short secret.
const SHORT_FILE: u64 = 16;

/// Returns why this source would give no secret now, or one that cannot be used as a credential; `None` if it
/// may be usable.
pub fn unusable(source: &SecretRef) -> Option<String> {
    let short = || format!("{source} is shorter than {SHORTEST_CREDENTIAL} bytes, so it is not used");
    match source {
        SecretRef::Env(name) => match std::env::var_os(name).map(|value| Zeroizing::new(value.into_vec())) {
            None => Some(format!("{source} is not set here")),
            Some(value) => is_short(&value).then(short),
        },
        SecretRef::File(path) => {
            let cannot = |error: std::io::Error| format!("{source} cannot be read: {error}");
            match std::fs::metadata(path) {
                // Only regular files are opened: reading a pipe would block, and consume its content.
                Ok(found) if found.is_file() && found.len() > SHORT_FILE => {
                    std::fs::File::open(path).err().map(cannot)
                }
                Ok(found) if found.is_file() => match std::fs::read(path).map(Zeroizing::new) {
                    Ok(text) => is_short(&text).then(short),
                    Err(error) => Some(cannot(error)),
                },
                Ok(_) => None,
                Err(error) => Some(cannot(error)),
            }
        }
        SecretRef::Exec(_) | SecretRef::Store(_) => None,
    }
}

/// Returns whether a value without its line end is too short.
fn is_short(value: &[u8]) -> bool {
    let content = value.strip_suffix(b"\r\n").or_else(|| value.strip_suffix(b"\n")).unwrap_or(value);
    content.len() < SHORTEST_CREDENTIAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plainly_not_there_or_too_short_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let [short, long] = [("short", "abc\n"), ("long", "abcd\n")].map(|(name, text)| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            format!("file:{}", path.display())
        });
        for (source, told) in [
            ("env:HOOPCTL_NO_SUCH_VARIABLE", true),
            ("env:PATH", false),
            ("file:/nonexistent/key", true),
            ("file:/dev/null", false),
            (&short, true),
            (&long, false),
            ("exec:/nonexistent/program", false),
            ("store:x", false),
        ] {
            assert_eq!(unusable(&source.parse().unwrap()).is_some(), told, "{source}");
        }
    }
}
