//! The export that is being prepared: in which form, to which file.

use std::path::PathBuf;

use crate::control::noun::session::SessionView;
use crate::recording::export::Form;
use crate::tui::input::Input;

/// The longest path, in characters.
const LONGEST: usize = 400;

/// An export that is being prepared.
#[derive(Debug)]
pub(super) struct Export {
    session: SessionView,
    /// The forms, those that fit the session first.
    pub(super) forms: Vec<Form>,
    /// Which of them is chosen.
    pub(super) chosen: usize,
    /// The path, while it is typed.
    pub(super) path: Option<Input>,
}

/// Whether a form has a place for what a session speaks.
pub(super) fn fits(form: Form, protocol: &str) -> bool {
    match form {
        Form::Har => protocol == "http",
        Form::McpFixture => protocol == "mcp",
        Form::Sql => protocol == "postgres",
        Form::Jsonl | Form::Text => true,
    }
}

/// What a form is for.
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
    /// Of this session.
    pub(super) fn new(session: SessionView) -> Self {
        let (mut forms, others): (Vec<Form>, Vec<Form>) =
            Form::ALL.into_iter().partition(|form| fits(*form, &session.protocol));
        // What holds only this protocol first: it tells the most.
        forms.sort_by_key(|form| matches!(form, Form::Jsonl | Form::Text));
        forms.extend(others);
        Self { session, forms, chosen: 0, path: None }
    }

    /// What the session speaks. Raw.
    pub(super) fn protocol(&self) -> &str {
        &self.session.protocol
    }

    /// The form.
    pub(super) fn form(&self) -> Form {
        self.forms.get(self.chosen).copied().unwrap_or(Form::Jsonl)
    }

    /// Another form, round the corner.
    pub(super) fn choose(&mut self, back: bool) {
        let count = self.forms.len().max(1);
        self.chosen = (self.chosen + if back { count - 1 } else { 1 }) % count;
    }

    /// The form is chosen: where to.
    pub(super) fn ask_path(&mut self) {
        let path = format!("./{}.{}", self.session.id, extension(self.form()));
        self.path = Some(Input::with(&path, LONGEST));
    }

    /// What is wanted, once there is a path.
    pub(super) fn wanted(&self) -> Option<(Box<SessionView>, Form, PathBuf)> {
        let path = self.path.as_ref()?.text();
        let path = path.trim();
        (!path.is_empty()).then(|| (Box::new(self.session.clone()), self.form(), PathBuf::from(path)))
    }
}
