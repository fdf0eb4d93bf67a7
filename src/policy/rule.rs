//! Policies as they are written; nothing here is validated yet.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::domain::ApprovalSpec;
use crate::domain::Class;
use crate::domain::Effect;
use crate::domain::Kind;
use crate::domain::Origin;
use crate::domain::Protocol;
use crate::domain::sql::Verb;

/// One `[[policy]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Unique id: 1 to 63 letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// Where it was defined.
    pub origin: Origin,
    /// The effect if it holds.
    pub effect: Effect,
    /// What must hold. An `allow` or `approve` must say who; no policy may be without any condition.
    pub matches: Matcher,
    /// The exception: the policy does not apply if all of this holds.
    pub unless: Option<Matcher>,
    /// The only times at which it holds.
    pub when: Option<When>,
    /// The required approvers. Required for an `approve`, refused for other effects.
    pub approval: Option<ApprovalSpec>,
    /// The longest session that it permits. Not for a `deny`.
    pub session_limit: Option<Duration>,
    /// A message for the client whose command it stops.
    pub message: Option<String>,
}

impl PolicyRule {
    /// What it says, as a text that tells it from others: not where it was written down, nor its words for
    /// the client.
    pub fn told(&self) -> String {
        let Self { id, origin: _, effect, matches, unless, when, approval, session_limit, message: _ } = self;
        format!("{:?}", (id, effect, matches, unless, when, approval, session_limit))
    }
}

#[cfg(test)]
impl PolicyRule {
    /// Returns a policy from the store with these parts only.
    pub(crate) fn bare(id: &str, effect: Effect, matches: Matcher) -> Self {
        Self {
            id: id.to_owned(),
            origin: Origin::Store,
            effect,
            matches,
            unless: None,
            when: None,
            approval: None,
            session_limit: None,
            message: None,
        }
    }
}

/// Conditions that must all hold. An empty list or table is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Who: names or ids of groups and roles. Globs.
    pub groups: Vec<String>,
    /// Who: principal ids. Globs.
    pub subjects: Vec<String>,
    /// Who: client (application) ids as the issuer sends them. Globs.
    pub clients: Vec<String>,
    /// Who: names of `[[oidc]]` entries. Globs.
    pub issuers: Vec<String>,
    /// Who: kinds of principals.
    pub kinds: Vec<Kind>,
    /// Who: claims of the token by path, all of them. See [`crate::policy::value`].
    pub claims: BTreeMap<String, String>,
    /// Where: names of connections. Globs.
    pub connections: Vec<String>,
    /// Where: tags of the connection, all of them. Exact, globs or alternatives.
    pub tags: BTreeMap<String, String>,
    /// Where: protocols.
    pub protocols: Vec<Protocol>,
    /// Where: addresses of the client, or CIDR blocks.
    pub source_ips: Vec<String>,
    /// What: classes of commands.
    pub operations: Vec<Class>,
    /// What: methods of HTTP, in any case, and of MCP (`tools/call`, `resources/*`). Globs.
    pub methods: Vec<String>,
    /// What: path globs.
    pub paths: Vec<String>,
    /// What: tools of an MCP server. Globs over names.
    pub tools: Vec<String>,
    /// What: prompts of an MCP server. Globs over names.
    pub prompts: Vec<String>,
    /// What: resources of an MCP server. Globs over URIs: `*` matches within a segment, `**` any number of
    /// segments.
    pub resources: Vec<String>,
    /// What: values in the body, or in MCP arguments, by path, all of them. See [`crate::policy::value`].
    pub args: BTreeMap<String, String>,
    /// What: relations that a SQL text names. Globs over `schema.table`, or over the table's name in any
    /// schema.
    pub tables: Vec<String>,
    /// What: columns that a SQL text names. Globs over `column`, `table.column` or `schema.table.column`.
    pub columns: Vec<String>,
    /// What: columns of which a SQL text may name none. Globs as for `columns`.
    pub columns_not: Vec<String>,
    /// What: functions that a SQL text calls. Globs over `schema.function`, or over the function's name in
    /// any schema.
    pub functions: Vec<String>,
    /// What: the verbs of the statements in a SQL text.
    pub verbs: Vec<Verb>,
    /// What: settings that a SQL text changes. Globs.
    pub settings: Vec<String>,
    /// What: whether a SQL text has an `UPDATE` or `DELETE` of all rows.
    pub all_rows: Option<bool>,
}

