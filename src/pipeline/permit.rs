//! The proof that one command may be sent.

use crate::domain::approval::GrantScope;
use crate::pipeline::reply::ReplyGuard;

/// One command that was judged, approved where needed, and recorded, with exactly the bytes that belong to
/// it.
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
    /// The scope of the approval behind this permit; `None` if none was needed.
    covers: Option<GrantScope>,
}

impl<P> Permit<P> {
    pub(super) fn new(payload: P, reply: ReplyGuard) -> Self {
        Self { payload, reply, covers: None }
    }

    /// Sets the scope of the approval behind this permit.
    pub(super) fn by(self, covers: Option<GrantScope>) -> Self {
        Self { covers, ..self }
    }

    /// Returns whether the approval covers this one run only. The grant counts, which may be narrower than
    /// the policy allows.
    pub fn is_once(&self) -> bool {
        self.covers == Some(GrantScope::Once)
    }

    /// Returns the command's bytes, and the guard for its reply.
    pub fn into_parts(self) -> (P, ReplyGuard) {
        (self.payload, self.reply)
    }
}

/// The proof that something may be sent that prepares a command without running it, such as a prepared
/// statement.
#[must_use = "a preparation that is dropped sends nothing"]
pub struct Preparation<P>(pub(super) P);

impl<P> Preparation<P> {
    /// Returns the bytes to send.
    pub fn into_payload(self) -> P {
        self.0
    }
}
