//! Finds the configuration file and the data directory.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The file in the working directory.
pub(super) const HERE: &str = "hoopctl.toml";

/// No configuration file was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no configuration file: looked for {}; write one with: hoopctl init",
    .looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
)]
pub struct NoConfigFile {
    /// The paths that were tried, in order.
    pub looked: Vec<PathBuf>,
}

/// Finds the configuration file: `given` (from `--config`), else `$HOOPCTL_CONFIG`, else the first that
/// exists of `./hoopctl.toml`, `$XDG_CONFIG_HOME/hoopctl/hoopctl.toml` (default `~/.config`) and
/// `/etc/hoopctl/hoopctl.toml`. There is no fallback for a named file that does not exist: reading it reports
/// the error.
///
/// # Errors
/// None was named, and none of them exists.
pub fn find(given: Option<&Path>) -> Result<PathBuf, NoConfigFile> {
    find_with(given, &|name| std::env::var_os(name), &|path| path.is_file())
}

fn find_with(
    given: Option<&Path>,
    env: &dyn Fn(&str) -> Option<OsString>,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, NoConfigFile> {
    let named = given.map(Path::to_owned).or_else(|| variable(env, "HOOPCTL_CONFIG"));
    if let Some(path) = named {
        return Ok(path);
    }
    let own = absolute_variable(env, "XDG_CONFIG_HOME")
        .or_else(|| Some(absolute_variable(env, "HOME")?.join(".config")));
    let looked: Vec<PathBuf> = [
        Some(PathBuf::from(HERE)),
        own.map(|folder| folder.join("hoopctl/hoopctl.toml")),
        Some(PathBuf::from("/etc/hoopctl/hoopctl.toml")),
    ]
    .into_iter()
    .flatten()
    .collect();
    looked.iter().find(|path| exists(path)).cloned().ok_or(NoConfigFile { looked })
}

/// Returns the default data directory: `$HOOPCTL_DATA_DIR`, else `/var/lib/hoopctl` for root, else
/// `$XDG_DATA_HOME/hoopctl` (default `~/.local/share`). `None` if there is no home directory either.
pub fn default_data_dir() -> Option<PathBuf> {
    data_dir_with(nix::unistd::geteuid().is_root(), &|name| std::env::var_os(name))
}

fn data_dir_with(root: bool, env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(path) = absolute_variable(env, "HOOPCTL_DATA_DIR") {
        return Some(path);
    }
    if root {
        return Some(PathBuf::from("/var/lib/hoopctl"));
    }
    let shared = absolute_variable(env, "XDG_DATA_HOME")
        .or_else(|| Some(absolute_variable(env, "HOME")?.join(".local/share")));
    Some(shared?.join("hoopctl"))
}

/// Returns a variable that is set and not empty.
fn variable(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    env(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Returns a variable that is an absolute path: the XDG base directory specification ignores relative ones.
fn absolute_variable(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    variable(env, name).filter(|path| path.is_absolute())
}

/// Returns the absolute path, without `.` and `..` as far as its directory exists.
pub fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_error| path.to_owned());
    let folder = absolute.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, absolute.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => absolute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    }

    fn found(given: Option<&str>, pairs: &[(&str, &str)], files: &[&str]) -> Result<PathBuf, NoConfigFile> {
        let exists = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        find_with(given.map(Path::new), &env(pairs), &exists)
    }

    #[test]
    fn a_whole_path_begins_at_the_root_and_goes_no_way_back() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let here = folder.path().canonicalize().unwrap();
        assert_eq!(absolute(&folder.path().join("a/.././a/x.toml")), here.join("a/x.toml"));
        assert!(absolute(Path::new("x.toml")).is_absolute());
        assert_eq!(absolute(Path::new("/nonexistent/x.toml")), Path::new("/nonexistent/x.toml"));
    }

    #[test]
    fn the_search_goes_from_the_nearest_to_the_farthest() {
        let home = [("HOME", "/home/kim")];
        let all = [
            "hoopctl.toml",
            "/home/kim/.config/hoopctl/hoopctl.toml",
            "/x/hoopctl/hoopctl.toml",
            "/etc/hoopctl/hoopctl.toml",
        ];
        let ok = |path: &str| Ok(PathBuf::from(path));
        assert_eq!(found(Some("a.toml"), &[("HOOPCTL_CONFIG", "b.toml")], &all), ok("a.toml"));
        assert_eq!(found(None, &[("HOOPCTL_CONFIG", "b.toml")], &all), ok("b.toml"));
        assert_eq!(found(None, &[("HOOPCTL_CONFIG", "")], &all), ok("hoopctl.toml"));
        assert_eq!(found(None, &home, &all[1..]), ok("/home/kim/.config/hoopctl/hoopctl.toml"));
        assert_eq!(
            found(None, &[("HOME", "/home/kim"), ("XDG_CONFIG_HOME", "/x")], &all[1..]),
            ok("/x/hoopctl/hoopctl.toml")
        );
        assert_eq!(found(None, &home, &all[3..]), ok("/etc/hoopctl/hoopctl.toml"));
        let error = found(None, &[("XDG_CONFIG_HOME", "relative")], &[]).unwrap_err();
        assert_eq!(error.looked, [PathBuf::from("hoopctl.toml"), PathBuf::from("/etc/hoopctl/hoopctl.toml")]);
        assert!(error.to_string().contains("hoopctl init"));
    }

    #[test]
    fn a_named_file_that_is_missing_is_not_replaced() {
        assert_eq!(found(Some("typo.toml"), &[], &["hoopctl.toml"]), Ok(PathBuf::from("typo.toml")));
    }

    #[test]
    fn the_data_directory_follows_the_user() {
        let dir = |root, pairs: &[(&str, &str)]| data_dir_with(root, &env(pairs));
        assert_eq!(dir(true, &[("HOME", "/root")]), Some("/var/lib/hoopctl".into()));
        assert_eq!(dir(false, &[("HOME", "/home/kim")]), Some("/home/kim/.local/share/hoopctl".into()));
        assert_eq!(dir(false, &[("XDG_DATA_HOME", "/d")]), Some("/d/hoopctl".into()));
        assert_eq!(dir(true, &[("HOOPCTL_DATA_DIR", "/srv/h")]), Some("/srv/h".into()));
        assert_eq!(dir(false, &[]), None);
    }
}
