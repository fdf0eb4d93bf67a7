//! The groups of a principal: what the issuer sent, the configured names for it, and whether anything is left
//! out.
//!
//! - A raw group is kept as it was sent, with the names that `group_names` gives it. One that looks like a
//!   configured name but is not the id of that name is dropped: a user of the issuer must not get a name by
//!   naming a group so.
//! - A role is `role:NAME`, never the bare name, so that roles and groups cannot be confused; `group_names`
//!   may give it a name too. A raw group that starts with `role:` is dropped.
//! - Groups of an app's `clients` entry are added as they are written.
//! - If the issuer left groups out (overage: `_claim_names`, `hasgroups`), all of them are unknown. The URL
//!   in the token is never called.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::Groups;
use crate::domain::json::Json;
use crate::identity::claims::Claims;
use crate::identity::error::TokenError;
use crate::identity::issuer::Issuer;
use crate::identity::settings::ClientEntry;

const ROLE: &str = "role:";

/// The groups, and whether there was a role among them.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) groups: Groups,
    pub(crate) has_role: bool,
}

/// Collects groups, roles and the entry's groups.
///
/// # Errors
/// A claim is neither a string nor an array of strings.
pub(crate) fn of(
    issuer: &Issuer,
    claims: Claims<'_>,
    entry: Option<&ClientEntry>,
) -> Result<Gathered, TokenError> {
    let settings = &issuer.settings;
    let groups_claim = settings.claims.groups.as_deref().unwrap_or("groups");
    let roles_claim = settings.claims.roles.as_deref().unwrap_or("roles");
    let mut held: BTreeSet<Arc<str>> = BTreeSet::new();
    for raw in list(claims, groups_claim)? {
        let misnamed = settings.group_names.get(raw).is_some_and(|id| id != raw);
        if !misnamed && !raw.starts_with(ROLE) && !raw.is_empty() {
            held.insert(raw.into());
        }
        // An id that starts like a role belongs to a role.
        if !raw.starts_with(ROLE) {
            held.extend(issuer.group_names.get(raw).into_iter().flatten().cloned());
        }
    }
    let roles = list(claims, roles_claim)?;
    let mut has_role = false;
    for role in roles.into_iter().filter(|role| !role.is_empty()) {
        has_role = true;
        let role = format!("{ROLE}{role}");
        held.extend(issuer.group_names.get(&role).into_iter().flatten().cloned());
        held.insert(role.into());
    }
    held.extend(entry.into_iter().flat_map(|entry| &entry.groups).map(|group| Arc::from(group.as_str())));
    let unknown = is_left_out(claims, groups_claim) || is_left_out(claims, roles_claim);
    let groups = if unknown { Groups::Unknown } else { Groups::Known(held) };
    Ok(Gathered { groups, has_role })
}

/// Returns whether the claim is left out: it is elsewhere (`OpenID` Connect Core section 5.6.2), or Entra's
/// `hasgroups` says so.
fn is_left_out(claims: Claims<'_>, name: &str) -> bool {
    let elsewhere = match claims.0.member("_claim_names") {
        None => false,
        Some(Json::Object(members)) => members.iter().any(|(claim, _)| &**claim == name),
        Some(_) => true,
    };
    elsewhere || claims.0.member("hasgroups").is_some_and(|has| *has != Json::Bool(false))
}

fn list<'a>(claims: Claims<'a>, name: &str) -> Result<Vec<&'a str>, TokenError> {
    let wrong = || TokenError::claim(name, "is not a string or an array of strings");
    match claims.find(name) {
        None => Ok(Vec::new()),
        Some(Json::String(one)) => Ok(vec![one]),
        Some(Json::Array(all)) => all.iter().map(|one| one.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}
