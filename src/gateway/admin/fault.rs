//! Maps errors of other layers to errors of the admin API: code, message, hint.

use crate::approval::DecideError;
use crate::approval::RevokeError;
use crate::config::Problems;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::domain::with_causes;
use crate::recording::ReadError;
use crate::recording::RecordError;
use crate::secret::SealError;
use crate::store::StoreError;

/// The longest reason, in bytes.
const MAX_REASON: usize = 1000;

/// Checks that a reason is not longer than the audit trail allows.
pub(super) fn check_length(reason: &str) -> Result<(), ApiError> {
    if reason.len() <= MAX_REASON {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::BadRequest, format!("the reason is longer than {MAX_REASON} bytes")))
}

/// Maps an error of the store.
pub(super) fn fault_of_store(error: &StoreError) -> ApiError {
    let code = match error {
        StoreError::Changed { .. } | StoreError::Exists { .. } => ErrorCode::Conflict,
        StoreError::Missing { .. } => ErrorCode::NotFound,
        StoreError::Alone { .. } | StoreError::AuditBroken { .. } | StoreError::Damaged { .. } => {
            ErrorCode::Integrity
        }
        StoreError::Locked { .. } | StoreError::Overloaded | StoreError::Stopped => ErrorCode::Unavailable,
        StoreError::Newer { .. }
        | StoreError::NotOurs { .. }
        | StoreError::ReadOnly { .. }
        | StoreError::Replaced { .. }
        | StoreError::TooWide { .. }
        | StoreError::Unsafe
        | StoreError::WrongOwner { .. }
        | StoreError::WrongType { .. } => ErrorCode::Failed,
        StoreError::Database { .. } | StoreError::Io { .. } => ErrorCode::Internal,
    };
    let fault = ApiError::new(code, with_causes(error));
    match error {
        StoreError::Locked { .. } => {
            fault.hint("a gateway holds it but does not answer on its admin socket: see its log")
        }
        _ => fault,
    }
}

/// Maps an error of reading a recording.
pub(super) fn fault_of_reading(error: &ReadError) -> ApiError {
    let (code, hint) = match error {
        ReadError::Ambiguous { .. } => (ErrorCode::BadRequest, Some("give more characters of its id")),
        ReadError::Event { .. } => (ErrorCode::Integrity, Some("run `hoopctl session verify`")),
        ReadError::NoJournal { .. } | ReadError::NoSession { .. } => (ErrorCode::NotFound, None),
        ReadError::Open(RecordError::NotAJournal { .. }) => (ErrorCode::Integrity, None),
        ReadError::Open(_) => (ErrorCode::Failed, None),
        ReadError::Query { .. } => (ErrorCode::Internal, None),
    };
    let fault = ApiError::new(code, with_causes(error));
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Maps the reason why a decision did not count.
pub(super) fn fault_of_decision(error: &DecideError) -> ApiError {
    let code = match error {
        DecideError::AlreadyDecided { .. } | DecideError::Ended { .. } => ErrorCode::Conflict,
        DecideError::Missing { .. } => ErrorCode::NotFound,
        DecideError::NotHuman { .. }
        | DecideError::NotInGroup { .. }
        | DecideError::OwnRequest { .. }
        | DecideError::Truncated { .. } => ErrorCode::Forbidden,
        DecideError::ReasonMissing { .. }
        | DecideError::ReasonTooLong { .. }
        | DecideError::SharedScope { .. }
        | DecideError::Wider { .. } => ErrorCode::BadRequest,
        DecideError::Store(error) => return fault_of_store(error),
    };
    let fault = ApiError::new(code, error.to_string());
    match error {
        DecideError::ReasonMissing { .. } => fault.hint("say why with --reason"),
        DecideError::NotInGroup { .. } => {
            fault.hint("admin.local_groups says which groups an OS user has, a token those of who signed in")
        }
        _ => fault,
    }
}

/// Maps the reason why a grant could not be revoked.
pub(super) fn fault_of_revoking(error: &RevokeError) -> ApiError {
    match error {
        RevokeError::Ended { .. } => ApiError::new(ErrorCode::Conflict, error.to_string()),
        RevokeError::Missing { .. } => ApiError::new(ErrorCode::NotFound, error.to_string()),
        RevokeError::Store(error) => fault_of_store(error),
    }
}

/// Maps an error of sealing a secret.
pub(super) fn fault_of_sealing(error: &SealError) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, format!("the secret cannot be sealed: {}", with_causes(error)))
        .hint("see storage.key in the configuration")
}

/// Builds the error for an invalid configuration.
pub(super) fn invalid(what: &str, problems: &Problems) -> ApiError {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let text = match lines.as_slice() {
        [only] => format!("{what}: {only}"),
        more => format!("{what}: {} problems", more.len()),
    };
    ApiError::new(ErrorCode::Invalid, text).problems(lines)
}
