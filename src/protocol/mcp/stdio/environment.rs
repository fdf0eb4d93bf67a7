//! The environment of a program: the few variables that any program needs, those of its connection, and its
//! secret. Nothing else: the gateway's own environment contains the secrets of other connections.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::domain::Connection;
use crate::domain::ConnectionName;
use crate::domain::Injection;
use crate::domain::Secret;
use crate::domain::connection::mcp::Program;
use crate::mask::Needles;

/// The variables that are passed, besides those that begin with `LC_`.
const PASSING: [&str; 7] = ["HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// How a child process is started.
#[derive(Clone)]
pub struct Spec {
    /// The connection, for the log.
    pub name: ConnectionName,
    /// The program.
    pub program: Program,
    /// Its complete environment.
    pub env: Vec<(OsString, OsString)>,
    /// The secrets to redact in its output.
    pub secrets: Option<Arc<Needles>>,
    /// Whether its log may contain values that are masked: then only the number of lines is logged.
    pub withheld: bool,
}

impl Spec {
    /// Returns how the program of a connection is started; `None` if its target is not a program.
    pub fn new(connection: &Connection, secret: Option<&Secret>, masks: bool) -> Option<Self> {
        Some(Self {
            name: connection.name.clone(),
            program: connection.upstream.program.clone()?,
            env: environment(std::env::vars_os(), connection, secret),
            secrets: secret.map(needles),
            withheld: masks,
        })
    }
}

/// Returns the patterns of a secret: the whole, and each of its lines, since the log is read line by line.
fn needles(secret: &Secret) -> Arc<Needles> {
    let whole = secret.expose();
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let needles: Vec<Vec<u8>> = std::iter::once(whole).chain(lines).flat_map(Needles::shapes).collect();
    Needles::new(&needles)
}

/// Builds the environment. Of two variables with the same name, the later one counts.
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    connection: &Connection,
    secret: Option<&Secret>,
) -> Vec<(OsString, OsString)> {
    let passes =
        |name: &OsStr| PASSING.iter().any(|passing| name == *passing) || name.as_bytes().starts_with(b"LC_");
    let mut env: Vec<_> = own.filter(|(name, _)| passes(name)).collect();
    env.extend(connection.mcp.env.iter().map(|(name, value)| (name.into(), value.into())));
    if let (Injection::Env { name, .. }, Some(secret)) = (&connection.inject, secret) {
        env.push((name.into(), OsStr::from_bytes(secret.expose()).to_owned()));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tests::connection;

    #[test]
    fn a_program_gets_what_is_listed_and_its_own_secret_only() {
        let own =
            ["PATH", "HOME", "LC_ALL", "LCX", "CRM_TOKEN", "LD_PRELOAD", "SSH_AUTH_SOCK", "HTTPS_PROXY"];
        let own = own.map(|name| (name.into(), "gateway's".into()));
        let mut target = connection("files", "");
        target.mcp.env = [("HOME".into(), "/srv".into()), ("MODE".into(), "$HOME".into())].into();
        target.inject = Injection::Env { name: "KEY".into(), value: "env:CRM_TOKEN".parse().unwrap() };
        let secret = Secret::new(b"s3cret".to_vec());
        let env = environment(own.into_iter(), &target, Some(&secret));
        let told: Vec<(&str, &str)> =
            env.iter().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect();
        assert_eq!(
            told,
            [
                ("PATH", "gateway's"),
                ("HOME", "gateway's"),
                ("LC_ALL", "gateway's"),
                ("HOME", "/srv"),
                ("MODE", "$HOME"),
                ("KEY", "s3cret")
            ]
        );
    }

    #[test]
    fn each_line_of_a_secret_is_a_secret() {
        let needles = needles(&Secret::new(b"-----BEGIN KEY-----\nMIIabcdef\n".to_vec()));
        assert!(needles.replace(b"parse error near MIIabcdef").is_some());
        assert!(needles.replace(b"parse error near MII").is_none());
    }
}
