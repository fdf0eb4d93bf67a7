//! Bytes to facts and back, for MCP: messages, lists, event streams and lines, read strictly. No I/O, no policy.
//!
//! A message keeps its bytes ([`envelope::Message`]). What is changed on its way is spliced into them ([`splice`], [`rewrite`]), so that
//! everything else goes on byte by byte as it came: no number is rounded, no member is dropped or moved. Messages arrive as whole
//! bodies, as events of a stream ([`sse`]) or as lines ([`mod@line`]). What can be read in two ways is refused: what is judged here must be
//! what the target reads.

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
