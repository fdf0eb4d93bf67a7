//! Masks rows, errors, notices and whatever else a server sends, before the client sees it.
//!
//! A column that comes straight from a masked column is masked by that rule, whatever the statement calls it:
//! the row description says where it comes from. For a computed value nothing says what went into it; it is
//! withheld if the SQL may have read masked values ([`Exposure`]). Everything else is searched by form, if
//! the plan has detectors ([`RowPlan`]). A masked value stays valid for its type: text where the type takes
//! text, else NULL.
//!
//! Which rows come back may reveal masked values, too, if the SQL looks at those columns: [`Guess`].
//!
//! What replaces a value that is not NULL:
//!
//! | type | under a masked name | withheld | something found by form |
//! |---|---|---|---|
//! | `text`, `varchar`, `bpchar`, `name`, `unknown` | the operator's text, cut to the declared length; NULL for `null` | `[REDACTED]` | the text with it replaced |
//! | `json`, `jsonb` | a JSON string or `null`; NULL for `null` | NULL | the JSON with it replaced |
//! | `xml` | NULL | NULL | the text with it replaced |
//! | any other | NULL | NULL | NULL |
//!
//! Arrays of `json` and `jsonb` are withheld if the plan masks by names. A binary value that cannot be read
//! is withheld if the plan has detectors. Dates, times, `uuid` and booleans in binary format pass: no
//! detector of the gateway finds anything in them.

mod cell;
mod exposure;
mod guess;
mod look;
mod numeric;
mod plan;
mod report;

#[cfg(test)]
mod tests;

pub use exposure::Exposure;
pub use guess::Guess;
pub use plan::Action;
pub use plan::RowError;
pub use plan::RowPlan;
pub use report::WITHHELD;
pub use report::clear_notification;
pub use report::clear_report;
pub use report::clear_status;
