//! A remote gateway: its address, and which commands only concern this machine.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::args::Global;
use crate::cli::args::Noun;
use crate::cli::config::ConfigVerb;
use crate::cli::connect::ConnectVerb;
use crate::cli::login::bearer;
use crate::cli::report::Failure;
use crate::cli::session::SessionVerb;
use crate::control::ApiError;
use crate::control::Bearer;
use crate::control::Client;
use crate::transport::fetch::Location;

/// A gateway that is reached over the network.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its admin listener.
    pub location: Location,
    /// The authorities for its certificate; `None`: those of the login, otherwise the platform's.
    pub ca_file: Option<PathBuf>,
}

impl Remote {
    /// Parses a URL.
    ///
    /// # Errors
    /// A URL that is not `https://HOST[:PORT]`, or `http://` to a loopback address.
    pub fn new(url: &str, ca_file: Option<PathBuf>) -> Result<Self, Failure> {
        let hint =
            "use --url https://HOST[:PORT], the gateway's [admin] listen; http:// only to this machine";
        let location = Location::parse(url)
            .map_err(|error| Failure::usage(format!("--url {url:?} cannot be used: {error}")).hint(hint))?;
        if !location.is_bare() {
            return Err(Failure::usage(format!("--url {url:?} has a path")).hint(hint));
        }
        Ok(Self { location, ca_file })
    }

    /// Returns a client of its admin API, as the person who signed in there or with `HOOPCTL_TOKEN`.
    ///
    /// # Errors
    /// Authorities that cannot be read, tokens that are not kept safely, an invalid `HOOPCTL_TOKEN`.
    pub fn client(self) -> Result<Client, Failure> {
        let (bearer, ca_file) = bearer::of(&self)?;
        self.client_as(bearer, ca_file.as_deref())
    }

    /// Returns a client of its admin API with the given credentials.
    pub fn client_as(self, bearer: Arc<dyn Bearer>, ca_file: Option<&Path>) -> Result<Client, Failure> {
        Client::network(self.location, ca_file, bearer).map_err(|error| Failure::from(ApiError::from(error)))
    }
}

/// Returns whether a command only concerns this machine. Such a command refuses `--url` and ignores
/// `HOOPCTL_URL`.
///
/// # Errors
/// Options that exclude each other.
pub fn checked(global: &Global, noun: &Noun) -> Result<bool, Failure> {
    let given = global.url.is_some();
    if given && global.socket.is_some() {
        return Err(Failure::usage("--url and --socket name different gateways").hint("use only one of them"));
    }
    match local(noun) {
        Some(what) if given => Err(Failure::usage(format!("{what}, but --url names a remote gateway"))
            .hint("omit --url, or run it on the gateway's own machine")),
        what => Ok(what.is_some()),
    }
}

/// Returns why a command only concerns this machine; `None` for one that works with a remote gateway.
const fn local(noun: &Noun) -> Option<&'static str> {
    Some(match noun {
        Noun::Serve(_) => "`serve` runs a gateway here",
        Noun::Demo(_) => "`demo` runs a gateway here",
        Noun::Init(_) => "`init` writes a configuration here",
        Noun::Doctor => "`doctor` looks at this machine",
        Noun::Config(ConfigVerb::Check | ConfigVerb::Schema | ConfigVerb::Show) => {
            "this reads a configuration here"
        }
        Noun::Token(_) => "`token` works with the configuration here",
        Noun::Mask(_) => "`mask` works here, without a gateway",
        Noun::Session(SessionVerb::Prune { .. }) => "`session prune` works on a data directory here",
        Noun::Connect(verb) => return local_connect(verb),
        _ => return None,
    })
}

const fn local_connect(verb: &ConnectVerb) -> Option<&'static str> {
    match verb {
        ConnectVerb::Env { .. } => {
            Some("`connect env` reads the gateway's addresses from a configuration here")
        }
        ConnectVerb::Open(_) => Some("`connect open` takes --gateway HOST:PORT or a configuration here"),
        ConnectVerb::Test { .. } => Some("`connect test` dials the target from this machine"),
        _ => None,
    }
}

/// Returns whether `--ca-file` is about the target of a connection. `HOOPCTL_CA_FILE` and the login concern
/// the gateway all the same.
pub const fn has_own_ca_file(noun: &Noun) -> bool {
    let Noun::Connect(verb) = noun else { return false };
    matches!(**verb, ConnectVerb::Add(_) | ConnectVerb::Edit(_) | ConnectVerb::Open(_))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::cli::args::Cli;
    use crate::cli::report::Exit;

    #[test]
    fn a_gateway_elsewhere_is_an_origin() {
        for (url, origin) in [
            ("https://GW.example", "https://gw.example"),
            ("https://gw.example:443/", "https://gw.example"),
            ("https://gw.example:8441", "https://gw.example:8441"),
            ("https://[2001:DB8::1]:8441", "https://[2001:db8::1]:8441"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://localhost:8441", "http://localhost:8441"),
        ] {
            assert_eq!(Remote::new(url, None).unwrap().location.origin(), origin);
        }
        for url in [
            "",
            "gw.example",
            "http://gw.example",
            "http://127.0.0.1.gw.example",
            "https://gw.example/v1",
            "https://gw.example/?a",
            "https://gw.example/#a",
            "https://user@gw.example",
            "ftp://gw.example",
        ] {
            assert_eq!(Remote::new(url, None).unwrap_err().exit, Exit::Usage, "{url}");
        }
    }

    fn read(line: &str) -> Cli {
        let matches = crate::cli::command().try_get_matches_from(line.split(' ')).unwrap();
        Cli::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn the_authorities_of_a_target_are_not_those_of_the_gateway() {
        for (line, own) in [
            ("connect add crm --upstream https://x.example --ca-file a.pem", true),
            ("connect edit crm --ca-file a.pem", true),
            ("connect open crm --ca-file a.pem", true),
            ("connect list --ca-file a.pem", false),
            ("status --ca-file a.pem", false),
        ] {
            let cli = read(&format!("hoopctl {line}"));
            assert_eq!(has_own_ca_file(&cli.noun), own, "{line}");
            assert_eq!(cli.global.ca_file.as_deref(), Some("a.pem"), "{line}");
        }
    }

    #[test]
    fn commands_of_this_machine_do_not_take_a_url() {
        for (line, is_local) in [
            ("doctor", true),
            ("serve", true),
            ("config check", true),
            ("config reload", false),
            ("connect list", false),
            ("connect env crm", true),
            ("connect open crm --ca-file ca.pem", true),
            ("connect test crm", true),
            ("token verify", true),
            ("session prune", true),
            ("session list", false),
            ("tui", false),
            ("login", false),
            ("version", false),
        ] {
            let cli = read(&format!("hoopctl {line}"));
            assert_eq!(checked(&cli.global, &cli.noun), Ok(is_local), "{line}");
            let cli = read(&format!("hoopctl {line} --url https://gw.example"));
            assert_eq!(checked(&cli.global, &cli.noun).is_err(), is_local, "{line}");
        }
        let cli = read("hoopctl status --url https://gw.example --socket /run/s");
        assert_eq!(checked(&cli.global, &cli.noun).unwrap_err().exit, Exit::Usage);
    }
}
