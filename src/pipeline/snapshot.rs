//! The configuration in force at one moment: issuers, connections, policies, masks and limits, compiled and
//! swapped as one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;

use arc_swap::ArcSwapOption;

use crate::domain::Connection;
use crate::domain::ConnectionName;
use crate::domain::MaskRule;
use crate::domain::approval::Grant;
use crate::identity::Issuers;
use crate::mask;
use crate::mask::Plan;
use crate::pipeline::credential::Credential;
use crate::pipeline::metrics::Counters;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::recording;

/// Limits on how much one caller may use of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerLimits {
    /// How many sessions one principal may have open at a time.
    pub sessions: usize,
    /// Requests per second and principal, over all connections.
    pub rate: Option<u32>,
}

/// A connection with everything that was compiled for it.
pub struct Governed {
    /// The connection.
    pub connection: Connection,
    /// Its compiled masks.
    pub plan: Arc<Plan>,
    /// A fingerprint of its masks, 8 hexadecimal digits.
    pub mask_tag: Box<str>,
    /// The fingerprint of its `ca_file`.
    authorities: Option<[u8; 32]>,
    pub(super) credential: ArcSwapOption<Credential>,
    /// Its counters, once it has been used.
    pub(super) counters: OnceLock<Arc<Counters>>,
}

impl Governed {
    /// Returns whether a session on this connection cannot continue on `other`: another target, credential or
    /// tags, other certificate authorities, even in a file of the same name, or other options of a database
    /// or MCP server, such as `readonly` or `pin`.
    pub fn leads_elsewhere(&self, other: &Self) -> bool {
        let (old, new) = (&self.connection, &other.connection);
        old.upstream != new.upstream
            || old.inject != new.inject
            || old.tags != new.tags
            || old.ca_file != new.ca_file
            || self.authorities != other.authorities
            || old.database != new.database
            || old.mcp != new.mcp
    }
}

impl Governed {
    /// All that [`Self::leads_elsewhere`] looks at, as a text that tells one connection from another. It
    /// names the places of secrets, never their values.
    fn told(&self) -> String {
        let Connection { name, protocol, upstream, inject, tags, ca_file, database, mcp, .. } =
            &self.connection;
        let authorities = self.authorities;
        format!("{:?}", (name, protocol, upstream, inject, tags, ca_file, authorities, database, mcp))
    }
}

impl std::fmt::Debug for Governed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Governed").field(&self.connection.name).finish()
    }
}

/// The configuration in force at one moment.
pub struct Snapshot {
    issuers: Arc<Issuers>,
    connections: HashMap<ConnectionName, Arc<Governed>, ahash::RandomState>,
    policies: PolicySet,
    masks: usize,
    recording: recording::Settings,
    limits: CallerLimits,
}

/// The parts that a snapshot is made of.
pub struct SnapshotParts<'a> {
    /// The trusted issuers. The policies are written for what these say of a caller.
    pub issuers: Arc<Issuers>,
    /// All connections.
    pub connections: Vec<Connection>,
    /// Computes the fingerprint of a file of certificate authorities.
    pub fingerprint: fn(&Path) -> Option<[u8; 32]>,
    /// All masks.
    pub masks: &'a [MaskRule],
    /// The policies, compiled.
    pub policies: PolicySet,
    /// How sessions are recorded.
    pub recording: recording::Settings,
    /// Limits on each caller.
    pub limits: CallerLimits,
}

/// Mask rules of a connection do not compile.
#[derive(Debug, thiserror::Error)]
#[error("the masks of connection {connection} do not compile")]
pub struct SnapshotError {
    /// The connection.
    pub connection: ConnectionName,
    /// The cause.
    pub source: mask::PlanError,
}

