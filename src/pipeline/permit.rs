//! The proof that one command may be sent.

use crate::pipeline::reply::ReplyGuard;

/// One command that was judged, approved where needed, and recorded, with exactly the bytes that belong to it.
///
/// Only the pipeline makes one:
/// ```compile_fail
/// let forged = hoopctl::pipeline::Permit { payload: b"DELETE /customers/7", reply: loop {} };
/// ```
/// and only a protocol's `upstream.rs` takes it apart (a test checks that).
#[must_use = "a permit that is dropped sends nothing"]
pub struct Permit<P> {
    payload: P,
    reply: ReplyGuard,
}

impl<P> Permit<P> {
    pub(super) fn new(payload: P, reply: ReplyGuard) -> Self {
        Self { payload, reply }
    }

    /// The command's bytes, and the guard that its reply must pass.
    pub fn into_parts(self) -> (P, ReplyGuard) {
        (self.payload, self.reply)
    }
}

/// The proof that something may be sent that makes a command ready and runs nothing of it, such as the text of a prepared statement.
#[must_use = "a preparation that is dropped sends nothing"]
pub struct Preparation<P>(pub(super) P);

impl<P> Preparation<P> {
    /// What is to be sent.
    pub fn into_payload(self) -> P {
        self.0
    }
}
