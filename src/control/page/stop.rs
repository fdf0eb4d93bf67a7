//! Error pages for browsers.

use http::StatusCode;

use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::control::page::Standing;
use crate::domain::id::ApprovalId;

/// Why the requested page is not shown.
pub(super) struct Stop {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) words: String,
    /// The approval to which it may continue.
    pub(super) next: Option<ApprovalId>,
    pub(super) standing: Standing,
    /// Whether signing in at the issuer as somebody else may help.
    pub(super) others: bool,
    /// Whether this signs the browser out.
    pub(super) ends: bool,
    /// The methods that the address accepts, if it was requested with another one.
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

    /// Returns the refusal of other methods. RFC 9110, section 15.5.6: the accepted methods are also in
    /// `Allow`.
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

/// An error of the service layer.
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
