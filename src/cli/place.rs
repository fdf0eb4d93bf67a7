//! Paths of the configuration, the data directory and the admin socket: from an option, else the environment,
//! else the file, else the default.

use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::args::Global;
use crate::cli::output;
use crate::cli::remote::Remote;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::config;
use crate::config::Config;
use crate::config::Problems;
use crate::domain::secret::SecretRef;

/// The paths given by command line and environment.
#[derive(Debug, Clone, Default)]
pub struct Place {
    config: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    socket: Option<PathBuf>,
    url: Option<String>,
    ca_file: Option<PathBuf>,
}

impl Place {
    /// Takes the options, and `HOOPCTL_CONFIG`, `HOOPCTL_DATA_DIR`, `HOOPCTL_SOCKET`, `HOOPCTL_URL`,
    /// `HOOPCTL_CA_FILE` for those that are not given. A socket on the command line takes precedence over a
    /// URL in the environment.
    pub fn new(global: &Global) -> Self {
        let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self {
            config: global.config.clone().or_else(|| env("HOOPCTL_CONFIG")),
            data_dir: global.data_dir.clone().or_else(|| env("HOOPCTL_DATA_DIR")).map(whole),
            socket: global.socket.clone().or_else(|| env("HOOPCTL_SOCKET")).map(whole),
            url: global.url.clone().or_else(|| {
                let url = std::env::var("HOOPCTL_URL").ok().filter(|url| !url.is_empty());
                url.filter(|_| global.socket.is_none())
            }),
            ca_file: global.ca_file.as_ref().map(PathBuf::from).or_else(|| env("HOOPCTL_CA_FILE")).map(whole),
        }
    }

    /// Returns a place with this configuration file and nothing else.
    pub fn of(config: PathBuf) -> Self {
        Self { config: Some(config), ..Self::default() }
    }

    /// Drops the URL, for a command that only concerns this machine.
    pub fn here(self) -> Self {
        Self { url: None, ..self }
    }

    /// Returns the same place with this admin socket.
    pub fn at(&self, socket: PathBuf) -> Self {
        Self { socket: Some(socket), ..self.clone() }
    }

    /// Returns the remote gateway, if one was named. It takes precedence over the socket and the store.
    pub fn remote(&self) -> Result<Option<Remote>, Failure> {
        self.url.as_deref().map(|url| Remote::new(url, self.ca_file.clone())).transpose()
    }

    /// Finds the configuration file.
    pub fn config_file(&self) -> Result<PathBuf, Failure> {
        config::find(self.config.as_deref()).map_err(|error| Failure::new(Exit::Config, error.to_string()))
    }

    /// Loads the configuration, with the command line's options applied.
    pub fn config(&self) -> Result<Config, Failure> {
        Ok(self.over(self.load(&self.config_file()?)?))
    }

    /// Loads the configuration; `None` if there is no file and none was named.
    pub fn config_if_any(&self) -> Result<Option<Config>, Failure> {
        match config::find(self.config.as_deref()) {
            Ok(file) => Ok(Some(self.over(self.load(&file)?))),
            Err(_none) => Ok(None),
        }
    }

    /// The file as it is, by whether it was named or only found.
    pub fn load(&self, file: &Path) -> Result<Config, Problems> {
        if self.config.is_some() { config::load(file) } else { config::load_found(file) }
    }

    /// The configuration, or one of defaults when there is no file and none was named.
    pub fn config_or_default(&self) -> Result<Config, Failure> {
        if let Some(config) = self.config_if_any()? {
            return Ok(config);
        }
        let mut storage = toml::Table::new();
        storage.insert("data_dir".to_owned(), self.data_dir_without_file()?.display().to_string().into());
        let mut table = toml::Table::new();
        table.insert("version".to_owned(), 1.into());
        table.insert("storage".to_owned(), storage.into());
        Ok(self.over(config::parse(&table.to_string(), Path::new("(no file)"))?))
    }

