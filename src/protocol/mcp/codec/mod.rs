//! Parses and writes MCP messages, lists, event streams and lines, strictly. No I/O, no policy.
//!
//! A message keeps its bytes ([`envelope::Message`]). Changes are spliced into them ([`splice`],
//! [`rewrite`]), so that everything else is passed on byte for byte: no number is rounded, no member is
//! dropped or moved. Messages arrive as whole bodies, as events of a stream ([`sse`]) or as lines
//! ([`mod@line`]). Ambiguous input is refused: what is judged here must be what the target reads.

pub mod envelope;
pub mod glimpse;
pub mod line;
pub mod listing;
mod piece;
pub mod rewrite;
pub mod splice;
pub mod sse;
#[cfg(test)]
mod tests;
