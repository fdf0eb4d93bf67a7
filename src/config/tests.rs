//! The configuration as a whole: samples with their reports, secrets that are never shown, entities that
//! round-trip.

mod databases;
mod golden;
mod hostile;
mod roundtrip;
mod schema;
mod servers;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::Config;
use crate::config::Problems;
use crate::config::parse;

const MINIMAL: &str = "version = 1\n[storage]\ndata_dir = \"/tmp/h\"\n";

/// Returns a minimal valid configuration, and `more`.
pub(super) fn with(more: &str) -> Result<Config, Problems> {
    parse(&format!("{MINIMAL}{more}"), Path::new("h.toml"))
}

#[test]
fn the_key_of_the_store_comes_from_where_the_start_can_read_it() {
    for (source, is_good) in
        [("env:KEY", true), ("file:k", true), ("exec:print-key", false), ("store:k", false)]
    {
        let read = with(&format!("key = \"{source}\"\n"));
        assert_eq!(read.is_ok(), is_good, "{source}");
    }
}

#[test]
fn the_least_configuration_has_the_defaults_of_the_contract() {
    let config = with("").unwrap();
    assert_eq!(config.gateway, crate::config::GatewaySettings::default());
    assert_eq!(config.gateway.listen.to_string(), "127.0.0.1:8440");
    assert_eq!(config.admin.socket, Path::new("/tmp/h/admin.sock"));
    assert_eq!(config.storage.key_source().to_string(), "file:/tmp/h/store.key");
    assert_eq!(config.recording, crate::recording::Settings::default());
    assert!(config.oidc.is_empty() && config.connections.is_empty() && config.dev_issuer.is_none());
    assert!(config.warnings.is_empty());
}

#[test]
fn relative_paths_start_at_the_file_and_the_socket_at_the_data_directory() {
    let text = "version = 1\n[storage]\ndata_dir = \"data\"\nkey = \"file:k\"\n[admin]\nsocket = \"a.sock\"\n[gateway]\n\
        tls = { cert = \"t.crt\", key = \"file:t.key\" }\n[[connection]]\nname = \"c\"\nupstream = \"https://c/\"\nca_file = \"ca.pem\"\n\
        inject = \"bearer:file:token\"\n";
    let config = parse(text, Path::new("/etc/hoopctl/hoopctl.toml")).unwrap();
    assert_eq!(config.storage.data_dir, Path::new("/etc/hoopctl/data"));
    assert_eq!(config.storage.key_source().to_string(), "file:/etc/hoopctl/k");
    assert_eq!(config.admin.socket, Path::new("/etc/hoopctl/data/a.sock"));
    let tls = config.gateway.tls.unwrap();
    assert_eq!(
        (tls.cert.as_path(), tls.key.to_string().as_str()),
        (Path::new("/etc/hoopctl/t.crt"), "file:/etc/hoopctl/t.key")
    );
    let [connection] = config.connections.as_slice() else { panic!("one connection") };
    assert_eq!(connection.ca_file.as_deref(), Some(Path::new("/etc/hoopctl/ca.pem")));
    assert_eq!(connection.inject.to_string(), "bearer:file:/etc/hoopctl/token");
    assert_eq!(connection.upstream.to_string(), "https://c");
    assert_eq!(connection.origin.to_string(), "/etc/hoopctl/hoopctl.toml:9");
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hoopctl.toml");
    let missing = crate::config::load(&path).unwrap_err();
    assert_eq!(missing.len(), 1);
    assert!(missing.to_string().contains("cannot be read") && missing.to_string().contains("hoopctl init"));
    std::fs::write(&path, b"version = 1\n# caf\xe9\n").unwrap();
    let latin = crate::config::load(&path).unwrap_err();
    assert_eq!(latin.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2]);
    std::fs::write(&path, format!("\u{feff}{MINIMAL}")).unwrap();
    assert!(crate::config::load(&path).is_ok());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).unwrap();
    let open = crate::config::load(&path).unwrap_err().to_string();
    assert!(open.contains("anybody on this machine can write to it") && open.contains("chmod o-w"), "{open}");
    let endless = crate::config::load(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(endless.to_string(), "/dev/zero: larger than 16MiB");
    assert_eq!(crate::config::load(dir.path()).unwrap_err().len(), 1);
}

#[test]
fn a_problem_is_json_with_the_names_of_the_contract() {
    let problems = with("[gateway]\nlistne = \"x\"\n").unwrap_err();
    assert_eq!(
        serde_json::to_string(&problems).unwrap(),
        r#"[{"file":"h.toml","line":5,"column":1,"key":"gateway.listne","found":"","problem":"unknown key","hint":"did you mean \"listen\"?"}]"#
    );
    assert_eq!(problems.to_string(), "h.toml:5:1: gateway.listne: unknown key; did you mean \"listen\"?");
}

#[test]
fn a_file_that_was_only_found_is_not_read_where_it_is_another_users() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hoopctl.toml");
    std::fs::write(&path, MINIMAL).unwrap();
    let own = nix::unistd::geteuid();
    // Root gives the file away; others ask as if they were another one.
    let (owner, reader) = if own.is_root() { (4_000_000, 0) } else { (own.as_raw(), own.as_raw() + 1) };
    if own.is_root() {
        std::os::unix::fs::chown(&path, Some(owner), None).unwrap();
    }
    let load = |path: &Path, reader| parse::load_of(path, Some(reader));
    let other = load(&path, reader).unwrap_err().to_string();
    assert!(other.contains("belongs to another user") && other.contains("name it: -c"), "{other}");
    assert!(load(&path, owner).is_ok() && crate::config::load(&path).is_ok());
    // Nor one that another user leads to by a link.
    if own.is_root() {
        let link = dir.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(load(&link, owner).is_ok(), "the link is root's");
        std::os::unix::fs::lchown(&link, Some(owner + 1), None).unwrap();
        assert!(load(&link, owner).is_err());
    }
}
