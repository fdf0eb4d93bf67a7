//! Parses a whole file to a checked configuration, with every problem that can be found in one run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::Config;
use crate::config::Text;
use crate::config::admin;
use crate::config::connection;
use crate::config::find::HERE;
use crate::config::find::default_data_dir;
use crate::config::mask;
use crate::config::oidc;
use crate::config::policy;
use crate::config::problem::Problem;
use crate::config::problem::Problems;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::settings;
use crate::config::source::Level;
use crate::config::source::Note;
use crate::config::source::Source;
use crate::domain::connection::Origin;

/// Maximum size of the file in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// What to do where there is no file.
const MISSING: &str = "write one with: hoopctl init";

/// The permission bit that lets everybody write.
pub const OTHERS_WRITE: u32 = 0o002;

/// Reads and checks a configuration file.
///
/// # Errors
/// The file cannot be read, or all problems in it.
pub fn load(path: &Path) -> Result<Config, Problems> {
    load_of(path, None)
}

/// The same for a file that nobody named, as it was found: in the working directory it must belong to who
/// reads it, or to root. Anybody can put one into a folder that others come to, and it says where secrets and
/// tokens go.
///
/// # Errors
/// As [`load`]; and the file of another user.
pub fn load_found(path: &Path) -> Result<Config, Problems> {
    let reader = (path == Path::new(HERE)).then(|| nix::unistd::geteuid().as_raw());
    Ok(Config { found: true, ..load_of(path, reader)? })
}

/// Reads and checks a file that must belong to `reader` or root, if there is one.
pub(super) fn load_of(path: &Path, reader: Option<u32>) -> Result<Config, Problems> {
    parse(&read_text(path, Some(MISSING), reader)?, path)
}

/// Refuses a file, or a link to one, that belongs neither to `reader` nor to root.
fn must_belong_to(path: &Path, owners: [u32; 2], reader: u32) -> Result<(), Problems> {
    let Some(other) = owners.into_iter().find(|owner| *owner != reader && *owner != 0) else { return Ok(()) };
    let name = nix::unistd::User::from_uid(other.into()).ok().flatten().map(|user| user.name);
    let name = name.unwrap_or_else(|| format!("number {other}"));
    let hint = format!("if you trust it, name it: -c {}", path.display());
    Err(Problem::of_file(path, format!("belongs to another user ({name}), and was not named"), Some(hint))
        .into())
}

/// Reads a configuration file; `missing` is the hint if it does not exist.
///
/// # Errors
/// It cannot be read, is too long or not UTF-8, or anybody can write to it.
pub fn read_file(path: &Path, missing: Option<&str>) -> Result<String, Problems> {
    read_text(path, missing, None)
}

/// The same, where it must belong to `reader` or root.
fn read_text(path: &Path, missing: Option<&str>, reader: Option<u32>) -> Result<String, Problems> {
    let mut bytes = Vec::new();
    let mut owners = [0, 0];
    // One byte more than is taken tells that there is too much; a device may have no end.
    let read = File::open(path).and_then(|file| {
        let data = file.metadata()?;
        let open_to_all = data.is_file() && data.mode() & OTHERS_WRITE != 0;
        owners = [data.uid(), std::fs::symlink_metadata(path)?.uid()];
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(open_to_all)
    });
    let open_to_all = read.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => missing.map(str::to_owned),
            _ => None,
        };
        Problem::of_file(path, format!("cannot be read: {error}"), hint)
    })?;
    if let Some(reader) = reader {
        must_belong_to(path, owners, reader)?;
    }
    if open_to_all {
        // It names programs that are run, and says what is allowed.
        let hint = format!("make it yours alone to write: chmod o-w {}", path.display());
        return Err(Problem::of_file(path, "anybody on this machine can write to it", Some(hint)).into());
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::of_file(path, "larger than 16MiB", None).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        Problem { line, column: 1, ..Problem::of_file(path, "a byte that is not UTF-8 in this line", None) }
            .into()
    })
}

/// Parses and checks the text of a configuration file. `path` is its name in problems, and its directory is
/// the base of relative paths; nothing is read from disk.
///
/// # Errors
/// All problems in it. After a syntax error only the part before it is checked further.
pub fn parse(text: &str, path: &Path) -> Result<Config, Problems> {
    let source = Source::new(text, Origin::File { path: path.to_owned(), line: 0 });
    let (document, errors) = DeTable::parse_recoverable(text);
    let document = DeValue::Table(document.into_inner());
    let config = Value::root(&source, &document).table(|root| read(root, path, text)).flatten();
    note_syntax(&source, &errors);
    let (problems, warnings) = source.finish(path);
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings, ..config }),
        None if problems.is_empty() => Err(Problem::of_file(path, "cannot be used", None).into()),
        _ => Err(Problems::from(problems)),
    }
}

