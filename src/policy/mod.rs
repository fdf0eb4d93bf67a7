//! The decision point: pure, from who asks for what to a verdict.
//!
//! # How rules are read
//! A rule holds when every key of its `match` holds (AND), its `when` holds, and its `unless` does not. A list holds when one of
//! its values does (OR). Every rule counts, in whatever order they stand: a `deny` that holds wins, else an `approve`, else an
//! `allow`; when none holds the answer is deny.
//!
//! # What is not known
//! Every condition answers yes, no or *unsure*, and the answers join as in Kleene's logic. An `allow` holds only on yes. A `deny` or
//! an `approve` holds on unsure too. By the same logic an `unless` that is unsure excuses nothing from a deny or approve, and takes
//! an allow away. Unsure are:
//! - `groups` when the provider left them out ([`crate::domain::Groups::Unknown`]);
//! - `clients` when the token names none;
//! - a claim that the token does not have, so a deny by claim covers the tokens without it. To ask only whether a claim is there,
//!   write `"*"`, which is always sure: `unless = { claims = { suspended = "!= *" } }` takes the tokens without it out;
//! - `args` that were not or could not be read, a value of a type that cannot be compared, an array of which only some elements
//!   match (so an allow needs all of them and a deny one), a member whose name differs in case, `_` or `-` only, and a
//!   missing member under `!=`. Any other pattern on a missing member answers no;
//! - `paths` for a path that differs from the pattern only by a slash at its end or by `;parameters`, and for one that is not
//!   canonical.
//!
//! - everything about a SQL text that could not be understood, and what is told below under "SQL".
//!
//! # Classes
//! An `allow` without `operations` covers `read`, `write`, `ddl` and `admin`. So does an `approve`; on a command of class
//! `unknown` it only holds back what a rule that names `unknown` would let pass. A `deny` without `operations` covers everything.
//!
//! A SQL text may do several things. `operations` of a rule that lets pass must have the classes of all it does (reading, which
//! nearly everything does, need not be named beside a worse class), those of a rule that holds back or takes away only one of them:
//! `DELETE FROM t; CREATE TABLE x ()` is stopped by a deny of `write` and by one of `ddl`. Whoever lets `unknown` pass by name
//! lets pass whatever else is in the text.
//!
//! A text that calls a function of which nothing is known is `unknown`, and has a class without it ([`crate::domain::SqlCommand::base`]). A
//! rule that lets pass and whose `functions` surely describe every such function of the text is asked about that class in place
//! of `unknown`. So a policy names a function without naming all that is unknown; a `DO` block is not excused by it, for it is
//! unknown by itself. What holds back is asked about both: a deny of `unknown` stops the text, and so does a deny of
//! `write` when the rest of the text is a write.
//!
//! # Lets pass, holds back
//! What a SQL text names is a list: tables, columns, functions, verbs, settings. A condition that lets pass (`match` of an allow, `unless` of a
//! deny or approve) holds when *all* of the list is among its values, and when the list is empty; one that holds back or takes away
//! (`match` of a deny or approve, `unless` of an allow) when *one* is.
//!
//! An approve does both: it holds when one is, and lets pass, once somebody agreed, only what an allow of the same `operations`,
//! `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings` and `all_rows` would let pass or be unsure about (never so
//! about `operations`). What it does not cover it only holds back. Else a yes about customers, or a grant for an
//! hour of them, would open the salaries in the same text. So to hold back some of much, write an allow for all of it beside the approve.
//!
//! # Several approvals
//! When several `approve` rules hold, one approval must satisfy each of them: only groups that all of them name may decide, with
//! the highest `min`, the shortest `timeout`, a reason if one wants it, and the narrowest grant. If they have no
//! group in common nobody could satisfy them all, and the command is denied. (Uniting the groups would let
//! the approvers of one rule satisfy the other.)
//!
//! # MCP
//! A call of a tool is of class `unknown`, unless the connection trusts what the server says of its tools; so is every method that is
//! not known. An allow or approve without `operations` covers it all the same when it names it: a call by `tools`, everything else by
//! `methods`. One with `operations` must have `unknown` among them.
//!
//! Some messages need no policy of their own ([`crate::domain::McpCommand::needs_no_policy`]): the protocol cannot do without them, or
//! they are lists, of which a caller is shown what it may use ([`PolicySet::may_pass`], [`PolicySet::may_read_template`]). They pass for everybody to whom
//! the connection is open. What holds them back is only a deny or approve that asks for `methods`, and a deny that asks nothing about
//! the command at all.
//!
//! On what is no MCP message, `tools`, `prompts` and `resources` say no; on MCP `paths` and the conditions on SQL do.
//! - `tools`, `prompts`: globs over names; `*` is any text. A name that differs from the pattern only in case, space or unseen characters is
//!   unsure. So is a call that names no tool.
//! - `resources`: globs over URIs, compared with what needs no escape decoded. `*` is within one segment, `**` is a whole segment and
//!   stands for any number of them, so `file:///data/**` covers `file:///data` too; `*` alone is every URI. Unsure is a URI
//!   that fits only when case, a slash at the end, its query, fragment, `;parameters` or port are passed over, when `*` goes over a
//!   slash, or when `%2F` and the like are decoded; so to what is below a folder, write `**`. Unsure under every pattern but `*` is one
//!   that servers read in several ways: with `.` and `..` or empty segments, `\`, `%25`, a user name, or no scheme.
//! - `methods`: globs over the method. Case matters here; what differs in nothing else is unsure.
//! - `args`: what the arguments of a tool or prompt say.
//!
//! # Patterns
//! - Names (`groups`, `subjects`, `clients`, `issuers`, `connections`): exact, or `*` for any text.
//! - `tags`: exact, `*`, or alternatives joined by `|`; all that are given must hold.
//! - `paths`: case matters, `*` is within one segment, `**` is a whole segment and stands for any number of them, so
//!   `/admin/**` covers `/admin` and `/admin/` too. Patterns and paths are compared percent-decoded, segment by
//!   segment; `%2A` writes a literal `*`. Targets that ignore case need a pattern for each case they accept.
//! - `claims`, `args`: see [`value`].
//! - `methods`: `*` stands for any text; those of HTTP in any case.
//! - `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings`, `all_rows`: see below.
//! - `source_ips`: an address or a CIDR block; an IPv4 address inside IPv6 counts as IPv4.
//! - `when`: see [`When`].
//!
//! # SQL
//! On what is no SQL, `tables`, `columns`, `columns_not`, `functions`, `verbs`, `settings` and `all_rows` say no. On SQL, `methods`,
//! `paths` and the conditions on MCP do.
//!
//! Names are compared as the server reads them: in lower case unless quoted, cut to 63 bytes. Case matters, but a name that differs
//! in nothing else is unsure. A part of a pattern is a glob of its own; quotes are not written.
//! - `tables`: `schema.table`, or `table` for any schema. Every relation that the text names is asked about, whatever is done to
//!   it. A name without a schema may be in any: it is unsure under a pattern with a schema that is not `*`. But it counts as of
//!   `public`, and one that begins with `pg_` as of `pg_catalog`, for that is where a server looks. Other things than relations
//!   (schemas, types, roles) have no condition: they are of class `ddl` or `admin`.
//! - `columns`: `column`, `table.column` or `schema.table.column`. All columns whose rows are read or changed are asked about.
//!   `*`, whole rows, an `INSERT` without a list and columns under other names may be any column of their table: unsure, but under
//!   `*`. A column whose table the text does not tell may be of any table: unsure under a pattern with a table that is not `*`.
//! - `columns_not`: the opposite of `columns` as a deny has it: it holds when surely none of the columns is named.
//! - `functions`: `schema.function`, or `function` for any schema; names without a schema as for `tables`. What holds back asks about all
//!   functions that are called by name, so a deny on a whole schema covers every call without a schema. What lets pass asks only about
//!   those of which nothing is known: those that are known have their classes.
//! - `verbs`: words of [`crate::domain::sql::Verb`].
//! - `settings`: globs over the names of settings that the text sets or resets, in whatever form: `SET`, `RESET`, `set_config`, the modes of
//!   `BEGIN`; for roles, databases, the server or the calls of a function, too. A change of rows that lead to `pg_settings`, `RESET ALL`, and a name that is computed, may be any: unsure, but under `*`. What a client sets at its login is not asked
//!   about, but for `search_path`.
//! - `all_rows`: `true` holds when an `UPDATE` or `DELETE` has no `WHERE`, or one of some constants that always holds (`WHERE 1 = 1`), and
//!   when a `MERGE` does the same; `false` when none has. For what lets pass `true` holds only where the text changes nothing else. It is no
//!   fence against intent: `WHERE id = id` is a condition, and a `TRUNCATE` is known by its verb.
//!
//! More is unsure about tables, columns and functions, and the first about settings and `all_rows`, too:
//! - for an `EXECUTE` of a statement that an earlier text prepared: what that one names is not in this text. A `FETCH` from a
//!   cursor reads what was asked about when the cursor was declared;
//! - for a condition that lets pass, a text that sets `search_path` to other than the usual schemas, or a setting that is not
//!   told: it would change what names mean. Such a text is of class `write` at least, so let no other rule pass it either where names without a
//!   schema matter.
//!
//! A text shows only what it names: views, triggers and the like reach other tables with no word of it.

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