impl Snapshot {
    /// Compiles a snapshot. `hash_key` returns the key of the `hash` operator for a connection. A connection
    /// that is unchanged since `before`, masks included, keeps its compiled masks and the streams to its
    /// target.
    pub fn compile(
        parts: SnapshotParts<'_>,
        hash_key: impl Fn(&ConnectionName) -> [u8; 32],
        before: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let SnapshotParts { issuers, connections, fingerprint, masks, policies, recording, limits } = parts;
        let mut governed = HashMap::with_capacity_and_hasher(connections.len(), ahash::RandomState::new());
        for connection in connections {
            let rules: Vec<&MaskRule> =
                masks.iter().filter(|rule| mask::applies(rule, &connection)).collect();
            let mask_tag = mask_tag(&rules);
            let authorities = connection.ca_file.as_deref().and_then(fingerprint);
            let old = before.and_then(|before| before.connections.get(&connection.name)).filter(|old| {
                old.connection == connection && old.mask_tag == mask_tag && old.authorities == authorities
            });
            if let Some(old) = old {
                governed.insert(connection.name.clone(), Arc::clone(old));
                continue;
            }
            let plan = Plan::compile(&rules, hash_key(&connection.name))
                .map_err(|source| SnapshotError { connection: connection.name.clone(), source })?;
            governed.insert(
                connection.name.clone(),
                Arc::new(Governed {
                    connection,
                    plan: Arc::new(plan),
                    mask_tag,
                    authorities,
                    credential: ArcSwapOption::empty(),
                    counters: OnceLock::new(),
                }),
            );
        }
        Ok(Self { issuers, connections: governed, policies, masks: masks.len(), recording, limits })
    }

    /// Returns the trusted issuers.
    pub fn issuers(&self) -> &Arc<Issuers> {
        &self.issuers
    }

    /// Returns the connection with that name.
    pub fn connection(&self, name: &str) -> Option<&Arc<Governed>> {
        let name: ConnectionName = name.parse().ok()?;
        self.connections.get(&name)
    }

    /// Iterates over all connections, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = &Arc<Governed>> {
        self.connections.values()
    }

    /// Returns the policies.
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// Returns what an approval for a principal rests on: a digest of these policies, joined by `,`, of the
    /// connection, and of the issuer that the principal's id comes from, as they are defined. SHA-256, in
    /// hexadecimal digits.
    pub fn terms(&self, governed: &Governed, rule: &str, principal_id: &str) -> String {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let policies =
            rule.split(',').map(|id| self.policies.rule(id).map(PolicyRule::told).unwrap_or_default());
        for part in std::iter::once(governed.told()).chain(policies) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.update(&self.issuers.digest_of(principal_id));
        crate::domain::hex::encode(context.finish().as_ref())
    }

    /// Returns whether the policies, the connection and the issuer of a grant are defined as they were when
    /// it was given.
    pub fn has_terms_of(&self, grant: &Grant) -> bool {
        let governed = self.connections.get(&grant.connection);
        governed.is_some_and(|governed| self.terms(governed, &grant.rule, &grant.principal) == grant.terms)
    }

    /// Returns whether the masks of this connection are as they were compiled for `governed`.
    pub fn masks_like(&self, governed: &Governed) -> bool {
        let now = self.connections.get(&governed.connection.name);
        now.is_some_and(|now| now.mask_tag == governed.mask_tag)
    }

    /// How many masks there are.
    pub fn masks(&self) -> usize {
        self.masks
    }

    /// Returns how sessions are recorded.
    pub fn recording(&self) -> &recording::Settings {
        &self.recording
    }

    /// Returns the limits on each caller.
    pub fn limits(&self) -> CallerLimits {
        self.limits
    }

    /// Returns the revision of the policies.
    pub fn revision(&self) -> u64 {
        self.policies.revision()
    }
}

fn mask_tag(rules: &[&MaskRule]) -> Box<str> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, MaskRule::told(rules).as_bytes());
    crate::domain::hex::encode(digest.as_ref().get(..4).unwrap_or_default()).into()
}
