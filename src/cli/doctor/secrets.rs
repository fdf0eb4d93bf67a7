//! Checks the key of the store, and the sources of credentials.

use std::path::Path;

use crate::cli::access::Access;
use crate::cli::connect::probe;
use crate::cli::doctor::finding::Checks;
use crate::cli::doctor::mode;
use crate::cli::place::Place;
use crate::config::Config;
use crate::domain::secret::SecretRef;
use crate::secret;
use crate::secret::SEALED_COLUMN;
use crate::secret::SEALED_TABLE;
use crate::secret::SealError;
use crate::secret::Sealer;
use crate::store;
use crate::store::Store;
use crate::store::View;

/// What is known about the sources of secrets.
pub struct Known {
    /// The names of the secrets in the store.
    pub kept: Kept,
    /// The variables that the running gateway lacks; `None`: none is running, or it does not report them.
    pub unset: Option<Vec<String>>,
    /// The secrets of the store that do not open, each with why.
    pub damaged: Vec<(String, String)>,
}

/// The names of the secrets in the store, if they can be read.
pub enum Kept {
    /// These names.
    Names(Vec<String>),
    /// There is no store yet.
    NoStore,
    /// Why they are unknown.
    Unknown(String),
}

impl Kept {
    /// Asks the gateway, or looks into the store. With those that do not open.
    pub fn of(place: &Place, config: &Config, running: bool) -> (Self, Vec<(String, String)>) {
        if running {
            let found = Access::online(place).and_then(|access| access.wait(access.backend().secrets()));
            let found = match found {
                Ok(found) => found.items,
                Err(failure) => return (Self::Unknown(failure.message), Vec::new()),
            };
            let damaged = found.iter().filter_map(|entry| Some((entry.name.clone(), entry.damaged.clone()?)));
            let damaged = damaged.collect();
            return (Self::Names(found.into_iter().map(|entry| entry.name).collect()), damaged);
        }
        let dir = &config.storage.data_dir;
        if matches!(dir.join(store::DB_FILE).try_exists(), Ok(false)) {
            return (Self::NoStore, Vec::new());
        }
        let read = store::lock_data_dir_soon(dir).and_then(|_held| {
            let store = Store::open(dir)?;
            store.call_blocking(|db| db.read(View::sealed_secrets))
        });
        match read {
            Ok(sealed) => {
                let damaged = opened(config, &sealed);
                (Self::Names(sealed.into_iter().map(|(name, _)| name).collect()), damaged)
            }
            Err(error) => (Self::Unknown(error.to_string()), Vec::new()),
        }
    }

    /// Returns whether the store has sealed secrets.
    const fn may_be_sealed(&self) -> bool {
        match self {
            Self::Names(names) => !names.is_empty(),
            Self::NoStore | Self::Unknown(_) => false,
        }
    }
}

/// Opens all that is sealed, and gives what does not open, each with why. Nothing where the key is not at
/// hand: that is told already.
fn opened(config: &Config, sealed: &[(String, Vec<u8>)]) -> Vec<(String, String)> {
    if sealed.is_empty() {
        return Vec::new();
    }
    let key = secret::load_key(&config.storage.key_source(), true);
    let Some(sealer) = key.and_then(|key| Sealer::new(&key)).ok() else { return Vec::new() };
    let why = |(name, bytes): &(String, Vec<u8>)| {
        let error = sealer.open(SEALED_TABLE, name, SEALED_COLUMN, bytes).err()?;
        Some((name.clone(), error.to_string()))
    };
    sealed.iter().filter_map(why).collect()
}

/// Names the secrets of the store that do not open.
pub fn damaged(checks: &mut Checks, known: &Known) {
    for (name, why) in &known.damaged {
        let found = format!("{name} cannot be opened: {why}");
        checks.wrong(
            "stored secret",
            found,
            format!("set it again: hoopctl secret set {name}; or put the key back that sealed it"),
        );
    }
}

