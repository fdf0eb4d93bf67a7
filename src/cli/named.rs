//! Checks whether the files and variables that a configuration names exist, where `config check` is run.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::User;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::connection::Connection;
use crate::domain::secret::SecretRef;
use crate::domain::with_causes;
use crate::gateway::MaskKey;
use crate::recording;
use crate::secret;
use crate::secret::SEALED_COLUMN;
use crate::secret::SEALED_TABLE;
use crate::secret::Sealer;
use crate::store;
use crate::store::Store;
use crate::store::StoreError;
use crate::transport::tls;

/// Returns what is unavailable here, one sentence each. The gateway may run as another user, so these are not
/// certain errors.
pub fn missing<'a>(config: &'a Config, stored: impl IntoIterator<Item = &'a Connection>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(tls) = &config.gateway.tls {
        file(&mut found, "gateway.tls.cert", &tls.cert);
        source(&mut found, "gateway.tls.key", &tls.key);
    }
    for user in config.admin.local_groups.keys() {
        found
            .extend(kept_out(user, &config.storage.data_dir).map(|why| format!("admin.local_groups: {why}")));
    }
    if let from @ SecretRef::Env(_) = &config.storage.key_source() {
        source(&mut found, "storage.key", from);
    }
    for issuer in &config.oidc {
        let name = format!("oidc.{}", issuer.name);
        if let Some(path) = &issuer.ca_file {
            file(&mut found, &format!("{name}.ca_file"), path);
        }
        for from in issuer.mcp_login.iter().filter_map(|login| login.secret.as_ref()) {
            source(&mut found, &format!("{name}.mcp_login.secret"), from);
        }
    }
    let page = config.admin.remote.as_ref().and_then(|remote| remote.page.as_ref());
    for from in page.iter().filter_map(|page| page.secret.as_ref()) {
        source(&mut found, "admin.page.secret", from);
    }
    for connection in config.connections.iter().chain(stored) {
        let name = format!("connection.{}", connection.name);
        if let Some(path) = &connection.ca_file {
            file(&mut found, &format!("{name}.ca_file"), path);
        }
        if let Some(certificate) = &connection.upstream.certificate {
            file(&mut found, &format!("{name}, sslcert"), &certificate.file);
        }
        for from in connection.secrets() {
            source(&mut found, &name, from);
        }
    }
    found
}

/// Files that certainly prevent a start: they do not exist, or hold no certificate. Files that this user may
/// not read, and variables that this environment lacks, may be available to the gateway.
pub fn stops_the_start(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut there = |what: &str, path: &Path| match std::fs::read(path) {
        Ok(bytes) => Some(Zeroizing::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.push(format!("{what}: {} is not there", path.display()));
            None
        }
        Err(_closed) => None,
    };
    for issuer in &config.oidc {
        if let Some(path) = &issuer.ca_file {
            there(&format!("oidc.{}.ca_file", issuer.name), path);
        }
    }
    let Some(tls) = &config.gateway.tls else { return found };
    let cert = there("gateway.tls.cert", &tls.cert);
    let key = match &tls.key {
        SecretRef::File(path) => there("gateway.tls.key", path),
        _ => None,
    };
    if let (Some(cert), Some(key)) = (cert, key)
        && let Err(error) = tls::server_config(&cert, &key, &[])
    {
        found.push(format!("gateway.tls: {}", with_causes(&error)));
    }
    found
}

/// What in the data directory certainly prevents a start. Nothing is changed, and nothing is said of what
/// another user or a running gateway has.
pub fn data_stops_the_start(config: &Config) -> Vec<String> {
    let dir = &config.storage.data_dir;
    let _held = match dir.exists().then(|| store::lock_data_dir(dir)) {
        Some(Ok(held)) => held,
        Some(Err(error @ (StoreError::TooWide { .. } | StoreError::WrongType { .. }))) => {
            return vec![error.to_string()];
        }
        Some(Err(_)) | None => return Vec::new(),
    };
    let mut found = Vec::new();
    match Store::check(dir) {
        Ok(sealed) => found.extend(key_problem(&config.storage.key_source(), &sealed)),
        Err(error) => found.push(with_causes(&error)),
    }
    found.extend(MaskKey::check(dir).err().map(|error| with_causes(&error)));
    found.extend(recording::check(dir, false).err().map(|error| error.to_string()));
    found.extend(not_a_socket(config));
    found
}

/// Returns why an OS user cannot come by the admin socket: only root and the gateway's own user can open it.
/// That is the owner of the data directory or, before there is one, whoever runs this.
fn kept_out(user: &str, data_dir: &Path) -> Option<String> {
    let uid = match User::from_name(user) {
        Ok(Some(found)) => found.uid.as_raw(),
        Ok(None) => return Some(format!("there is no user {user:?} on this machine")),
        Err(_unknown) => return None,
    };
    let owner = match std::fs::metadata(data_dir) {
        Ok(found) => found.uid(),
        // Who will run the gateway is not known when root looks beforehand.
        Err(_none) if nix::unistd::geteuid().is_root() => return None,
        Err(_none) => nix::unistd::geteuid().as_raw(),
    };
    (uid != 0 && uid != owner).then(|| {
        format!(
            "{user:?} cannot open the admin socket: only root and the gateway's own user can; other people sign in at \
             admin.listen, or on admin.page"
        )
    })
}

/// Returns why the key of the store cannot be used. One that is missing is made, if nothing is sealed.
fn key_problem(from: &SecretRef, sealed: &[(String, Vec<u8>)]) -> Option<String> {
    let made = matches!(from, SecretRef::File(path) if !path.exists());
    // Another environment may have the variable; with it the secrets could be opened, or there are none.
    if sealed.is_empty() && (made || matches!(from, SecretRef::Env(name) if std::env::var_os(name).is_none()))
    {
        return None;
    }
    let proved = secret::load_key(from, true)
        .and_then(|key| Sealer::new(&key)?.prove(SEALED_TABLE, SEALED_COLUMN, sealed));
    proved.err().map(|error| format!("storage.key: {}", with_causes(&error)))
}

/// Returns what is in the place of the admin socket, if it is something else.
pub fn not_a_socket(config: &Config) -> Option<String> {
    let path = &config.admin.socket;
    let there = std::fs::symlink_metadata(path).ok()?;
    (!there.file_type().is_socket())
        .then(|| format!("admin.socket: {} is there and is not a socket: move it away", path.display()))
}

fn file(found: &mut Vec<String>, what: &str, path: &Path) {
    if let Err(error) = std::fs::File::open(path) {
        found.push(format!("{what}: {} cannot be read: {error}", path.display()));
    }
}

fn source(found: &mut Vec<String>, what: &str, from: &SecretRef) {
    found.extend(secret::unusable(from).map(|why| format!("{what}: {why}")));
}
