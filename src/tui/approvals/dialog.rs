//! The dialog that confirms a decision: bound to one approval and its digest, and sent only by the last
//! Enter.

use crossterm::event::KeyEvent;

use crate::control::noun::approval::Decide;
use crate::domain::approval::Approval;
use crate::domain::approval::GrantScope;
use crate::domain::approval::Risk;
use crate::domain::id::ApprovalId;
use crate::tui::approvals::sheet::gives;
use crate::tui::input::Input;
use crate::tui::input::Typed;

/// Maximum length of a reason, in characters.
const LONGEST_REASON: usize = 2000;
/// Maximum length of a requester's name in the question, in characters.
const LONGEST_NAME: usize = 24;
/// Maximum length of the other inputs, in characters.
const LONGEST: usize = 80;

/// Truncates a name to [`LONGEST_NAME`] characters.
fn cut(name: &str) -> String {
    let start: String = name.chars().take(LONGEST_NAME).collect();
    if start.len() < name.len() { start + "..." } else { start }
}

/// An input that the dialog requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The name of the connection, required for high-risk commands.
    Name,
    /// The scope of the approval.
    Scope,
    /// The reason; `must` if it is mandatory.
    Reason { must: bool },
}

/// The result of a key.
#[derive(Debug)]
pub(super) enum Said {
    /// The dialog is not finished yet.
    On,
    /// The user cancelled.
    Nothing,
    /// The input is invalid, with the message to show.
    Wrong(String),
    /// The decision is confirmed.
    Decided(Decide),
}

/// An open decision.
#[derive(Debug)]
pub(super) struct Dialog {
    id: ApprovalId,
    digest: String,
    approve: bool,
    connection: String,
    /// The scope that the policy grants, and the scope of this approval if it is different.
    most: GrantScope,
    grant: Option<GrantScope>,
    question: String,
    fields: Vec<(Wanted, Input)>,
    at: usize,
}

impl Dialog {
    /// Creates a dialog to approve this one command. Fails with a message if that is not possible.
    pub(super) fn approve(approval: &Approval) -> Result<Self, String> {
        let (once, gives_more) = (GrantScope::Once, approval.spec.grant != GrantScope::Once);
        if gives_more && approval.spec.min > 1 {
            let (people, scope) = (approval.spec.min, approval.spec.grant);
            return Err(format!(
                "{people} people give {scope} together, as the policy says: A approves that"
            ));
        }
        let mut dialog = Self::new(approval, true, &format!("approve {} for", gives(once)));
        dialog.grant = gives_more.then_some(once);
        Ok(dialog.with_risk(approval).with_reason(approval.spec.reason))
    }

    /// Creates a dialog to approve for a time, up to the policy's scope. Fails with a message if that is not
    /// possible.
    pub(super) fn window(approval: &Approval) -> Result<Self, String> {
        let most = approval.spec.grant;
        if most == GrantScope::Once {
            return Err(format!("policy {} gives one command only: a approves that", approval.rule));
        }
        let mut dialog = Self::new(approval, true, &format!("approve {} for", gives(most)));
        if approval.spec.min <= 1 {
            dialog.fields.push((Wanted::Scope, Input::with(&most.to_string(), LONGEST)));
        }
        Ok(dialog.with_risk(approval).with_reason(approval.spec.reason))
    }

    /// Creates a dialog to deny.
    pub(super) fn deny(approval: &Approval) -> Self {
        Self::new(approval, false, "deny").with_reason(true)
    }

    fn new(approval: &Approval, approve: bool, verb: &str) -> Self {
        Self {
            id: approval.id,
            digest: approval.digest.clone(),
            approve,
            connection: approval.connection.to_string(),
            most: approval.spec.grant,
            grant: None,
            // A name that the requester chose must not look like the command, or push it out of sight.
            question: format!("{verb} \"{}\": {}", cut(&approval.label), approval.summary),
            fields: Vec::new(),
            at: 0,
        }
    }

    fn with_risk(mut self, approval: &Approval) -> Self {
        if approval.risk() == Risk::High {
            self.fields.push((Wanted::Name, Input::new(LONGEST)));
        }
        self
    }

    fn with_reason(mut self, must: bool) -> Self {
        if must {
            self.fields.push((Wanted::Reason { must }, Input::new(LONGEST_REASON)));
        }
        self
    }

    pub(super) fn id(&self) -> ApprovalId {
        self.id
    }

    pub(super) fn is_yes(&self) -> bool {
        self.approve
    }

    /// Returns the digest of the command that was on screen when the dialog was opened.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the question, not escaped.
    pub(super) fn question(&self) -> &str {
        &self.question
    }

    /// Returns the current input line, if the dialog needs one.
    pub(super) fn input(&mut self) -> Option<&mut Input> {
        self.fields.get_mut(self.at).map(|(_, input)| input)
    }

    /// Returns the prompt of the current input and its text before and after the cursor; `None` if only Enter
    /// is needed.
    pub(super) fn prompt(&self) -> Option<(String, (&str, &str))> {
        let (wanted, input) = self.fields.get(self.at)?;
        let prompt = match wanted {
            Wanted::Name => format!("high risk: type the name of the connection, {}:", self.connection),
            Wanted::Scope => format!("for how long (once, or up to {}):", self.most),
            Wanted::Reason { .. } => "reason:".to_owned(),
        };
        Some((prompt, input.parts()))
    }

    /// Handles a key. With `guarded`, the screen has only just changed, so an Enter was meant for something
    /// else.
    pub(super) fn key(&mut self, key: KeyEvent, guarded: bool) -> Said {
        let typed = match self.input() {
            Some(input) => input.key(key),
            None => Input::default().key(key),
        };
        match typed {
            Typed::GivenUp => Said::Nothing,
            Typed::Text | Typed::Nothing => Said::On,
            Typed::Done if guarded => Said::On,
            Typed::Done => self.enter(),
        }
    }

    fn enter(&mut self) -> Said {
        if let Some((wanted, input)) = self.fields.get(self.at) {
            let text = input.text().trim().to_owned();
            match wanted {
                Wanted::Name if text != self.connection => {
                    return Said::Wrong(format!(
                        "{text:?} is not the name of the connection, {}",
                        self.connection
                    ));
                }
                Wanted::Reason { must: true } if text.is_empty() => {
                    return Said::Wrong("a reason is needed".to_owned());
                }
                Wanted::Scope => match text.parse::<GrantScope>() {
                    Ok(scope) if scope.is_within(self.most) => {
                        self.grant = (scope != self.most).then_some(scope);
                    }
                    Ok(scope) => {
                        return Said::Wrong(format!("{scope} is more than the policy gives, {}", self.most));
                    }
                    Err(error) => return Said::Wrong(error.to_string()),
                },
                Wanted::Name | Wanted::Reason { .. } => {}
            }
            self.at += 1;
            if self.at < self.fields.len() {
                return Said::On;
            }
        }
        let reason = self.fields.iter().find(|(wanted, _)| matches!(wanted, Wanted::Reason { .. }));
        let reason = reason.map(|(_, input)| input.text().trim().to_owned()).unwrap_or_default();
        let (approve, digest) = (self.approve, Some(self.digest.clone()));
        Said::Decided(Decide { approve, reason, digest, grant: self.grant })
    }
}
