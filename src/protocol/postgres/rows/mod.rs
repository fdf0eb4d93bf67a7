//! Masks results: rows, reports and what else a server says, before the client sees it.
//!
//! A column that comes straight from a masked column is masked by that rule, whatever the statement calls it:
//! the description of the rows says where it comes from. Of a value that is computed nobody says what went
//! into it; it is withheld if the text may have read masked values ([`Exposure`]). What is left is searched
//! by shape, if the plan has detectors ([`RowPlan`]). A masked cell stays valid for its type: text where the
//! type takes text, else NULL.
//!
//! What rows there are may tell what is in masked columns, too, if the text looks at those: [`Guess`].
//!
//! What takes the place of a cell that is not NULL:
//!
//! | type | under a masked name | withheld | something found by shape |
//! |---|---|---|---|
//! | `text`, `varchar`, `bpchar`, `name`, `unknown` | the operator's text, cut to the declared length; NULL for `null` | `[REDACTED]` | the text with it replaced |
//! | `json`, `jsonb` | a JSON string or `null`; NULL for `null` | NULL | the JSON with it replaced |
//! | `xml` | NULL | NULL | the text with it replaced |
//! | any other | NULL | NULL | NULL |
//!
//! Arrays of `json` and `jsonb` are withheld where the plan masks by names. Withheld is also a binary cell
//! that cannot be read where the plan has detectors. Dates, times, `uuid` and truth values in binary are
//! passed: no detector of the gateway's own finds anything in them.

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
