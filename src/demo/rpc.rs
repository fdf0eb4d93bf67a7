//! What JSON-RPC 2.0 calls its errors.

/// The body is no JSON.
pub(super) const NO_JSON: i32 = -32700;
/// The body is no message.
pub(super) const NO_MESSAGE: i32 = -32600;
/// There is no such method.
pub(super) const NO_METHOD: i32 = -32601;
/// The parameters are wrong.
pub(super) const NO_PARAMS: i32 = -32602;
