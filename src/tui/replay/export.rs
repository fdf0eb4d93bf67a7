//! The export dialog: format and file.

use std::path::PathBuf;

use crate::control::noun::session::SessionView;
use crate::recording::export::Form;
use crate::tui::input::Input;

/// Maximum length of the path, in characters.
const LONGEST: usize = 400;

/// The state of the export dialog.
#[derive(Debug)]
pub(super) struct Export {
    session: SessionView,
    /// The formats, those that fit the session first.
    pub(super) forms: Vec<Form>,
    /// The index of the chosen format.
    pub(super) chosen: usize,
    /// The path input, once it is open.
    pub(super) path: Option<Input>,
}

/// Returns whether a format can hold sessions of a protocol.
pub(super) fn fits(form: Form, protocol: &str) -> bool {
    match form {
        Form::Har => protocol == "http",
        Form::McpFixture => protocol == "mcp",
        Form::Sql => protocol == "postgres",
        Form::Jsonl | Form::Text => true,
    }
}

/// Describes the purpose of a format.
pub(super) const fn purpose(form: Form) -> &'static str {
    match form {
        Form::Har => "HTTP archive, for the tools of a browser",
        Form::Jsonl => "every byte and hash, to verify and replay elsewhere",
        Form::McpFixture => "exchanges of MCP, to be served by a fake target",
        Form::Sql => "the statements as a script",
        Form::Text => "the transcript, as it is shown here",
    }
}

const fn extension(form: Form) -> &'static str {
    match form {
        Form::Har => "har",
        Form::Jsonl => "jsonl",
        Form::McpFixture => "json",
        Form::Sql => "sql",
        Form::Text => "txt",
    }
}

impl Export {
    /// Opens the dialog for a session.
    pub(super) fn new(session: SessionView) -> Self {
        let (mut forms, others): (Vec<Form>, Vec<Form>) =
            Form::ALL.into_iter().partition(|form| fits(*form, &session.protocol));
        // Formats for this protocol only come first: they are the most specific.
        forms.sort_by_key(|form| matches!(form, Form::Jsonl | Form::Text));
        forms.extend(others);
        Self { session, forms, chosen: 0, path: None }
    }

    /// Returns the session's protocol. Not escaped.
    pub(super) fn protocol(&self) -> &str {
        &self.session.protocol
    }

    /// Returns the chosen format.
    pub(super) fn form(&self) -> Form {
        self.forms.get(self.chosen).copied().unwrap_or(Form::Jsonl)
    }

    /// Chooses the next or previous format, wrapping around.
    pub(super) fn choose(&mut self, back: bool) {
        let count = self.forms.len().max(1);
        self.chosen = (self.chosen + if back { count - 1 } else { 1 }) % count;
    }

    /// Opens the path input.
    pub(super) fn ask_path(&mut self) {
        let path = format!("./{}.{}", self.session.id, extension(self.form()));
        self.path = Some(Input::with(&path, LONGEST));
    }

    /// Returns the export to perform, once there is a path.
    pub(super) fn wanted(&self) -> Option<(Box<SessionView>, Form, PathBuf)> {
        let path = self.path.as_ref()?.text();
        let path = path.trim();
        (!path.is_empty()).then(|| (Box::new(self.session.clone()), self.form(), PathBuf::from(path)))
    }
}
