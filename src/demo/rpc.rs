//! Error codes of JSON-RPC 2.0.

/// The body is not JSON.
pub(super) const NO_JSON: i32 = -32700;
/// The body is not a valid message.
pub(super) const NO_MESSAGE: i32 = -32600;
/// Unknown method.
pub(super) const NO_METHOD: i32 = -32601;
/// Invalid parameters.
pub(super) const NO_PARAMS: i32 = -32602;
