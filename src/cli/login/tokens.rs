//! Stored tokens: one file that only this user can read, changed by one process at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::login::issuer::LIMITS;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::domain::Secret;

/// Maximum length of the file in bytes.
const LONGEST: u64 = 4 << 20;
/// Version of the file format.
const VERSION: u32 = 1;
/// How long another process may hold the file. One that renews makes two exchanges meanwhile, one with the
/// gateway and one with the issuer, each limited by [`LIMITS`]; one that signs out makes one. A waiter
/// therefore sees the end of the slowest holder, and that of a second one that was quicker to take the lock.
/// Calls do not count this in their own timeout (`control::client`), so a wait for the file ends here and is
/// reported as such.
const PATIENCE: Duration = Duration::from_secs(40);
const _: () =
    assert!(PATIENCE.as_secs() > 2 * LIMITS.timeout.as_secs(), "who waits sees the slowest holder end");
/// Interval between two attempts to lock the file.
const PAUSE: Duration = Duration::from_millis(50);

/// A stored token. It cannot be printed, and is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Arc<Zeroizing<String>>);

impl Hidden {
    /// Takes ownership of the text.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// Returns the text itself. Only code that sends or stores it calls this.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the token for the client of the admin API.
    pub fn secret(&self) -> Arc<Secret> {
        Arc::new(Secret::new(self.expose().as_bytes().to_vec()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where and as which client a person signs in: what they confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The issuer.
    pub issuer: String,
    /// The client id.
    pub client_id: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
}

/// The stored login for one gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The confirmed terms.
    pub terms: Terms,
    /// Token endpoint, for renewal.
    pub token_endpoint: String,
    /// Revocation endpoint; `None`: the issuer has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// The gateway's name at the issuer (RFC 8707), if that lists its resources: tokens are requested for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The authorities for the gateway's certificate; `None`: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The authorities for the issuer's certificate; `None`: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_ca_file: Option<PathBuf>,
    /// The tokens; `None`: signed out by the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
}

/// The tokens of one person for one gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access: Hidden,
    /// Its expiry, in milliseconds since 1970; `None`: the issuer did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// The refresh token; `None`: it cannot be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Hidden>,
}

/// The content of the file: all entries, each under the origin of its gateway.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// The entries.
    pub gateways: BTreeMap<String, Entry>,
}

/// Why tokens cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is no directory for them.
    #[error("no place to store tokens: neither XDG_CONFIG_HOME nor HOME is set")]
    NoPlace,
    /// An operation failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Others could read or change them.
    #[error("{} is not safe for tokens: {problem}", path.display())]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The content is not a valid token file.
    #[error("{} cannot be read as a file of tokens; remove it and sign in again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the lock.
    #[error("another hoopctl has locked {} for more than {} s; try again when it has finished", path.display(), PATIENCE.as_secs())]
    Kept {
        /// The lock file.
        path: PathBuf,
    },
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        let hint = match &error {
            KeepError::Unsafe { path, .. } if path.ends_with(FILE) => {
                Some(format!("look at it, then: rm {}", path.display()))
            }
            KeepError::Unsafe { path, .. } => Some(format!("chmod 700 {}", path.display())),
            _ => None,
        };
        // Another process's lock ends, so a retry is worthwhile, as for a locked store.
        let exit = if matches!(error, KeepError::Kept { .. }) { Exit::Unreachable } else { Exit::Failed };
        let failure = Self::new(exit, crate::domain::with_causes(&error)).code("tokens");
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

const FILE: &str = "tokens.json";

/// The file of stored tokens.
#[derive(Debug, Clone)]
pub struct TokenFile {
    folder: PathBuf,
}

/// The file, locked against other processes.
pub struct Held<'a> {
    file: &'a TokenFile,
    _lock: File,
}

