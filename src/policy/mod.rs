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
//! # Classes
//! An `allow` without `operations` covers `read`, `write`, `ddl` and `admin`. So does an `approve`; on a command of class
//! `unknown` it only holds back what a rule that names `unknown` would let pass. A `deny` without `operations` covers everything.
//!
//! # Several approvals
//! When several `approve` rules hold, one approval must satisfy each of them: only groups that all of them name may decide, with
//! the highest `min`, the shortest `timeout`, a reason if one wants it, and the narrowest grant. If they have no
//! group in common nobody could satisfy them all, and the command is denied. (Uniting the groups would let
//! the approvers of one rule satisfy the other.)
//!
//! # Patterns
//! - Names (`groups`, `subjects`, `clients`, `issuers`, `connections`): exact, or `*` for any text.
//! - `tags`: exact, `*`, or alternatives joined by `|`; all that are given must hold.
//! - `paths`: case matters, `*` is within one segment, `**` is a whole segment and stands for any number of them, so
//!   `/admin/**` covers `/admin` and `/admin/` too. Patterns and paths are compared percent-decoded, segment by
//!   segment; `%2A` writes a literal `*`. Targets that ignore case need a pattern for each case they accept.
//! - `claims`, `args`: see [`value`].
//! - `source_ips`: an address or a CIDR block; an IPv4 address inside IPv6 counts as IPv4.
//! - `when`: see [`When`].

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
mod network;
mod path;
mod problem;
mod rule;
mod set;
pub mod value;
mod window;

pub use explain::Explanation;
pub use explain::FailedCondition;
pub use explain::RuleExplanation;
pub use explain::RuleOutcome;
pub use problem::PolicyProblem;
pub use rule::Matcher;
pub use rule::PolicyRule;
pub use rule::When;
pub use set::PolicySet;
pub use set::Subject;

#[cfg(test)]
mod tests;
