//! Whether a source is plainly not there, without reading it.

use crate::domain::secret::SecretRef;

/// Why nothing would come from this source if it were asked now; `None`: something may.
pub fn absent(source: &SecretRef) -> Option<String> {
    match source {
        SecretRef::Env(name) if std::env::var_os(name).is_none() => Some(format!("{source} is not set here")),
        SecretRef::File(path) => {
            let cannot = |error: std::io::Error| format!("{source} cannot be read: {error}");
            match std::fs::metadata(path) {
                // What is no plain file is not opened: a pipe would wait, and lose what it holds.
                Ok(found) if found.is_file() => std::fs::File::open(path).err().map(cannot),
                Ok(_) => None,
                Err(error) => Some(cannot(error)),
            }
        }
        SecretRef::Env(_) | SecretRef::Exec(_) | SecretRef::Store(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plainly_not_there_is_told() {
        for (source, told) in [
            ("env:HOOPCTL_NO_SUCH_VARIABLE", true),
            ("env:PATH", false),
            ("file:/nonexistent/key", true),
            ("file:/dev/null", false),
            ("exec:/nonexistent/program", false),
            ("store:x", false),
        ] {
            assert_eq!(absent(&source.parse().unwrap()).is_some(), told, "{source}");
        }
    }
}