    /// Returns the option that a suggested command needs for the same file: ` -c FILE` if one was named,
    /// otherwise empty.
    pub fn option(&self) -> String {
        let shown = |file: &PathBuf| format!(" -c {}", output::shell_word(&file.display().to_string()));
        self.config.as_ref().map(shown).unwrap_or_default()
    }

    /// Applies the options. Paths that are in the data directory by default move with it.
    pub fn over(&self, mut config: Config) -> Config {
        if let Some(dir) = &self.data_dir {
            let old = std::mem::replace(&mut config.storage.data_dir, dir.clone());
            let moved = |path: &Path| path.strip_prefix(&old).ok().map(|rest| dir.join(rest));
            if let Some(socket) = moved(&config.admin.socket) {
                config.admin.socket = socket;
            }
            if let Some(SecretRef::File(key)) = &config.storage.key
                && let Some(key) = moved(key)
            {
                config.storage.key = Some(SecretRef::File(key));
            }
        }
        if let Some(socket) = &self.socket {
            config.admin.socket.clone_from(socket);
        }
        config
    }

    /// Returns the path of the admin socket.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        // What is urgent must not wait for a file to be mended: a gateway that runs needs none.
        let config = self.config_if_any().map_err(|failure| {
            failure.hint("a gateway that runs is reached without the file: --socket DATA_DIR/admin.sock")
        })?;
        if let Some(config) = config {
            return Ok(config.admin.socket);
        }
        Ok(self.data_dir_without_file()?.join("admin.sock"))
    }

    /// Returns the data directory if there is no configuration file.
    pub fn data_dir_without_file(&self) -> Result<PathBuf, Failure> {
        self.data_dir.clone().or_else(config::default_data_dir).ok_or_else(|| {
            Failure::new(Exit::Config, "there is no data directory: HOME is not set")
                .hint("name one with --data-dir, or a configuration with --config")
        })
    }

    /// Returns the URL that clients use, without a trailing `/`.
    pub fn public_url(&self) -> Result<String, Failure> {
        let gateway = self.config_if_any()?.map(|config| config.gateway).unwrap_or_default();
        let scheme = if gateway.tls.is_some() { "https" } else { "http" };
        let listen = gateway.listen;
        let host = match listen.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        Ok(gateway.public_url.unwrap_or_else(|| format!("{scheme}://{host}:{}", listen.port())))
    }

    /// Returns whether clients elsewhere cannot know the URL: the gateway listens on all addresses, and none
    /// is named.
    pub fn lacks_public_url(&self) -> Result<bool, Failure> {
        let gateway = self.config_if_any()?.map(|config| config.gateway).unwrap_or_default();
        Ok(gateway.public_url.is_none() && gateway.listen.ip().is_unspecified())
    }

    /// Returns the address at which PostgreSQL clients connect.
    pub fn database_door(&self) -> Result<DatabaseDoor, Failure> {
        let gateway = self.config_if_any()?.map(|config| config.gateway).unwrap_or_default();
        let Some(listen) = gateway.postgres_listen else {
            return Err(Failure::new(Exit::Config, "the gateway has no listener for PostgreSQL").hint(
                "set it in the configuration, then restart: [gateway] postgres_listen = \"127.0.0.1:15432\"",
            ));
        };
        let public = gateway.public_url.and_then(|url| url.parse::<http::Uri>().ok());
        let public = public.as_ref().and_then(http::Uri::host).filter(|_| !listen.ip().is_loopback());
        let host = match public {
            Some(host) => host.trim_matches(['[', ']']).to_owned(),
            None if listen.ip().is_unspecified() => "localhost".to_owned(),
            None => listen.ip().to_string(),
        };
        Ok(DatabaseDoor { host, port: listen.port(), tls: gateway.tls.is_some() })
    }
}

