//! The proof that one command may be sent.

use crate::domain::approval::GrantScope;
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
    /// How far the word of people reaches that it came by; `None`: no people were needed.
    covers: Option<GrantScope>,
}

impl<P> Permit<P> {
    pub(super) fn new(payload: P, reply: ReplyGuard) -> Self {
        Self { payload, reply, covers: None }
    }

    /// The same, come by the word of people that reaches so far.
    pub(super) fn by(self, covers: Option<GrantScope>) -> Self {
        Self { covers, ..self }
    }

    /// Whether people have approved this one run and no other: what they gave counts, which may be less than the policy says.
    pub fn is_once(&self) -> bool {
        self.covers == Some(GrantScope::Once)
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
