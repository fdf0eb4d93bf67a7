//! Checks whether a lock would have an effect: an unknown name is refused, instead of being locked in vain.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::connection::Connection;
use crate::domain::lock::LockTarget;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_reading;
use crate::identity;
use crate::identity::Profile;
use crate::recording::SessionFilter;
use crate::recording::SessionRow;

/// How many sessions are searched for a name, the newest first.
const LOOKED_AT: u32 = 1000;
/// How many ids are suggested.
const SUGGESTED: usize = 3;
/// The hint for a name that is not known yet.
const TO_COME: &str = "for one that is to come: --yes";

impl Admin {
    /// Checks the target of a lock; with `unseen`, an unknown target passes if it is possible. A target that
    /// cannot be looked up passes as well.
    pub(super) async fn check_target(&self, target: &LockTarget, unseen: bool) -> Result<(), ApiError> {
        let config = self.config.load_full();
        let known = match target {
            LockTarget::Token(id) if !unseen && is_digest_in_capitals(id) => {
                let text = "the SHA-256 of a token is written in lower case: the lock would lock nobody";
                let hint = format!("token:{}; for a jti that is written so: --yes", id.to_ascii_lowercase());
                return Err(ApiError::new(ErrorCode::BadRequest, text).hint(hint));
            }
            LockTarget::Everybody | LockTarget::Token(_) => true,
            LockTarget::Client(id) if !unseen && let Some(alone) = without_issuer(&config, id) => {
                let text =
                    format!("{target} begins with an issuer: a client is locked by its id, at all issuers");
                let hint = format!("client:{alone}; for an id that is written so: --yes");
                return Err(ApiError::new(ErrorCode::BadRequest, text).hint(hint));
            }
            LockTarget::Principal(id) => self.names_a_principal(&config, id, unseen).await?,
            _ if unseen => true,
            LockTarget::Client(id) => {
                names_client(&config, id) || {
                    let id = id.clone();
                    !self.is_new(move |row| row.client.as_deref() == Some(&id)).await
                }
            }
            LockTarget::Connection(name) => {
                let absent = |all: &[Connection]| all.iter().all(|connection| connection.name != *name);
                !self.combined().await.is_ok_and(|combined| absent(&combined.connections))
            }
            LockTarget::Issuer(name) => config.oidc.iter().any(|issuer| issuer.name == *name),
        };
        if known || unseen {
            return Ok(());
        }
        let hint = match target {
            LockTarget::Connection(_) => format!("see hoopctl connect list; {TO_COME}"),
            LockTarget::Client(_) => {
                format!("session list -o json shows the clients that were here; {TO_COME}")
            }
            _ => format!("{}; {TO_COME}", issuers(&config)),
        };
        let text = format!("nothing known here is {target}: the lock would lock nobody");
        Err(ApiError::new(ErrorCode::NotFound, text).hint(hint))
    }

