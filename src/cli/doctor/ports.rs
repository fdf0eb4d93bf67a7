//! Checks the addresses that the gateway would listen on, while it is not running.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;

use crate::cli::doctor::finding::Checks;
use crate::config::Config;

/// Checks whether they are free; `has` says which parts of the file are valid.
pub fn check(checks: &mut Checks, config: &Config, has: &dyn Fn(&str) -> bool) {
    let remote = config.admin.remote.as_ref().map(|remote| remote.listen);
    let addresses = [
        ("gateway.listen", Some(config.gateway.listen).filter(|_| has("gateway"))),
        ("gateway.postgres_listen", config.gateway.postgres_listen),
        ("admin.listen", remote),
        ("dev_issuer.listen", config.dev_issuer.as_ref().map(|issuer| issuer.listen)),
    ];
    let mut free = Vec::new();
    for (key, address) in addresses {
        let Some(address) = address else { continue };
        match bind(address) {
            Ok(()) => free.push(address.to_string()),
            Err(error) => checks.wrong("ports", format!("{address} ({key}): {error}"), fix(key, &error)),
        }
    }
    if !free.is_empty() {
        checks.good("ports", format!("free to listen on: {}", free.join(", ")));
    }
}

fn bind(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}

fn fix(key: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("stop the process that listens there, or change {key}"),
        io::ErrorKind::AddrNotAvailable => format!("no address of this machine: change {key}"),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 want a right of their own: change {key}")
        }
        _ => format!("change {key}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::doctor::finding::State;

    #[test]
    fn a_port_that_is_taken_is_wrong_and_its_key_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let text = format!(
            "version = 1\n[gateway]\nlisten = \"127.0.0.1:0\"\npostgres_listen = \"{address}\"\n[storage]\ndata_dir = \"/x\"\n"
        );
        let config = crate::config::parse(&text, Path::new("x.toml")).unwrap();
        let mut checks = Checks::default();
        check(&mut checks, &config, &|_part| true);
        let [wrong, good] = &checks.0[..] else { panic!("{checks:?}") };
        assert_eq!((wrong.state, good.state), (State::Wrong, State::Good));
        assert!(wrong.found.contains(&address.to_string()), "{wrong:?}");
        assert!(wrong.fix.as_ref().unwrap().contains("gateway.postgres_listen"), "{wrong:?}");
    }
}