impl TokenFile {
    /// Returns `hoopctl/tokens.json` in `$XDG_CONFIG_HOME` or `~/.config`.
    ///
    /// # Errors
    /// [`KeepError::NoPlace`].
    pub fn usual() -> Result<Self, KeepError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // XDG specification: a relative path there must be ignored.
        let base = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        let base = base.or_else(|| Some(set("HOME")?.join(".config"))).ok_or(KeepError::NoPlace)?;
        Ok(Self::at(base.join("hoopctl")))
    }

    /// Returns the file in this directory.
    pub const fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the file's path.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads it; empty if there is none yet.
    ///
    /// # Errors
    /// A file that others can read, change or replace, or that cannot be read.
    pub fn read(&self) -> Result<Kept, KeepError> {
        let path = self.path();
        let none = Kept { version: VERSION, ..Kept::default() };
        if !self.folder.exists() {
            return Ok(none);
        }
        folder_is_ours(&self.folder)?;
        let failed = |source| KeepError::Io { doing: "read", path: path.clone(), source };
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(none),
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
                return Err(KeepError::Unsafe { path, problem: "it is a symbolic link".to_owned() });
            }
            Err(error) => return Err(failed(error)),
        };
        let data = file.metadata().map_err(failed)?;
        is_ours(&path, &data, 0o077)?;
        if !data.is_file() {
            return Err(KeepError::Unsafe { path, problem: "it is no file".to_owned() });
        }
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(data.len()).unwrap_or(0).min(1 << 20)));
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        // The cause is left out: it may repeat part of the file.
        let kept: Option<Kept> = serde_json::from_slice(&bytes).ok();
        kept.filter(|kept| kept.version == VERSION && bytes.len() as u64 <= LONGEST)
            .ok_or(KeepError::Unreadable { path })
    }

    /// Waits for the lock of the file, which is held until the result is dropped.
    ///
    /// # Errors
    /// [`KeepError::Kept`], and errors of creating the directory.
    pub async fn hold(&self) -> Result<Held<'_>, KeepError> {
        if !self.folder.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.folder)
                .map_err(|source| KeepError::Io { doing: "make", path: self.folder.clone(), source })?;
        }
        folder_is_ours(&self.folder)?;
        let path = self.folder.join("tokens.lock");
        let failed = |source| KeepError::Io { doing: "lock", path: path.clone(), source };
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags.bits())
            .open(&path)
            .map_err(failed)?;
        let begin = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Held { file: self, _lock: lock }),
                Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
                Err(std::fs::TryLockError::WouldBlock) if begin.elapsed() > PATIENCE => {
                    return Err(KeepError::Kept { path });
                }
                Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

impl Held<'_> {
    /// Reads, changes and writes the file, all or nothing.
    ///
    /// # Errors
    /// Those of reading, and of writing.
    pub fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Entry>) -> T) -> Result<T, KeepError> {
        let mut kept = self.file.read()?;
        let given = change(&mut kept.gateways);
        self.write(&kept)?;
        Ok(given)
    }

    fn write(&self, kept: &Kept) -> Result<(), KeepError> {
        let folder = &self.file.folder;
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| KeepError::Io { doing, path, source }
        };
        let mode = std::fs::metadata(folder).map_err(failed("look at", folder))?.mode();
        if mode & 0o077 != 0 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
                .map_err(failed("close to others", folder))?;
        }
        let text = serde_json::to_vec_pretty(kept).map_err(|error| io::Error::other(error.to_string()));
        let text = Zeroizing::new(text.map_err(failed("write", folder))?);
        let scratch = folder.join(format!("{FILE}.{:032x}", rand::random::<u128>()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&scratch)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&scratch, self.file.path()))
            .and_then(|()| File::open(folder)?.sync_all());
        if written.is_err() {
            std::fs::remove_file(&scratch).ok();
        }
        written.map_err(failed("write", &self.file.path()))
    }
}

/// The directory may be readable by others, since the file is not, but only this user may change it.
fn folder_is_ours(folder: &Path) -> Result<(), KeepError> {
    let data = std::fs::metadata(folder).map_err(|source| KeepError::Io {
        doing: "look at",
        path: folder.to_owned(),
        source,
    })?;
    is_ours(folder, &data, 0o022)
}

/// Checks the owner, and that none of the permission bits `forbidden` is set.
fn is_ours(path: &Path, data: &std::fs::Metadata, forbidden: u32) -> Result<(), KeepError> {
    let mode = data.mode() & 0o7777;
    let problem = if data.uid() != geteuid().as_raw() {
        format!("it belongs to another user, number {}", data.uid())
    } else if mode & forbidden != 0 {
        format!("it has mode {mode:04o}, and others can get at it")
    } else {
        return Ok(());
    };
    Err(KeepError::Unsafe { path: path.to_owned(), problem })
}