/// The address at which PostgreSQL clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseDoor {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether it uses TLS.
    pub tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_of_the_command_line_takes_socket_and_key_along() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hoopctl.toml");
        std::fs::write(&file, "version = 1\n[storage]\ndata_dir = \"/srv/one\"\n").unwrap();
        let place = Place { data_dir: Some(PathBuf::from("/srv/two")), ..Place::of(file) };
        let config = place.config().unwrap();
        assert_eq!(config.storage.data_dir, Path::new("/srv/two"));
        assert_eq!(config.admin.socket, Path::new("/srv/two/admin.sock"));
        assert_eq!(config.storage.key_source(), SecretRef::File("/srv/two/store.key".into()));
        let other = Place { socket: Some(PathBuf::from("/run/x.sock")), ..place };
        assert_eq!(other.socket().unwrap(), Path::new("/run/x.sock"));
        assert_eq!(other.config().unwrap().admin.socket, Path::new("/run/x.sock"));
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_of_the_configuration() {
        let place = Place::of(PathBuf::from("/nonexistent/hoopctl.toml"));
        assert_eq!(place.config().unwrap_err().exit, Exit::Config);
        assert_eq!(place.socket().unwrap_err().exit, Exit::Config);
    }

    #[test]
    fn clients_are_not_sent_to_all_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hoopctl.toml");
        let tls = "tls = { cert = \"c\", key = \"env:K\" }\n";
        for (gateway, url, lacks) in [
            ("listen = \"127.0.0.1:8440\"".to_owned(), "http://127.0.0.1:8440", false),
            ("listen = \"[::1]:8440\"".to_owned(), "http://[::1]:8440", false),
            (format!("{tls}listen = \"10.0.0.9:8440\""), "https://10.0.0.9:8440", false),
            (format!("{tls}listen = \"0.0.0.0:8641\""), "https://localhost:8641", true),
            (format!("{tls}listen = \"[::]:8641\""), "https://localhost:8641", true),
            (
                format!("{tls}public_url = \"https://gw.example\"\nlisten = \"0.0.0.0:8641\""),
                "https://gw.example",
                false,
            ),
        ] {
            let text = format!("version = 1\n[storage]\ndata_dir = \"/srv/one\"\n[gateway]\n{gateway}");
            std::fs::write(&file, text).unwrap();
            let place = Place::of(file.clone());
            assert_eq!(place.public_url().unwrap(), url, "{gateway}");
            assert_eq!(place.lacks_public_url().unwrap(), lacks, "{gateway}");
        }
    }

    #[test]
    fn clients_of_a_database_are_sent_where_the_certificate_is_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hoopctl.toml");
        let tls = "tls = { cert = \"c\", key = \"env:K\" }\n";
        let door = |gateway: &str| {
            let text = format!("version = 1\n[storage]\ndata_dir = \"/srv/one\"\n[gateway]\n{gateway}");
            std::fs::write(&file, text).unwrap();
            Place::of(file.clone()).database_door().map(|door| (door.host, door.port, door.tls))
        };
        let url = "public_url = \"https://gw.example:8440\"\n";
        for (gateway, host, port, has_tls) in [
            ("postgres_listen = \"127.0.0.1:15432\"".to_owned(), "127.0.0.1", 15432, false),
            // The public name does not lead to a loopback listener.
            (format!("{url}postgres_listen = \"[::1]:5432\""), "::1", 5432, false),
            (format!("{url}{tls}postgres_listen = \"0.0.0.0:5432\""), "gw.example", 5432, true),
            (format!("{tls}postgres_listen = \"0.0.0.0:5432\""), "localhost", 5432, true),
            (format!("{tls}postgres_listen = \"10.0.0.9:5432\""), "10.0.0.9", 5432, true),
        ] {
            assert_eq!(door(&gateway).unwrap(), (host.to_owned(), port, has_tls), "{gateway}");
        }
        let closed = door(url).unwrap_err();
        assert!(closed.hint.unwrap().contains("postgres_listen"), "{}", closed.message);
    }
}