    /// Returns whether an accepted token could name this principal. An impossible name is an error.
    async fn names_a_principal(&self, config: &Config, id: &str, unseen: bool) -> Result<bool, ApiError> {
        let never = |why: &str, hint: String| {
            let text = format!("principal {id:?} {why}: the lock would lock nobody");
            Err(ApiError::new(ErrorCode::BadRequest, text).hint(hint))
        };
        if id.starts_with("local:") {
            let hint = "an OS user of the admin socket has no token: take it out of admin.local_groups";
            return never("is an OS user", hint.to_owned());
        }
        let parts = id.split_once('/').filter(|(issuer, subject)| !issuer.is_empty() && !subject.is_empty());
        let Some((issuer, subject)) = parts else {
            return never("is not the whole id", self.whole_id(config, id).await);
        };
        let named = match issuer.strip_prefix("entra:") {
            Some(_tenant) if id.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                let hint = format!("principal:{}", id.to_ascii_lowercase());
                return never("is not in lower case, as the ids of Microsoft Entra are", hint);
            }
            Some(_tenant) if !identity::is_guid(subject) => {
                let hint = "principal:entra:TENANT/OBJECT-ID, as session list -o json shows it".to_owned();
                return never("does not end with the object id of somebody, a GUID", hint);
            }
            Some(tenant) => config.oidc.iter().any(|entry| entry.tenant().as_deref() == Some(tenant)),
            None => config.oidc.iter().any(|entry| entry.profile == Profile::Generic && entry.name == issuer),
        };
        if named || unseen {
            return Ok(true);
        }
        let id = id.to_owned();
        Ok(!self.is_new(move |row| row.principal == id).await)
    }

    /// Suggests the full id for a name without its issuer.
    async fn whole_id(&self, config: &Config, name: &str) -> String {
        let (end, label) = (format!("/{name}"), name.to_owned());
        let rows = self
            .seen(move |row| row.principal.ends_with(&end) || row.label == label)
            .await
            .ok()
            .flatten()
            .unwrap_or_default();
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.principal.as_str()).collect();
        let ids: Vec<String> = ids.into_iter().take(SUGGESTED).map(|id| format!("principal:{id}")).collect();
        if !ids.is_empty() {
            return format!("did you mean {}?", ids.join(" or "));
        }
        match config.oidc.as_slice() {
            [only] if only.profile == Profile::Generic && !name.contains('/') => {
                format!("principal:{}/{name}", only.name)
            }
            _ => format!("a principal is ISSUER/SUBJECT; {}", issuers(config)),
        }
    }

    /// Returns whether none of the last sessions matches, as far as that is known.
    async fn is_new(&self, wanted: impl Fn(&SessionRow) -> bool + Send + 'static) -> bool {
        matches!(self.seen(wanted).await, Ok(Some(rows)) if rows.is_empty())
    }

    /// Returns those of the last sessions that match, without the gateway's own. `None` if there is no
    /// journal.
    async fn seen(
        &self,
        wanted: impl Fn(&SessionRow) -> bool + Send + 'static,
    ) -> Result<Option<Vec<SessionRow>>, ApiError> {
        let filter = SessionFilter { limit: Some(LOOKED_AT), ..SessionFilter::default() };
        let rows = self.read(move |reader| {
            let mut rows = reader.sessions(&filter).map_err(|error| fault_of_reading(&error))?;
            rows.retain(|row| !row.principal.starts_with("local:") && wanted(row));
            Ok(rows)
        });
        rows.await
    }
}

/// The id of a client that is written with its issuer before it, as `admin.clients` has it.
fn without_issuer<'a>(config: &Config, id: &'a str) -> Option<&'a str> {
    let (issuer, alone) = id.split_once('/').filter(|(_, alone)| !alone.is_empty())?;
    config.oidc.iter().any(|entry| entry.name == issuer).then_some(alone)
}

/// Returns whether it is a SHA-256 in hexadecimal, but not as the gateway writes them.
fn is_digest_in_capitals(id: &str) -> bool {
    id.len() == 64
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && id.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Whether the configuration speaks of a client of this id.
fn names_client(config: &Config, id: &str) -> bool {
    let remote = config.admin.remote.as_ref();
    let of_admin = remote.into_iter().flat_map(|remote| {
        let listed = remote.clients.iter().filter_map(|client| client.split_once('/').map(|(_, id)| id));
        let login = remote.login.iter().map(|login| login.client.client_id.as_str());
        let page = remote.page.iter().map(|page| page.client.client_id.as_str());
        listed.chain(login).chain(page)
    });
    config.oidc.iter().any(|issuer| issuer.clients.contains_key(id))
        || of_admin.into_iter().any(|known| known == id)
}

/// Returns the issuers as prefixes of principal ids.
fn issuers(config: &Config) -> String {
    let names: Vec<&str> = config
        .oidc
        .iter()
        .map(|issuer| match issuer.profile {
            Profile::Entra => "entra:TENANT",
            Profile::Generic => issuer.name.as_str(),
        })
        .collect();
    match names.as_slice() {
        [] => "there is no [[oidc]]".to_owned(),
        names => format!("ISSUER is one of: {}", names.join(", ")),
    }
}
