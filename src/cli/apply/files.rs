//! The files that `apply` reads, and their problems by file, line and column.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::ask;
use crate::cli::entity;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::config;
use crate::config::Problem;
use crate::config::Problems;
use crate::config::Written;
use crate::domain::entity::EntityKind;

/// One text that was read.
struct Source {
    name: PathBuf,
    text: String,
}

/// Everything that was read: entities of one or more files, each name once.
pub struct Sources {
    sources: Vec<Source>,
    /// The entities, each with the index of its file.
    entities: Vec<(usize, Written)>,
    /// Valid entries that hardly do what was meant.
    pub warnings: Vec<Problem>,
    /// Entries of a directory that are named like a file to read but are not regular files of it.
    pub passed_over: Vec<PathBuf>,
}

impl Sources {
    /// Reads files, the `.toml` files of directories, and standard input for `-`. Relative paths in them are
    /// resolved against the file's directory, or the working directory; for a remote gateway they are
    /// problems.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn read(paths: &[PathBuf], elsewhere: bool) -> Result<Self, Failure> {
        let mut read =
            Self { sources: Vec::new(), entities: Vec::new(), warnings: Vec::new(), passed_over: Vec::new() };
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::usage("-f - is given twice: standard input can only be read once"));
        }
        let mut problems = Vec::new();
        for path in paths {
            for file in files_of(path, &mut problems, &mut read.passed_over)? {
                match text_of(&file)? {
                    Ok(text) => read.add(Source { name: file, text }, elsewhere, &mut problems),
                    Err(found) => problems.extend(found),
                }
            }
        }
        read.refuse_twice(&mut problems);
        read.entities.sort_by_key(|(_place, written)| written.entity.kind());
        if problems.is_empty() { Ok(read) } else { Err(failure(problems)) }
    }

    fn add(&mut self, source: Source, elsewhere: bool, problems: &mut Vec<Problem>) {
        let folder = if elsewhere { None } else { folder_of(&source.name) };
        match config::parse_bundle(&source.text, &source.name, folder.as_deref()) {
            Ok(bundle) => {
                let place = self.sources.len();
                self.entities.extend(bundle.entities.into_iter().map(|written| (place, written)));
                self.warnings.extend(bundle.warnings);
            }
            Err(found) => problems.extend(found),
        }
        self.sources.push(source);
    }

    /// Reports names that occur twice in all files together.
    fn refuse_twice(&self, problems: &mut Vec<Problem>) {
        let mut first: BTreeMap<(EntityKind, &str), String> = BTreeMap::new();
        for (place, written) in &self.entities {
            let (kind, name) = (written.entity.kind(), written.entity.name());
            let Some(source) = self.sources.get(*place) else { continue };
            let Some(other) = first.get(&(kind, name)) else {
                first.insert((kind, name), format!("{}:{}", source.name.display(), written.line));
                continue;
            };
            problems.push(Problem {
                line: written.line,
                column: written.column,
                key: format!("{kind}.{name}.{}", kind.name_key()),
                ..Problem::of_file(
                    &source.name,
                    format!("there twice: {other} has it too"),
                    Some("give each one its own".to_owned()),
                )
            });
        }
    }

    /// Returns the entities.
    pub fn entities(&self) -> impl Iterator<Item = &Written> {
        self.entities.iter().map(|(_place, written)| written)
    }

    /// Returns number of texts that were read.
    pub fn count(&self) -> usize {
        self.sources.len()
    }

    /// Prefixes a message of the gateway about an entity with the position in the file: `KIND "NAME" …`, or
    /// `store: KIND.NAME.KEY …`.
    pub fn placed(&self, line: &str) -> String {
        let found = self.entities.iter().find_map(|(place, written)| {
            let (kind, name) = (written.entity.kind(), written.entity.name());
            let source = self.sources.get(*place)?;
            if line.starts_with(&format!("{kind} {name:?} ")) {
                return Some((source, (written.line, written.column), line));
            }
            let rest = line.strip_prefix("store: ")?;
            let key = rest.strip_prefix(&format!("{kind}.{name}."))?;
            let end = key.find([' ', ':']).unwrap_or(key.len());
            let (at, more) = key.split_at_checked(end)?;
            let value = more
                .strip_prefix(" = \"")
                .and_then(|more| more.split_once('"'))
                .map_or("", |(value, _)| value);
            Some((source, config::place_in(&source.text, (kind, name), at, value)?, rest))
        });
        match found {
            Some((source, (line, column), text)) => {
                format!("{}:{line}:{column}: {text}", source.name.display())
            }
            None => line.to_owned(),
        }
    }
}

/// Returns a failure for problems of files that are not the configuration.
fn failure(problems: Vec<Problem>) -> Failure {
    let problems = Problems::from(problems);
    let words = match problems.len() {
        1 => "nothing was written: there is a problem".to_owned(),
        count => format!("nothing was written: there are {count} problems"),
    };
    let whole = Failure::from(problems);
    let report = whole.message.split_once('\n').map_or("", |(_, report)| report).to_owned();
    let mut failure = whole.message(format!("{words}\n{report}"));
    // That hint is about the configuration file.
    failure.hint = None;
    failure
}

/// Returns the directory against which relative paths in a file are resolved.
fn folder_of(file: &Path) -> Option<PathBuf> {
    if is_stdin(file) {
        return std::env::current_dir().ok();
    }
    std::path::absolute(file).ok()?.parent().map(Path::to_owned)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn text_of(file: &Path) -> Result<Result<String, Problems>, Failure> {
    if is_stdin(file) {
        return entity::read_text(file).map(Ok);
    }
    Ok(config::read_file(file, None))
}

/// Returns the file itself, or the `.toml` files of a directory, sorted by name; without subdirectories and
/// hidden files. `passed_over` receives entries that are named so but are not files of that directory.
fn files_of(
    path: &Path,
    problems: &mut Vec<Problem>,
    passed_over: &mut Vec<PathBuf>,
) -> Result<Vec<PathBuf>, Failure> {
    if !is_stdin(path) && matches!(path.try_exists(), Ok(false)) {
        return Err(ask::no_file(path));
    }
    if is_stdin(path) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    if std::fs::metadata(path).map_err(failed)?.mode() & config::OTHERS_WRITE != 0 {
        // Anybody who can add a file there controls the gateway.
        let hint = format!("make it yours alone to write: chmod o-w {}", path.display());
        problems.push(Problem::of_file(path, "anybody on this machine can write to it", Some(hint)));
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    let before = passed_over.len();
    let folder = path.canonicalize().map_err(failed)?;
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || file.extension().is_none_or(|ending| ending != "toml") || file.is_dir() {
            continue;
        }
        let taken = is_file_within(&file, &folder);
        if taken { files.push(file) } else { passed_over.push(file) }
    }
    passed_over.sort();
    if files.is_empty() && passed_over.len() == before {
        let text = format!("there is no .toml file in {}", path.display());
        return Err(Failure::new(Exit::NotFound, text).hint("subfolders are not read: name each folder"));
    }
    files.sort();
    Ok(files)
}

/// Returns whether it is a file, or a link to one in the same directory. Reading a pipe would block, and the
/// target of a link elsewhere was not reviewed with the directory.
fn is_file_within(file: &Path, folder: &Path) -> bool {
    let real = file.canonicalize().ok().filter(|real| real.starts_with(folder));
    real.and_then(|real| std::fs::symlink_metadata(real).ok()).is_some_and(|found| found.is_file())
}