/// Looks at the key that seals the secrets of the store.
pub fn store_key(checks: &mut Checks, config: &Config, known: &Known) {
    let what = "store key";
    match config.storage.key_source() {
        from @ SecretRef::File(_)
            if let Err(error @ SealError::KeyForm { .. }) = secret::load_key(&from, true) =>
        {
            checks.wrong(
                what,
                error.to_string(),
                "put it back from your backup; remove it only if nothing is sealed",
            );
        }
        SecretRef::File(path) if path.exists() => mode(checks, what, &path, 0o077, "chmod 600"),
        SecretRef::File(path) if let Kept::Unknown(why) = &known.kept => {
            let found =
                format!("{} is not there; whether the store needs it is not known: {why}", path.display());
            checks.doubtful(what, found, "mend what else is wrong, then hoopctl doctor again");
        }
        SecretRef::File(path) if known.kept.may_be_sealed() => {
            let found = format!("{} is missing: sealed secrets cannot be opened", path.display());
            checks.wrong(what, found, "put it back from your backup");
        }
        SecretRef::File(path) => {
            let shown = path.display();
            if let Some(folder) = missing_folder(&path, &config.storage.data_dir) {
                let found = format!("{shown} cannot be made: there is no folder {}", folder.display());
                checks.wrong(what, found, format!("mkdir -m 700 -p {}", folder.display()));
            } else {
                checks.doubtful(what, format!("{shown} is not there yet"), "the first start makes it");
            }
        }
        other => source(checks, what, &other, known),
    }
}

/// Returns the directory of a file, if it does not exist and the first start does not create it.
fn missing_folder<'a>(file: &'a Path, data_dir: &Path) -> Option<&'a Path> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (folder != data_dir && !folder.exists()).then_some(folder)
}

/// Checks whether a credential is available from its source.
pub fn credential(checks: &mut Checks, what: &str, from: &SecretRef, known: &Known) {
    source(checks, &format!("{what}, credential"), from, known);
}

/// Checks whether any other secret is available from its source.
pub fn source(checks: &mut Checks, what: &str, from: &SecretRef, known: &Known) {
    match from {
        SecretRef::File(path) => match secret::unusable(from).filter(|_| path.exists()) {
            Some(why) => checks.wrong(what, why, "put a longer one there, or correct its mode"),
            None => mode(checks, what, path, 0o077, "chmod 600"),
        },
        SecretRef::Env(name) => variable(checks, what, (name, from), known.unset.as_deref()),
        SecretRef::Exec(command) => {
            let program = command.split_whitespace().next().unwrap_or_default();
            match probe::find_named(program) {
                Ok(path) => checks.good(what, format!("{} is there; it was not started", path.display())),
                Err(error) => {
                    checks.wrong(what, format!("exec:{program}: {error}"), "install it, or correct its path");
                }
            }
        }
        SecretRef::Store(name) => match &known.kept {
            // Told already, by its name.
            Kept::Names(_) if known.damaged.iter().any(|(damaged, _)| damaged == name) => {}
            Kept::Names(names) if names.contains(name) => {
                checks.good(what, format!("the store has {name}"));
            }
            Kept::Names(_) | Kept::NoStore => {
                let found = format!("the store has no secret {name}");
                checks.wrong(what, found, format!("hoopctl secret set {name}"));
            }
            Kept::Unknown(why) => {
                checks.doubtful(
                    what,
                    format!("store:{name} was not looked for: {why}"),
                    "run it as the gateway's user",
                );
            }
        },
    }
}