/// The times at which a policy holds: a window of hours on some days, in one time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// Days (`mon`, `tue`, …) or ranges of them (`mon-fri`, `fri-mon`). Empty: every day. A window that spans
    /// midnight belongs to the day on which it starts.
    pub days: Vec<String>,
    /// `HH:MM-HH:MM`, including the first minute and excluding the last; `22:00-06:00` spans midnight,
    /// `24:00` may end a window. Empty: all day.
    pub hours: String,
    /// The IANA name of the time zone. Empty: UTC.
    pub tz: String,
}

impl Matcher {
    /// Returns whether there is no condition at all.
    pub fn is_empty(&self) -> bool {
        self.written().is_empty()
    }

    /// Returns whether it says who.
    pub fn says_who(&self) -> bool {
        !(self.groups.is_empty()
            && self.subjects.is_empty()
            && self.clients.is_empty()
            && self.issuers.is_empty()
            && self.kinds.is_empty()
            && self.claims.is_empty())
    }

    /// Returns whether it has conditions that only apply to SQL.
    fn asks_sql(&self) -> bool {
        let lists = [&self.tables, &self.columns, &self.columns_not, &self.functions, &self.settings];
        lists.iter().any(|list| !list.is_empty()) || !self.verbs.is_empty() || self.all_rows.is_some()
    }

    /// Returns every key that is set with its values, in the order of the documentation.
    pub(super) fn written(&self) -> Vec<(String, Vec<String>)> {
        fn texts<T: fmt::Display>(values: &[T]) -> Vec<String> {
            values.iter().map(ToString::to_string).collect()
        }
        let table = |key: &str, entries: &BTreeMap<String, String>| -> Vec<(String, Vec<String>)> {
            entries.iter().map(|(name, value)| (format!("{key}.{name}"), vec![value.clone()])).collect()
        };
        let mut all = vec![
            ("groups".to_owned(), self.groups.clone()),
            ("subjects".to_owned(), self.subjects.clone()),
            ("clients".to_owned(), self.clients.clone()),
            ("issuers".to_owned(), self.issuers.clone()),
            ("kinds".to_owned(), texts(&self.kinds)),
        ];
        all.extend(table("claims", &self.claims));
        all.push(("connections".to_owned(), self.connections.clone()));
        all.extend(table("tags", &self.tags));
        all.push(("protocols".to_owned(), texts(&self.protocols)));
        all.push(("source_ips".to_owned(), self.source_ips.clone()));
        all.push(("operations".to_owned(), texts(&self.operations)));
        all.push(("methods".to_owned(), self.methods.clone()));
        all.push(("paths".to_owned(), self.paths.clone()));
        all.push(("tools".to_owned(), self.tools.clone()));
        all.push(("prompts".to_owned(), self.prompts.clone()));
        all.push(("resources".to_owned(), self.resources.clone()));
        all.extend(table("args", &self.args));
        all.push(("tables".to_owned(), self.tables.clone()));
        all.push(("columns".to_owned(), self.columns.clone()));
        all.push(("columns_not".to_owned(), self.columns_not.clone()));
        all.push(("functions".to_owned(), self.functions.clone()));
        all.push(("verbs".to_owned(), texts(&self.verbs)));
        all.push(("settings".to_owned(), self.settings.clone()));
        all.push(("all_rows".to_owned(), self.all_rows.iter().map(ToString::to_string).collect()));
        all.retain(|(_, values)| !values.is_empty());
        all
    }

    /// Returns whether a command that meets `self`, of a `match`, certainly meets `other`, of its `unless`,
    /// as far as the written conditions show.
    pub(super) fn implies(&self, other: &Self) -> bool {
        // One of them tests some of the names in a SQL text and the other all.
        if other.asks_sql() {
            return false;
        }
        let own = self.written();
        other.written().iter().all(|(key, values)| {
            own.iter().any(|(own_key, own_values)| {
                own_key == key && own_values.iter().all(|value| values.contains(value))
            })
        })
    }
}

impl fmt::Display for Matcher {
    /// Writes `groups = dba, sre; connections = crm`, for display.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, values)) in self.written().iter().enumerate() {
            let join = if place > 0 { "; " } else { "" };
            write!(f, "{join}{key} = {}", values.join(", "))?;
        }
        Ok(())
    }
}