/// Reports syntax errors, one per line.
pub(super) fn note_syntax(source: &Source<'_>, errors: &[toml::de::Error]) {
    let end = source.text.len();
    let mut seen = Vec::new();
    let start = |error: &toml::de::Error| error.span().map_or(end, |span| span.start);
    let Some(first) = errors.iter().map(start).min() else { return };
    source.trust_only_before(first);
    for error in errors {
        let (line, _) = source.place(start(error));
        if seen.contains(&line) {
            continue;
        }
        seen.push(line);
        let key = source.key_of_line(start(error));
        source.note(Note {
            level: Level::Problem,
            span: error.span().unwrap_or(end..end),
            shown: !key.is_empty(),
            key,
            found: String::new(),
            problem: error.message().to_owned(),
            hint: Some(
                "a line is key = value, texts stand in quotes, tables start with [name] or [[name]]"
                    .to_owned(),
            ),
            absence: false,
        });
    }
}

fn read(root: &mut Table<'_>, path: &Path, text: &str) -> Option<Config> {
    version(root);
    let gateway = root.child("gateway", settings::gateway).unwrap_or_default();
    let storage = root.child("storage", |table| settings::storage(table, default_data_dir())).flatten();
    let folder = storage.as_ref().map(|storage| storage.data_dir.clone()).unwrap_or_default();
    let recording = root.child("recording", settings::recording);
    let dev_value = root.take("dev_issuer");
    let dev_issuer =
        dev_value.as_ref().map(|value| value.table(|table| settings::dev_issuer(table, &gateway)));
    let issuers = tables(root, "oidc", "name");
    refuse_twice(&issuers, "issuer");
    oidc::refuse_second_login(&issuers);
    let oidc = issuers.iter().filter_map(oidc::read).collect();
    let names: Vec<&str> = issuers.iter().filter_map(|entry| entry.at("name")?.node.as_str()).collect();
    let admin = root.child("admin", |table| admin::read(table, &folder, &gateway, &names));
    for entry in &issuers {
        let name = entry.at("name").and_then(|name| name.node.as_str()).unwrap_or_default();
        let Some(client) = entry.at("mcp_login").and_then(|login| login.at("client_id")) else { continue };
        let own = client.node.as_str().map(|client| format!("{name}/{client}")).unwrap_or_default();
        let remote = admin.as_ref().and_then(|admin| admin.remote.as_ref());
        if remote.is_some_and(|remote| remote.clients.contains(&own)) {
            client.problem(
                "MCP clients log in as it, and its tokens open the admin API: an agent would manage the gateway as its person",
                "give hoopctl login, the approval page and admin.clients others".to_owned(),
            );
        }
    }
    if let (Some(value), true) = (&dev_value, admin.as_ref().is_some_and(|admin| admin.remote.is_some())) {
        value.problem(
            "a gateway that is managed over the network trusts no development issuer: it gives a token to anybody who asks",
            "remove [dev_issuer], or admin.listen".to_owned(),
        );
    }
    let connections = tables(root, "connection", "name").iter().filter_map(connection::read).collect();
    let policies = tables(root, "policy", "id").iter().filter_map(policy::read).collect();
    let masks = tables(root, "mask", "id").iter().filter_map(mask::read).collect();
    Some(Config {
        path: path.to_owned(),
        found: false,
        gateway,
        admin: admin?,
        oidc,
        storage: storage?,
        recording: recording?,
        connections,
        policies,
        masks,
        dev_issuer: match dev_issuer {
            Some(read) => Some(read?),
            None => None,
        },
        warnings: Vec::new(),
        text: Text(Arc::from(text)),
    })
}

/// Reads `version = 1`.
pub(super) fn version(root: &mut Table<'_>) {
    let Some(value) = root.required("version", "write version = 1 at the top of the file") else { return };
    if value.node.as_integer().map(ToString::to_string).as_deref() != Some("1") {
        value.problem("not a version of this file that is understood", "accepted: 1".to_owned());
    }
}

/// Returns the tables of `[[name]]`, with unique names or ids.
pub(super) fn tables<'d>(root: &mut Table<'d>, name: &'static str, label: &'static str) -> Vec<Value<'d>> {
    let values = root.tables(name, label);
    refuse_twice(&values, label);
    values
}

/// Reports a name that occurs twice.
fn refuse_twice(values: &[Value<'_>], key: &str) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        let Some(name) = value.at(key) else { continue };
        let Some(text) = name.node.as_str() else { continue };
        let (line, _) = value.source.place(name.span.start);
        match first.get(text) {
            Some(line) => {
                let problem = format!("there twice: line {line} has it too");
                name.problem(problem, "give each one its own".to_owned());
            }
            None => drop(first.insert(text, line)),
        }
    }
}