/// Checks a variable: in the running gateway, otherwise in this environment.
fn variable(checks: &mut Checks, what: &str, (name, from): (&String, &SecretRef), unset: Option<&[String]>) {
    let fix = "set it in the environment of the gateway, and restart that";
    match (unset, secret::unusable(from)) {
        (Some(unset), _) if unset.contains(name) => {
            checks.wrong(what, format!("{name} is not set for the gateway, or too short to be used"), fix);
        }
        (Some(_), _) => checks.good(what, format!("env:{name} is set for the gateway")),
        (None, Some(why)) => checks.doubtful(what, why, fix),
        (None, None) => checks.good(what, format!("env:{name} is set here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Check;
    use crate::cli::doctor::finding::State;

    fn looked_at(from: &str, kept: Kept, unset: Option<&[&str]>) -> Check {
        let mut checks = Checks::default();
        let unset = unset.map(|unset| unset.iter().map(ToString::to_string).collect());
        credential(
            &mut checks,
            "connection wiki",
            &from.parse().unwrap(),
            &Known { kept, unset, damaged: Vec::new() },
        );
        checks.0.remove(0)
    }

    #[test]
    fn a_credential_is_ticked_only_where_it_is() {
        let names = || Kept::Names(vec!["crm".to_owned()]);
        let unset = "env:HOOPCTL_NO_SUCH_VARIABLE";
        for (from, kept, of_gateway, state, word) in [
            ("store:crm", names(), None, State::Good, "has crm"),
            ("store:wiki", names(), None, State::Wrong, "no secret wiki"),
            ("store:crm", Kept::NoStore, None, State::Wrong, "no secret crm"),
            ("store:crm", Kept::Unknown("closed".to_owned()), None, State::Doubtful, "closed"),
            (
                "exec:/nonexistent/fetch-key --now",
                names(),
                None,
                State::Wrong,
                "exec:/nonexistent/fetch-key:",
            ),
            ("exec:sh -c true", names(), None, State::Good, "was not started"),
            ("env:PATH", names(), None, State::Good, "is set here"),
            (unset, names(), None, State::Doubtful, "not set"),
            // The gateway's environment decides.
            (unset, names(), Some(&[][..]), State::Good, "set for the gateway"),
            ("env:PATH", names(), Some(&["PATH"][..]), State::Wrong, "not set for the gateway"),
            ("file:/nonexistent/key", names(), None, State::Wrong, "is not there"),
        ] {
            let check = looked_at(from, kept, of_gateway);
            assert_eq!(check.state, state, "{check:?}");
            assert!(check.found.contains(word), "{check:?}");
        }
        let missing = looked_at("file:/nonexistent/key", names(), None);
        assert_eq!(missing.fix.as_deref(), Some("create /nonexistent/key, mode 0600"));
    }

    #[test]
    fn each_secret_that_does_not_open_is_named_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("store.key");
        let text = format!(
            "version = 1\n[storage]\ndata_dir = {:?}\nkey = \"file:{}\"\n",
            dir.path(),
            key.display()
        );
        let config = crate::config::parse(&text, Path::new("/x.toml")).unwrap();
        let sealer = Sealer::new(&secret::load_key(&config.storage.key_source(), false).unwrap()).unwrap();
        let good = sealer.seal(SEALED_TABLE, "crm", SEALED_COLUMN, b"value").unwrap();
        let sealed = [("bad".to_owned(), b"torn".to_vec()), ("crm".to_owned(), good)];
        let names = || Kept::Names(vec!["bad".to_owned(), "crm".to_owned()]);
        let known = Known { kept: names(), unset: None, damaged: opened(&config, &sealed) };
        let mut checks = Checks::default();
        damaged(&mut checks, &known);
        credential(&mut checks, "connection x", &SecretRef::Store("bad".to_owned()), &known);
        let [check] = &checks.0[..] else { panic!("{checks:?}") };
        assert!(check.state == State::Wrong && check.found.starts_with("bad cannot be opened"), "{check:?}");
    }

    #[test]
    fn a_key_that_is_missing_is_wrong_only_where_something_is_sealed_or_it_cannot_be_made() {
        let dir = tempfile::tempdir().unwrap();
        let key = |key: &str, kept: Kept| {
            let data = dir.path().join("data");
            let text = format!("version = 1\n[storage]\ndata_dir = {data:?}\nkey = \"file:{key}\"\n");
            let config = crate::config::parse(&text, Path::new("/x.toml")).unwrap();
            let mut checks = Checks::default();
            store_key(&mut checks, &config, &Known { kept, unset: None, damaged: Vec::new() });
            checks.0.remove(0)
        };
        let own = dir.path().join("data/store.key").display().to_string();
        let names = |names: &[&str]| Kept::Names(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(key(&own, Kept::NoStore).state, State::Doubtful);
        assert_eq!(key(&own, names(&[])).state, State::Doubtful);
        assert_eq!(key(&own, names(&["crm"])).state, State::Wrong);
        // An unknown state is reported as such; the reason is reported elsewhere.
        assert_eq!(key(&own, Kept::Unknown(String::new())).state, State::Doubtful);
        let elsewhere = dir.path().join("keys/store.key").display().to_string();
        let check = key(&elsewhere, Kept::NoStore);
        let folder = dir.path().join("keys").display().to_string();
        assert!(check.state == State::Wrong && check.fix.as_ref().unwrap().contains(&folder), "{check:?}");
    }
}
