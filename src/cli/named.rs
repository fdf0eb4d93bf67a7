//! Checks whether the files and variables that a configuration names exist, where `config check` is run.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::connection::Connection;
use crate::domain::secret::SecretRef;
use crate::domain::with_causes;
use crate::secret;
use crate::transport::tls;

/// Returns what is unavailable here, one sentence each. The gateway may run as another user, so these are not
/// certain errors.
pub fn missing<'a>(config: &'a Config, stored: impl IntoIterator<Item = &'a Connection>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(tls) = &config.gateway.tls {
        file(&mut found, "gateway.tls.cert", &tls.cert);
        source(&mut found, "gateway.tls.key", &tls.key);
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

fn file(found: &mut Vec<String>, what: &str, path: &Path) {
    if let Err(error) = std::fs::File::open(path) {
        found.push(format!("{what}: {} cannot be read: {error}", path.display()));
    }
}

fn source(found: &mut Vec<String>, what: &str, from: &SecretRef) {
    found.extend(secret::unusable(from).map(|why| format!("{what}: {why}")));
}
