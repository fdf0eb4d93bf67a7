//! A file of only connections, policies and masks: what `apply` writes to the store.

use std::path::Path;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::connection;
use crate::config::entity::Entity;
use crate::config::mask;
use crate::config::parse;
use crate::config::policy;
use crate::config::problem::Problem;
use crate::config::problem::Problems;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::config::source::Source;
use crate::domain::connection::Origin;
use crate::domain::entity::EntityKind;

/// Tables that only the configuration file may have.
const OF_THE_FILE: [&str; 6] = ["admin", "dev_issuer", "gateway", "oidc", "recording", "storage"];

/// One entity of such a file.
#[derive(Debug, Clone)]
pub struct Written {
    /// The entity, with absolute paths.
    pub entity: Entity,
    /// The line of its name, from 1.
    pub line: usize,
    /// The column of its name, from 1.
    pub column: usize,
}

/// The content of such a file.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The entities: connections, then policies, then masks, each in the order of the file.
    pub entities: Vec<Written>,
    /// Valid settings that are probably mistakes.
    pub warnings: Vec<Problem>,
}

/// Reads `[[connection]]`, `[[policy]]` and `[[mask]]`. `name` is the file in problems; relative paths are
/// resolved against `folder`, and are problems without one.
///
/// # Errors
/// All problems of the text.
pub fn parse_bundle(text: &str, name: &Path, folder: Option<&Path>) -> Result<Bundle, Problems> {
    let origin = match folder {
        Some(folder) => Origin::File { path: folder.join("entities.toml"), line: 0 },
        None => Origin::Store,
    };
    let source = Source::new(text, origin);
    let (document, errors) = DeTable::parse_recoverable(text);
    let document = DeValue::Table(document.into_inner());
    let entities = Value::root(&source, &document).table(read).unwrap_or_default();
    parse::note_syntax(&source, &errors);
    let (problems, warnings) = source.finish(name);
    if problems.is_empty() { Ok(Bundle { entities, warnings }) } else { Err(Problems::from(problems)) }
}

fn read(root: &mut Table<'_>) -> Vec<Written> {
    if root.peek("version").is_some() {
        parse::version(root);
    }
    root.refuse(
        &OF_THE_FILE,
        "belongs into the configuration file, and this is written into the store",
        "accepted: [[connection]], [[policy]], [[mask]]",
    );
    let mut entities = Vec::new();
    for kind in [EntityKind::Connection, EntityKind::Policy, EntityKind::Mask] {
        for value in parse::tables(root, kind.as_str(), kind.name_key()) {
            let entity = match kind {
                EntityKind::Connection => connection::read(&value).map(Entity::Connection),
                EntityKind::Mask => mask::read(&value).map(Entity::Mask),
                EntityKind::Policy => policy::read(&value).map(Entity::Policy),
            };
            let name = value.at(kind.name_key()).unwrap_or_else(|| value.clone());
            let (line, column) = value.source.place(name.span.start);
            entities.extend(entity.map(|entity| Written { entity, line, column }));
        }
    }
    entities
}

/// Returns line and column, from 1, of a finding at a path of keys below an entity of such a file, or of the
/// nearest position. `None`: there is no such entity.
pub fn place_in(text: &str, entity: (EntityKind, &str), at: &str, found: &str) -> Option<(usize, usize)> {
    let (kind, name) = entity;
    let source = Source::new(text, Origin::Store);
    let (document, _errors) = DeTable::parse_recoverable(text);
    let document = DeValue::Table(document.into_inner());
    let tables = Value::root(&source, &document).table(|root| {
        let tables = root.tables(kind.as_str(), kind.name_key());
        let own = |value: &Value<'_>| {
            value.at(kind.name_key()).and_then(|own| own.node.as_str().map(|own| own == name)) == Some(true)
        };
        tables.iter().find(|value| own(value)).map(|value| value.nearest_place(at, found).span.start)
    });
    tables.flatten().map(|offset| source.place(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version = 1\n[[mask]]\nid = \"m\"\nfields = [\"ssn\"]\n\n[[connection]]\nname = \"crm\"\nupstream = \"https://crm\"\nca_file = \"ca.pem\"\n\n[[policy]]\nid = \"p\"\neffect = \"deny\"\n[policy.match]\nconnections = [\"crm\", \"crn\"]\n";

    #[test]
    fn entities_come_with_their_place_and_whole_paths() {
        let bundle = parse_bundle(GOOD, Path::new("x.toml"), Some(Path::new("/etc/h"))).unwrap();
        let told: Vec<_> = bundle
            .entities
            .iter()
            .map(|own| (own.entity.kind().as_str(), own.entity.name(), own.line, own.column))
            .collect();
        assert_eq!(told, [("connection", "crm", 7, 8), ("policy", "p", 12, 6), ("mask", "m", 3, 6)]);
        let Entity::Connection(crm) = &bundle.entities[0].entity else { panic!("{bundle:?}") };
        assert_eq!(crm.ca_file.as_deref(), Some(Path::new("/etc/h/ca.pem")));
        // Without a directory relative paths cannot be resolved.
        let problems = parse_bundle(GOOD, Path::new("x.toml"), None).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems.to_string().starts_with("x.toml:9:11: connection.crm.ca_file"), "{problems}");
        let place = |name, at, found| place_in(GOOD, (EntityKind::Policy, name), at, found);
        assert_eq!(place("p", "match.connections", "crn"), Some((15, 23)));
        assert_eq!(place("q", "match", ""), None);
    }

    #[test]
    fn all_problems_are_told_and_what_is_of_the_configuration_file_is_refused() {
        for (text, wanted) in [
            ("[[polic]]\nid = \"p\"\n", &["x.toml:1:3: polic: unknown key; did you mean \"policy\"?"][..]),
            ("[gateway]\nlisten = \"127.0.0.1:1\"\n[[oidc]]\nname = \"a\"\n", &["gateway", "oidc"]),
            ("version = 2\n", &["x.toml:1:11: version = 2"]),
            (
                "[[policy]]\nid = \"p\"\neffect = \"maybe\"\nmatch = {}\n[[mask]]\nid = \"m\"\n",
                &["policy.p.effect", "mask.m: masks nothing"],
            ),
            (
                "[[mask]]\nid = \"m\"\nfields = [\"a\"]\n[[mask]]\nid = \"m\"\nfields = [\"a\"]\n",
                &["x.toml:5:6: mask.m.id = \"m\": there twice: line 2"],
            ),
            ("[[policy]\nid = 1\n", &["x.toml:1:"]),
            ("policy = 1\n", &["not a list of tables"]),
        ] {
            let problems = parse_bundle(text, Path::new("x.toml"), Some(Path::new("/"))).unwrap_err();
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), wanted.len(), "{told:#?}");
            for (told, wanted) in told.iter().zip(wanted) {
                assert!(told.contains(wanted), "{told}: {wanted}");
            }
        }
        assert!(parse_bundle("", Path::new("x"), None).unwrap().entities.is_empty());
    }
}
