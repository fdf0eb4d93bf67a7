//! The revision of the policies: it stands for the store's entities and the configuration file together.

use std::fmt::Write;

use aws_lc_rs::digest;
use toml::Table;

use crate::config::Config;
use crate::config::render_entity;
use crate::domain::Origin;
use crate::domain::entity::EntityKind;
use crate::domain::hex;
use crate::gateway::admin::of_file;
use crate::identity::IssuerSettings;
use crate::store::FileContent;
use crate::store::FileEntry;

/// What the file says, for the store to compare with what it said before.
pub fn file_content(config: &Config) -> FileContent {
    let entities = EntityKind::ALL.into_iter().flat_map(|kind| {
        of_file(config, kind).into_iter().map(move |entity| FileEntry {
            kind: kind.as_str().to_owned(),
            name: entity.name().to_owned(),
            body: render_entity(&entity),
        })
    });
    let issuers = config.oidc.iter().map(|issuer| FileEntry {
        kind: "issuer".to_owned(),
        name: issuer.name.clone(),
        body: groups_of(issuer),
    });
    FileContent {
        digest: file_digest(config),
        file_digest: hex::encode(digest::digest(&digest::SHA256, config.text().as_bytes()).as_ref()),
        parts: entities.chain(issuers).collect(),
    }
}

/// Whom policies mean by a group of this issuer, as TOML.
fn groups_of(issuer: &IssuerSettings) -> String {
    let mut table = Table::new();
    table.insert("issuer".to_owned(), issuer.issuer.as_str().into());
    let claims = &issuer.claims;
    let names = [
        ("subject", &claims.subject),
        ("groups", &claims.groups),
        ("roles", &claims.roles),
        ("client", &claims.client),
    ];
    let names: Table =
        names.into_iter().filter_map(|(key, name)| Some((key.to_owned(), name.as_deref()?.into()))).collect();
    let groups: Table =
        issuer.group_names.iter().map(|(name, id)| (name.clone(), id.as_str().into())).collect();
    let clients: Table =
        issuer.clients.iter().map(|(id, app)| (id.clone(), app.groups.clone().into())).collect();
    for (key, inner) in [("claims", names), ("group_names", groups), ("clients", clients)] {
        if !inner.is_empty() {
            table.insert(key.to_owned(), inner.into());
        }
    }
    toml::to_string(&table).unwrap_or_default()
}

/// Returns a digest of the file's connections, policies and masks, and of its definitions of groups that
/// policies refer to, regardless of where in which file they are.
pub fn file_digest(config: &Config) -> String {
    let (mut connections, mut policies, mut masks) =
        (config.connections.clone(), config.policies.clone(), config.masks.clone());
    let origins = (connections.iter_mut().map(|connection| &mut connection.origin))
        .chain(policies.iter_mut().map(|policy| &mut policy.origin))
        .chain(masks.iter_mut().map(|mask| &mut mask.origin));
    for origin in origins {
        *origin = Origin::Store;
    }
    let mut text = format!("{connections:?}\n{policies:?}\n{masks:?}");
    for issuer in &config.oidc {
        let apps: Vec<_> = issuer.clients.iter().map(|(id, app)| (id, &app.groups)).collect();
        let groups = (&issuer.name, &issuer.issuer, &issuer.claims, &issuer.group_names, apps);
        let _infallible = write!(text, "\n{groups:?}");
    }
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn whom_a_group_means_is_a_part_of_what_the_file_says() {
        let issuer = "version = 1\n[[oidc]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudiences = [\"hoopctl\"]\n";
        let with =
            |more: &str| file_digest(&parse(&format!("{issuer}{more}"), Path::new("gw.toml")).unwrap());
        let plain = with("");
        let named = with("group_names = { dba = \"g-1\" }\n");
        let app = with("[oidc.clients.etl]\nname = \"etl\"\ngroups = [\"dba\"]\n");
        assert!(plain != named && plain != app && named != app);
        assert_eq!(plain, with("soft_ttl = \"2h\"\n"), "where keys come from is no policy");
    }
}
