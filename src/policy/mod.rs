//! The policy decision point: a pure function from who requests what to a verdict.
//!
//! # Evaluation
//! A policy holds if every key of its `match` holds (AND), its `when` holds, and its `unless` does not. A
//! list holds if one of its values does (OR). Every policy counts, and their order does not matter: a `deny`
//! that holds wins, otherwise an `approve`, otherwise an `allow`. If none holds, the verdict is deny.
//!
//! # What is not known
//! Every condition answers yes, no or *unsure*, and the answers join as in Kleene's logic. An `allow` holds
//! only on yes. A `deny` or an `approve` holds on unsure too. By the same logic an `unless` that is unsure
//! excuses nothing from a deny or approve, and takes an allow away. Unsure are:
//! - `groups` when the provider left them out ([`crate::domain::Groups::Unknown`]);
//! - `clients` when the token names none;
//! - a claim that the token does not have, so a deny by claim covers the tokens without it. To ask only
//!   whether a claim is there, write `"*"`, which is always sure: `unless = { claims = { suspended = "!= *" }
//!   }` takes the tokens without it out;
//! - `args` that were not or could not be read, a value of a type that cannot be compared, an array of which
//!   only some elements match (so an allow needs all of them and a deny one), a member whose name differs in
//!   case, width, blanks, unseen characters, `_` or `-` only or that is written flat (`order.amount`,
//!   `order[amount]`), a value that some target may read as another one (see [`value`]), and a missing member
//!   under `!=`. Any other pattern on a missing member answers no;
//! - `paths` for a path that differs from the pattern only by a slash at its end or by `;parameters`, and for
//!   one that is not canonical.
//!
//! - everything about a SQL text that could not be understood, and what is told below under "SQL".
//!
//! # Classes
//! An `allow` without `operations` covers `read`, `write`, `ddl` and `admin`. So does an `approve`; a command
//! of class `unknown` it can only hold back, if a policy that names `unknown` lets it pass. A `deny` without
//! `operations` covers everything.
//!
//! A SQL text may have several effects. The `operations` of a policy that lets it pass must include the
//! classes of all of them (`read`, which nearly every text includes, need not be listed beside a higher
//! class). The `operations` of a policy that stops or holds it need include only one: `DELETE FROM t; CREATE
//! TABLE x ()` is stopped by a deny of `write` and by a deny of `ddl`. A policy that allows `unknown` by name
//! allows everything else in the text too.
//!
//! A text that calls a function with unknown effects is `unknown`, and also has the class it would have
//! without that call ([`crate::domain::SqlCommand::base`]). If a policy that lets commands pass has
//! `functions` that certainly match every such function of the text, that other class is tested in place of
//! `unknown`. A policy can therefore allow a function by name without allowing everything unknown. This does
//! not cover a `DO` block, which is `unknown` by itself. A policy that stops or holds is tested against both
//! classes: a deny of `unknown` stops the text, and so does a deny of `write` if the rest of the text is a
//! write.
//!
//! # Conditions that let pass, conditions that stop
//! A SQL text names lists of things: tables, columns, functions, verbs, settings. A condition that lets
//! commands pass (`match` of an allow, `unless` of a deny or approve) holds if *all* elements of the list
//! match its values, and if the list is empty. A condition that stops or excludes (`match` of a deny or
//! approve, `unless` of an allow) holds if *one* element does.
//!
//! An approve does both. It holds if one element matches. Once approved, it lets pass only what an allow with
//! the same `operations`, `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings` and `all_rows`
//! would let pass or be unsure about (never unsure about `operations`). A command that it does not cover can
//! only be held by it. Otherwise an approval for customers, or a one-hour grant for them, would open the
//! salaries in the same text. To require approval for a part of what is allowed, write an allow for all of it
//! beside the approve.
//!
//! # Several approvals
//! If several `approve` policies hold, one approval must satisfy each of them: only groups that all of them
//! name may decide, with the highest `min`, the shortest `timeout`, a reason if one of them requires it, and
//! the narrowest grant. If they have no group in common, nobody could satisfy them all, and the command is
//! denied. (With the union of the groups, approvers of one policy could satisfy the other.)
//!
//! # MCP
//! A tool call is of class `unknown`, unless the connection trusts the server's annotations; so is every
//! unknown method. An allow or approve without `operations` nevertheless covers it if it names it: a call by
//! `tools`, anything else by `methods`. One with `operations` must list `unknown`.
//!
//! Some messages need no policy of their own ([`crate::domain::McpCommand::needs_no_policy`]): those that the
//! protocol requires, and lists, which are filtered to what the caller may use ([`PolicySet::may_pass`],
//! [`PolicySet::may_read_template`]). They pass for everybody to whom the connection is open. Only a deny or
//! approve with `methods`, and a deny without any condition on the command, stops them.
//!
//! On what is no MCP message, `tools`, `prompts` and `resources` say no; on MCP `paths` and the conditions on
//! SQL do.
//! - `tools`, `prompts`: globs over names; `*` is any text. A name that differs from the pattern only in
//!   case, width, space or unseen characters is unsure. So is a call that names no tool.
//! - `resources`: globs over URIs, compared with what needs no escape decoded. `*` is within one segment,
//!   `**` is a whole segment and stands for any number of them, so `file:///data/**` covers `file:///data`
//!   too; `*` alone is every URI. Unsure is a URI that fits only when case, a slash at the end, its query,
//!   fragment, `;parameters` or port are passed over, when `*` goes over a slash, or when `%2F` and the like
//!   are decoded; so to what is below a folder, write `**`. Unsure under every pattern but `*` is one that
//!   servers read in several ways: with `.` and `..` or empty segments, `\`, `%25`, a user name, or no
//!   scheme.
//! - `methods`: globs over the method. Case matters here; what differs in nothing else is unsure.
//! - `args`: what the arguments of a tool or prompt say.
//!
//! # Patterns
//! - Names (`groups`, `subjects`, `clients`, `issuers`, `connections`): exact, or `*` for any text.
//! - `tags`: exact, `*`, or alternatives joined by `|`; all listed tags must match.
//! - `paths`: case-sensitive. `*` matches within one segment, `**` is a whole segment and matches any number
//!   of them, so `/admin/**` covers `/admin` and `/admin/` too. Patterns and paths are compared
//!   percent-decoded, segment by segment; `%2A` writes a literal `*`. Targets that ignore case need a pattern
//!   for each case they accept.
//! - `claims`, `args`: see [`value`].
//! - `methods`: `*` matches any text; HTTP methods match in any case.
//! - `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings`, `all_rows`: see below.
//! - `source_ips`: an address or a CIDR block; an IPv4 address inside IPv6 counts as IPv4.
//! - `when`: see [`When`].
//!
//! # SQL
//! For a command that is not SQL, `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings` and
//! `all_rows` answer no. For SQL, `methods`, `paths` and the MCP conditions do.
//!
//! Names are compared as the server reads them: in lower case unless quoted, truncated to 63 bytes. Case
//! matters, but a name that differs only in case is unsure. Each part of a pattern is a glob of its own;
//! quotes are not written.
//! - `tables`: `schema.table`, or `table` for any schema. Tests every relation that the text names, whatever
//!   is done to it. A name without a schema may be in any schema: it is unsure under a pattern with a schema
//!   that is not `*`. It is nevertheless taken as in `public`, and one that begins with `pg_` as in
//!   `pg_catalog`, since a server looks there. Other objects than relations (schemas, types, roles) have no
//!   condition: they are of class `ddl` or `admin`.
//! - `columns`: `column`, `table.column` or `schema.table.column`. Tests all columns whose rows are read or
//!   changed. `*`, whole rows, an `INSERT` without a list and renamed columns may be any column of their
//!   table: unsure, except under `*`. A column whose table cannot be derived from the text may be of any
//!   table: unsure under a pattern with a table that is not `*`.
//! - `columns_not`: the opposite of `columns` of a deny: it holds if certainly none of the columns is named.
//! - `functions`: `schema.function`, or `function` for any schema; names without a schema as for `tables`. A
//!   condition that stops or holds tests all functions that are called by name, so a deny of a whole schema
//!   covers every call without a schema. A condition that lets pass tests only functions with unknown
//!   effects: known functions have their classes.
//! - `verbs`: values of [`crate::domain::sql::Verb`].
//! - `settings`: globs over the names of settings that the text sets or resets, in any form: `SET`, `RESET`,
//!   `set_config`, the modes of `BEGIN`; also for roles, databases, the server or the calls of a function. A
//!   change of rows that leads to `pg_settings`, `RESET ALL`, and a computed name may be any setting: unsure,
//!   except under `*`. Settings that a client sends at login are not tested, except `search_path`.
//! - `all_rows`: `true` holds if an `UPDATE` or `DELETE` has no `WHERE`, or one of constants that is always
//!   true (`WHERE 1 = 1`), and if a `MERGE` does the same; `false` holds if none does. In a condition that
//!   lets pass, `true` holds only if the text changes nothing else. This is no protection against intent:
//!   `WHERE id = id` is a condition, and `TRUNCATE` is matched by its verb.
//!
//! Tables, columns and functions, and in the first case settings and `all_rows`, are also unsure:
//! - for an `EXECUTE` of a statement that an earlier text prepared: this text does not show what that
//!   statement names. A `FETCH` from a cursor reads what was tested when the cursor was declared;
//! - in a condition that lets pass, for a text that sets `search_path` to other than the usual schemas, or an
//!   unknown setting: it would change what names mean. Such a text is at least of class `write`; where names
//!   without a schema matter, no other policy should let it pass either.
//!
//! A SQL text shows only what it names: views, triggers and the like reach other tables without naming them.

mod alike;
mod answer;
pub mod cases;
mod combine;
mod compile;
mod condition;
mod decimal;
mod explain;
mod facts;
mod glob;
mod groups;
pub mod lint;
mod listing;
mod mcp;
mod network;
mod operations;
mod path;
mod problem;
mod rule;
mod set;
mod settled;
mod sql;
pub mod value;
mod view;
mod window;

pub use explain::FailedCondition;
pub use explain::NEEDS_NO_POLICY;
pub use explain::RuleExplanation;
pub use explain::RuleOutcome;
pub use glob::fits;
pub use network::Network;
pub use problem::PolicyProblem;
pub use rule::Matcher;
pub use rule::PolicyRule;
pub use rule::When;
pub use set::PolicySet;
pub use set::Subject;
pub use settled::Unknown;
pub use sql::SqlSummary;

#[cfg(test)]
mod tests;
