//! Why a browser gets another page than the one that it asked for.

use http::StatusCode;

use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::control::page::Standing;
use crate::domain::id::ApprovalId;

/// Why a page is not what was asked for.
pub(super) struct Stop {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) words: String,
    /// Where it may go on.
    pub(super) next: Option<ApprovalId>,
    pub(super) standing: Standing,
    /// Whether somebody else may have more luck, who signs in at the issuer in place of whom that knows.
    pub(super) others: bool,
    /// Whether the browser is signed out with this.
    pub(super) ends: bool,
    /// The methods that the address takes, where it was asked by another one.
    pub(super) takes: Option<&'static str>,
}

impl Stop {
    pub(super) fn new(status: StatusCode, title: &'static str, words: impl Into<String>) -> Self {
        let words = words.into();
        let (next, standing) = (None, Standing::Nobody);
        Self { status, title, words, next, others: false, standing, ends: false, takes: None }
    }

    pub(super) fn refused(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Refused", words)
    }

    /// RFC 9110, section 15.5.6: what it takes is said in `Allow`, too.
    pub(super) fn takes(methods: &'static str) -> Self {
        let words = format!("This address takes {methods}.");
        let stop = Self::new(StatusCode::METHOD_NOT_ALLOWED, "Not so", words);
        Self { takes: Some(methods), ..stop }
    }

    pub(super) fn then(self, next: ApprovalId) -> Self {
        Self { next: Some(next), ..self }
    }

    pub(super) fn failed(self) -> Self {
        Self { standing: Standing::Failed, ..self }
    }
}

/// What the service layer did not do.
impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        let title = match error.code {
            ErrorCode::Conflict => "It changed: read it again",
            ErrorCode::Forbidden => "You may not do this",
            ErrorCode::NotFound => "There is no such approval",
            ErrorCode::Unauthenticated => "Your sign-in has ended",
            _ => "It did not work",
        };
        Self::new(error.code.status(), title, error.message)
    }
}
